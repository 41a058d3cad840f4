"""Several watchers on one model, copies of it, and calls that are only traced."""

import copy
import itertools
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel

from modelviz_callbacks import ModelVizCallback, ModelVizHook, record_architecture
from modelviz_callbacks.watch.quiet import quiet
from modelviz_callbacks.watch.root_calls import CallObserver, CallWatcher, RootCall
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.models import HostileNet, TakesTensor, digits, gan, lit, loader, trainer
from tests.test_untouched import assert_same, fingerprint, hostile_state, reset


def watched(net: nn.Module) -> tuple[CallWatcher, list[RootCall]]:
    calls: list[RootCall] = []
    watcher = CallWatcher({"": net}, CallObserver(calls.append))
    watcher.arm()
    return watcher, calls


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_watchers_come_off_in_any_order(order) -> None:
    """Those that stay still see; after the last one nothing is left."""
    net = TakesTensor()
    before = dict(vars(net))
    pairs = [watched(net) for _ in range(3)]
    for gone, index in enumerate(order):
        net(digits())
        assert [len(calls) for _, calls in pairs].count(gone + 1) == 3 - gone
        pairs[index][0].disarm()
    net(digits())
    assert [len(pairs[index][1]) for index in order] == [1, 2, 3]
    assert vars(net) == before


def test_an_attribute_of_the_users_is_put_back() -> None:
    """A call that somebody else replaced on the instance stays replaced, in copies too."""
    net = TakesTensor()
    net._call_impl = lambda x: x + 1
    watcher, calls = watched(net)
    assert torch.equal(net(digits()), digits() + 1)
    assert torch.equal(copy.copy(net)(digits()), digits() + 1)
    watcher.disarm()
    assert torch.equal(net(digits()), digits() + 1)
    assert len(calls) == 1


def test_a_model_compiled_in_place_between_two_watchers_is_left_as_it_was() -> None:
    """Both see the compiled call, and both come off in either order."""
    for first in (0, 1):
        net = TakesTensor()
        before = {*vars(net), "_compiled_call_impl"}
        pairs = [watched(net)]
        net.compile(backend="eager")
        pairs.append(watched(net))
        net(digits())
        assert [len(calls) for _, calls in pairs] == [1, 1]
        pairs[first][0].disarm()
        pairs[1 - first][0].disarm()
        assert set(vars(net)) == before
        assert net._compiled_call_impl._torchdynamo_orig_callable == net._call_impl
        net(digits())
        assert [len(calls) for _, calls in pairs] == [1, 1]


def test_a_watcher_sees_only_calls_of_its_own_depth() -> None:
    """A replay is nobody's business, except that of a watcher armed inside it."""
    net = TakesTensor()
    outer, seen_outside = watched(net)
    with quiet():
        inner, seen_inside = watched(net)
        net(digits())
        inner.disarm()
    assert (len(seen_outside), len(seen_inside)) == (0, 1)
    net(digits())
    outer.disarm()
    assert (len(seen_outside), len(seen_inside)) == (1, 1)


def train(folder: Path, who: str) -> dict[str, Any]:
    """Trains with two callbacks, with a hook and a callback, or without us."""
    reset()
    module = lit(HostileNet())
    callbacks = [ModelVizCallback(depth=1, formats=()), ModelVizCallback(depth=3, formats=())]
    chosen: list[Any] = {"nobody": [], "hook": callbacks[:1], "callbacks": callbacks}[who]
    hook = ModelVizHook(module.net, folder / "hook", formats=()) if who == "hook" else None
    fit = trainer(folder, *chosen)
    fit.fit(module, loader())
    if hook is not None:
        assert statuses(str(hook.directory)) == ALL_OK
    for callback in chosen:
        assert statuses(str(callback.directory)) == ALL_OK
        assert len(read_manifest(str(callback.directory))["root_calls"]) == 1
    assert not any("_call_impl" in vars(part) for part in module.modules())
    state = fingerprint(module) | hostile_state(module.net) | {"losses": module.losses}
    return state | {"adam": fit.optimizers[0].state_dict()}


@pytest.mark.parametrize("who", ["hook", "callbacks"])
def test_two_of_us_record_and_the_training_is_bit_identical(who, tmp_path) -> None:
    """Two callbacks, or a hook and a callback: each has its record, none sees the other's work."""
    assert_same(train(tmp_path / "without", "nobody"), train(tmp_path / "with", who))


def test_two_callbacks_show_their_own_depth(tmp_path) -> None:
    """Different settings, different records, in one run folder."""
    net = nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 4))
    callbacks = [ModelVizCallback(depth=depth, formats=()) for depth in (1, 3)]
    trainer(tmp_path, *callbacks).fit(lit(net), loader())
    shallow, deep = (Path(str(c.directory), "summary.txt").read_text("utf-8") for c in callbacks)
    assert "Tanh" not in shallow
    assert "Tanh" in deep


