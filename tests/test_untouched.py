"""Promise 1: a run with us and one without end bit for bit the same."""

import random
import threading
from typing import Any

import numpy as np
import pytest
import torch
import torchinfo.layer_info
import torchview.recorder_tensor
import torchviz
from torch import Tensor, nn
from torch.nn import functional as F

from modelviz_callbacks import ModelVizCallback, ModelVizHook, ModelVizWarning
from tests import models
from tests.conftest import find_record, statuses
from tests.models import HostileNet, digits, gan, lit, loader, trainer

EXACT = {"formats": ()}


def fingerprint(module: nn.Module) -> dict[str, Any]:
    """Everything that a training leaves in a module and around it."""
    return {
        "state": {k: v.clone() for k, v in module.state_dict().items()},
        "modes": {n: m.training for n, m in module.named_modules()},
        "trains": {n: p.requires_grad for n, p in module.named_parameters()},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "python": random.getstate(),
        "numpy": np.random.get_state()[1],  # noqa: NPY002
        "dtype": torch.get_default_dtype(),
    }


def hostile_state(net: HostileNet) -> dict[str, Any]:
    return {
        "statistics": net.statistics,
        "table": net.table,
        "history": [t.detach() for t in net.history],
        "last": net.by_name["last"],
        "keys": net.cache.keys,
        "length": net.cache.length,
        "calls": net.calls,
        "closure": net.seen_by_closure,
        "global": list(models.SEEN_BY_GLOBAL_HOOK),
        "generator": net.generator.get_state(),
        "dice": net.dice.getstate(),
    }


def assert_same(one: Any, other: Any, where: str = "") -> None:
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(one, (Tensor, np.ndarray)):
        pair = torch.as_tensor(one).detach(), torch.as_tensor(other).detach()
        torch.testing.assert_close(*pair, rtol=0, atol=0, equal_nan=True, msg=where)
    else:
        assert one == other, where


def reset() -> None:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    models.SEEN_BY_GLOBAL_HOOK.clear()
    models.position_table.cache_clear()


def train_plainly(
    folder: Any, *, ours: bool, bf16: bool = False, steps: int = 4, device: str = "cpu"
) -> dict[str, Any]:
    reset()
    net = HostileNet().to(device)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    hook = ModelVizHook(net, folder, **EXACT) if ours else None
    losses = []
    for _ in range(steps):
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(net(digits().to(device)), torch.arange(16).to(device) % 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if hook is not None:
        hook.close()
    return (
        fingerprint(net) | hostile_state(net) | {"losses": losses, "adam": optimizer.state_dict()}
    )


def train_with_lightning(
    folder: Any, *, ours: bool, bf16: bool = False, device: str = "cpu"
) -> dict[str, Any]:
    reset()
    module = lit(HostileNet())
    callbacks = [ModelVizCallback(**EXACT)] if ours else []
    precision = "bf16-mixed" if bf16 else "32-true"
    fit = trainer(folder, *callbacks, precision=precision, accelerator=device, devices=1)
    fit.fit(module, loader())
    state = fingerprint(module) | hostile_state(module.net) | {"losses": module.losses}
    return state | {"adam": fit.optimizers[0].state_dict()}


TRAIN = pytest.mark.parametrize("train", [train_plainly, train_with_lightning])


@TRAIN
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16 autocast"])
def test_training_is_bit_identical(train, bf16, tmp_path) -> None:
    """Parameters, buffers, optimizer, losses, RNGs, caches and hooks' lists are as without us."""
    without = train(tmp_path / "without", ours=False, bf16=bf16)
    with_us = train(tmp_path / "with", ours=True, bf16=bf16)
    assert_same(without, with_us)
    assert set(statuses(find_record(tmp_path / "with")).values()) == {"ok"}


class SabotageError(Exception):
    """Raised in the middle of a library's forward."""


def break_torchinfo(patch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1_000))
    original = torchinfo.layer_info.LayerInfo.calculate_size

    def calculate_size(*args: Any) -> Any:
        if next(calls) >= 4:
            raise SabotageError
        return original(*args)

    patch.setattr(torchinfo.layer_info.LayerInfo, "calculate_size", staticmethod(calculate_size))


def break_torchview(patch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1_000))
    node = torchview.recorder_tensor.FunctionNode
    original = node.__init__

    def init(*args: Any, **kwargs: Any) -> None:
        if next(calls) >= 9:
            raise SabotageError
        original(*args, **kwargs)

    patch.setattr(node, "__init__", init)


def break_torchviz(patch: pytest.MonkeyPatch) -> None:
    def make_dot(*_args: Any, **_kwargs: Any) -> Any:
        random.random()
        torch.rand(1)
        raise SabotageError

    patch.setattr(torchviz, "make_dot", make_dot)


