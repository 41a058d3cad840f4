"""After the first step nothing of ours or of a library's is left."""

import copy
import gc
import io
import pickle
import weakref
from typing import Any

import pytest
import torch
import torchinfo.torchinfo
from torch import nn
from torchview.recorder_tensor import RecorderTensor, orig_name_list

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from tests import models
from tests.conftest import ALL_OK, statuses
from tests.models import HostileNet, TakesTensor, digits, lit, loader, trainer


def attributes(net: nn.Module) -> dict[str, dict[str, str]]:
    return {n: {k: type(v).__name__ for k, v in vars(m).items()} for n, m in net.named_modules()}


def hooks(net: nn.Module) -> list[int]:
    return [len(m._forward_hooks) + 10 * len(m._forward_pre_hooks) for m in net.modules()]


def trained(net: nn.Module, folder: Any, how: str) -> nn.Module:
    if how == "plain":
        with ModelVizHook(net, folder, formats=()):
            net(digits()).sum().backward()
    else:
        trainer(folder, ModelVizCallback(formats=())).fit(lit(net), loader())
    return net


HOW = pytest.mark.parametrize("how", ["plain", "lightning"])


@HOW
def test_no_attribute_and_no_hook_is_left(how, tmp_path) -> None:
    """The same attributes of the same types, the same hooks, as after a step without us."""
    plain = HostileNet()
    plain(digits())
    net = trained(HostileNet(), tmp_path, how)
    assert attributes(net) == attributes(plain)
    assert hooks(net) == hooks(plain)


@HOW
def test_torch_is_as_it_was(how, tmp_path) -> None:
    """nn.Module.__call__ and the functions that torchview replaces are the same objects."""
    before = [nn.Module.__call__, *(getattr(torch, name) for name in orig_name_list)]
    trained(HostileNet(), tmp_path, how)
    after = [nn.Module.__call__, *(getattr(torch, name) for name in orig_name_list)]
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_a_patch_made_after_torchviews_import_survives(tmp_path, monkeypatch) -> None:
    """Torchview puts back what it saw when it was imported; a profiler's patch is newer."""
    original = nn.Module.__call__

    def profiled(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "__call__", profiled)
    trained(TakesTensor(), tmp_path, "plain")
    assert nn.Module.__call__ is profiled


@HOW
def test_no_tensor_of_torchview_is_alive(how, tmp_path) -> None:
    """Not in the model, not in a module-level cache, not anywhere."""
    models.position_table.cache_clear()
    trained(HostileNet(), tmp_path, how)
    gc.collect()
    assert [o for o in gc.get_objects() if type(o) is RecorderTensor] == []
    assert type(models.position_table(8)) is torch.Tensor
    assert torchinfo.torchinfo._cached_forward_pass == {}


@HOW
def test_the_model_can_be_copied_pickled_and_saved(how, tmp_path) -> None:
    """deepcopy, pickle, torch.save and a weights-only load of the state work as before."""
    net = trained(TakesTensor(), tmp_path, how)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), saved_and_loaded(net)):
        assert torch.equal(twin(digits()), net(digits()))
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    buffer.seek(0)
    assert list(torch.load(buffer, weights_only=True)) == list(TakesTensor().state_dict())


def saved_and_loaded(net: nn.Module) -> Any:
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


def test_a_model_is_copied_and_pickled_cleanly_while_the_hook_is_armed(tmp_path) -> None:
    """An EMA copy made before the first step works, records nothing, needs no package of ours."""
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, formats=())
    ema, pickled = copy.deepcopy(net), pickle.dumps(net)
    assert b"modelviz" not in pickled
    for twin in (ema, pickle.loads(pickled)):
        assert torch.equal(twin.train()(digits()), twin.layer(digits()))
        assert statuses(hook.directory) == {"modules": "ok"}
    twin = copy.deepcopy(ema)
    with torch.no_grad():
        twin.layer.weight.zero_()
    assert not torch.equal(twin(digits()), ema(digits()))
    net(digits())
    assert statuses(hook.directory) == ALL_OK


def test_a_second_fit_trains_and_makes_no_second_record(tmp_path) -> None:
    """One record a run directory."""
    callback, module = ModelVizCallback(formats=()), lit(HostileNet())
    fit = trainer(tmp_path, callback, max_epochs=1)
    fit.fit(module, loader())
    fit.fit_loop.max_epochs = 2
    fit.fit(module, loader())
    assert len(module.losses) == 6
    assert len(list(tmp_path.rglob("manifest.json"))) == 1


def test_the_callback_can_be_pickled_before_and_after_a_fit(tmp_path) -> None:
    """ddp_spawn sends callbacks to other processes."""
    callback = ModelVizCallback(depth=1, formats=())
    assert pickle.loads(pickle.dumps(callback)).settings.depth == 1
    trainer(tmp_path, callback).fit(lit(TakesTensor()), loader())
    assert pickle.loads(pickle.dumps(callback)).settings.depth == 1


def test_nothing_of_the_model_is_kept_alive(tmp_path) -> None:
    """After the first step a hook that nobody closed does not hold the model."""
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, formats=())
    net(digits())
    alive = weakref.ref(net)
    del net
    gc.collect()
    assert alive() is None
    assert hook.wait(0)