def test_two_callbacks_see_both_networks_of_a_gan(tmp_path) -> None:
    """Roots of one are not taken for roots by the other's replays."""
    callbacks = [ModelVizCallback(formats=(), target=target) for target in (None, "generator")]
    trainer(tmp_path, *callbacks).fit(gan(), loader())
    roots = [read_manifest(str(c.directory))["model"]["roots"] for c in callbacks]
    assert roots == [["generator", "discriminator"], ["generator"]]


def test_record_architecture_works_on_an_armed_model(tmp_path) -> None:
    """It does not set the hook off."""
    net = nn.Sequential(nn.Linear(8, 8), TakesTensor())
    hook = ModelVizHook(net, tmp_path / "hook", formats=())
    for target in (None, "1"):
        folder = record_architecture(
            net, (digits(),), log_dir=tmp_path / str(target), formats=(), target=target
        )
        assert statuses(folder) == ALL_OK
    assert statuses(str(hook.directory)) == {"modules": "ok"}
    net(digits())
    assert statuses(str(hook.directory)) == ALL_OK


class Slotted(TakesTensor):
    """Says itself what its state is, and hands out its own `__dict__`."""

    def __getstate__(self) -> Any:
        return self.__dict__


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "copy of a copy": lambda net: copy.deepcopy(copy.copy(net)),
    "data-parallel replica": lambda net: net._replicate_for_data_parallel(),
}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("kind", [TakesTensor, Slotted])
def test_a_copy_of_an_armed_model_runs_itself(make, kind, tmp_path) -> None:
    """The copy has nothing of ours, and its calls are not taken for the model's."""
    net = kind()
    hook = ModelVizHook(net, tmp_path, formats=())
    twin = make(net)
    assert "_call_impl" in vars(net)
    assert not {"_call_impl", "__getstate__", "_replicate_for_data_parallel"} & set(vars(twin))
    twin._modules = {"layer": nn.Identity()}
    assert torch.equal(twin(digits()), digits())
    assert statuses(str(hook.directory)) == {"modules": "ok"}
    net(digits())
    assert statuses(str(hook.directory)) == ALL_OK
    assert set(vars(net)) == set(vars(kind()))


TRACES = {
    "torch.jit.trace": lambda net, x: torch.jit.trace(net, (x,)),
    "torch.jit.script": lambda net, _x: torch.jit.script(net),
    "torch.export": lambda net, x: torch.export.export(net, (x,)).module(),
    "non-strict torch.export": lambda net, x: torch.export.export(net, (x,), strict=False).module(),
    "compiled function": lambda net, _x: torch.compile(
        lambda x: net(x) * 1, backend="eager", fullgraph=True
    ),
    "torch.fx": lambda net, _x: torch.fx.symbolic_trace(net),
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_tracing_an_armed_model_gives_what_it_gives_without_us(trace, tmp_path) -> None:
    """The shadow is no part of the program, and the hook stays armed for the real first step."""
    outputs: list[Tensor] = []
    for ours in (False, True):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
        if ours:
            hook = ModelVizHook(net, tmp_path, formats=())
        program = trace(net, digits())
        outputs.append(program(digits()))
    assert torch.equal(*outputs)
    assert statuses(str(hook.directory)) == {"modules": "ok"}
    net(digits())
    assert statuses(str(hook.directory)) == ALL_OK


def test_a_scattering_that_fails_is_left_to_the_real_call(monkeypatch) -> None:
    """What DataParallel makes of its inputs is looked at; a failure there is none of ours."""
    net = DataParallel(TakesTensor())
    net.device_ids = [0]
    monkeypatch.setattr(DataParallel, "scatter", lambda *_args: 1 / 0)
    monkeypatch.setattr(DataParallel, "forward", lambda self, x: self.module(x))
    watcher, calls = watched(net)
    net(digits())
    watcher.disarm()
    assert len(calls) == 1


def test_a_call_that_is_only_captured_is_not_watched(monkeypatch, tmp_path) -> None:
    """A CUDA graph in the making would take our replays in; the hook waits for a real call."""
    hook = ModelVizHook(net := TakesTensor(), tmp_path, formats=())
    with monkeypatch.context() as capturing:
        capturing.setattr(torch.cuda, "is_initialized", lambda: True)
        capturing.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
        net(digits())
    assert statuses(str(hook.directory)) == {"modules": "ok"}
    net(digits())
    assert statuses(str(hook.directory)) == ALL_OK