@TRAIN
@pytest.mark.parametrize(
    ("sabotage", "artifact"),
    [(break_torchinfo, "summary"), (break_torchview, "torchview"), (break_torchviz, "autograd")],
)
def test_training_is_bit_identical_when_a_visualizer_raises_midway(
    train, sabotage, artifact, tmp_path, monkeypatch
) -> None:
    """A library that dies in the middle of its forward leaves no mark either."""
    without = train(tmp_path / "without", ours=False)
    sabotage(monkeypatch)
    with pytest.warns(ModelVizWarning, match="SabotageError"):
        with_us = train(tmp_path / "with", ours=True)
    assert_same(without, with_us)
    assert statuses(find_record(tmp_path / "with"))[artifact] == "failed"


def test_a_gan_with_manual_optimization_is_bit_identical(tmp_path) -> None:
    """Two networks, each replayed before its first call, with a graph of the other alive."""
    states = []
    for callbacks in ([], [ModelVizCallback(**EXACT)]):
        reset()
        module = gan()
        trainer(tmp_path, *callbacks).fit(module, loader())
        states.append(fingerprint(module))
    assert_same(*states)


@pytest.mark.parametrize("bf16", [False, True])
def test_two_roots_that_share_an_encoder_are_bit_identical(tmp_path, bf16) -> None:
    """The autocast cache holds the encoder's casts of the first root while the second replays."""

    def step(self: Any, batch: Any) -> Tensor:
        regularizer = self.net[0](batch[0]).float().pow(2).mean()
        return self.loss(self.net(batch[0]), batch[1]) + regularizer

    states = []
    for callbacks in ([], [ModelVizCallback(**EXACT)]):
        reset()
        module = lit(nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 4)), step=step)
        trainer(tmp_path, *callbacks, precision="bf16-mixed" if bf16 else 32).fit(module, loader())
        states.append(fingerprint(module) | {"losses": module.losses})
    assert_same(*states)


def test_a_frozen_teacher_keeps_its_fast_path(tmp_path, monkeypatch) -> None:
    """nn.TransformerEncoder in eval mode looks for hooks before it takes its fused path."""
    fused = []
    original = torch._transformer_encoder_layer_fwd
    monkeypatch.setattr(
        torch, "_transformer_encoder_layer_fwd", lambda *a: fused.append(1) or original(*a)
    )

    class Student(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.teacher = nn.TransformerEncoder(layer, 2).eval().requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def train(self, mode: bool = True) -> "Student":
            super().train(mode)
            self.teacher.eval()
            return self

    def step(self: Any, batch: Any) -> Tensor:
        with torch.no_grad():
            features = self.net.teacher(batch[0].unsqueeze(1))
        fused_in_step.append(len(fused))
        return self.loss(self.net.head(features.squeeze(1)), batch[1])

    states, fused_in_step = [], []
    for callbacks in ([], [ModelVizCallback(visualizers=("repr",))]):
        reset()
        fused.clear()
        module = lit(Student(), step=step)
        trainer(tmp_path, *callbacks).fit(module, loader())
        states.append(fingerprint(module) | {"losses": module.losses})
    assert_same(*states)
    assert fused_in_step == [2, 4, 6, 2, 4, 6]


def test_other_threads_never_get_torchviews_tensors(tmp_path) -> None:
    """A data pipeline in another thread creates tensors while torchview patches torch."""
    foreign, stop = [], threading.Event()

    def pipeline() -> None:
        while not stop.is_set():
            foreign.append(type(torch.zeros(1)))

    thread = threading.Thread(target=pipeline)
    thread.start()
    try:
        ModelVizHook(net := HostileNet(), tmp_path, visualizers=("torchview",), **EXACT)
        net(digits())
    finally:
        stop.set()
        thread.join()
    assert set(foreign) == {Tensor}


def test_a_modules_gradients_and_versions_are_as_before(tmp_path) -> None:
    """A replay before a step with accumulated gradients leaves them and their versions."""
    net = HostileNet()
    net(digits()).sum().backward()
    gradients = {n: p.grad for n, p in net.named_parameters()}
    values = {n: None if g is None else g.clone() for n, g in gradients.items()}
    seen = {}

    class Spy(ModelVizHook):
        def _step_begins(self, module: Any, call: Any) -> None:
            before = {n: t._version for n, t in [*net.named_parameters(), *net.named_buffers()]}
            super()._step_begins(module, call)
            seen["same"] = before == {
                n: t._version for n, t in [*net.named_parameters(), *net.named_buffers()]
            }

    Spy(net, tmp_path, **EXACT)
    net(digits())
    assert seen == {"same": True}
    assert all(p.grad is gradients[n] for n, p in net.named_parameters())
    assert_same(values, {n: p.grad for n, p in net.named_parameters()})


def test_what_self_log_is_told_in_a_forward_is_told_once(tmp_path) -> None:
    """Replays of a forward that logs do not log."""

    class Logs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 4)

    def forward(self: Any, x: Tensor) -> Tensor:
        logged.append(1)
        self.log("calls", 1.0, reduce_fx="sum", on_epoch=True, on_step=False)
        return self.net.layer(x)

    logged: list[int] = []
    module = lit(Logs())
    type(module).forward = forward
    fit = trainer(tmp_path, ModelVizCallback(**EXACT))
    fit.fit(module, loader())
    assert float(fit.callback_metrics["calls"]) == 3.0
