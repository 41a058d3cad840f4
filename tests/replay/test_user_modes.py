"""Modes and global hooks of the user's see the training alone, never a replay."""

import contextlib
import itertools
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils.flop_counter import FlopCounterMode

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.replay.user_modes import outside_user_modes
from tests.conftest import ALL_OK, find_record, statuses
from tests.models import TakesTensor, digits, lit, loader, trainer
from tests.test_untouched import reset


class CountsOperations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


class CountsFunctions(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


class Block(TakesTensor):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.body(x))


def counted(mode: Any, folder: Any, how: str, *, ours: bool) -> Any:
    reset()
    net = Block()
    if how == "hook":
        if ours:
            ModelVizHook(net, folder, formats=())
        with mode:
            for _ in range(2):
                net(digits()).sum().backward()
    else:
        callbacks = [ModelVizCallback(dirpath=folder, formats=())] if ours else []
        fit = trainer(folder.parent / "fit", *callbacks, enable_checkpointing=False)
        with mode:
            fit.fit(lit(net), loader())
    return mode.get_flop_counts() if isinstance(mode, FlopCounterMode) else mode.seen


@pytest.mark.parametrize("how", ["hook", "callback"])
@pytest.mark.parametrize(
    "make",
    [lambda: FlopCounterMode(display=False), CountsOperations, CountsFunctions],
    ids=["FLOP counter", "dispatch mode", "function mode"],
)
def test_a_users_mode_around_the_training_sees_what_it_sees_without_us(make, how, tmp_path) -> None:
    """Counts are the same to the last operation, and every visualizer has worked."""
    without = counted(make(), tmp_path / "without", how, ours=False)
    with_us = counted(make(), tmp_path / "with", how, ours=True)
    assert with_us == without
    assert without
    assert statuses(find_record(tmp_path / "with")) == ALL_OK


@pytest.mark.parametrize("visualizer", ["torchinfo", "torchview"])
@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_a_flop_counter_survives_a_replay_that_raises_midway(visualizer, tmp_path) -> None:
    """What it keeps of the modules it is in is put back: its next counts are right."""
    counts = []
    for ours in (False, True):
        reset()
        net, calls = Block(), itertools.count()
        if ours:
            dies_first = partial(die_in_the_first_of, calls)
            net.layer.register_forward_pre_hook(dies_first)
            ModelVizHook(net, tmp_path, visualizers=(visualizer,), formats=())
        with FlopCounterMode(display=False) as counter:
            net(digits()).sum().backward()
        counts.append(counter.get_flop_counts())
    assert counts[0] == counts[1]
    assert list(statuses(find_record(tmp_path)).values()) == ["failed"]


def die_in_the_first_of(calls: Any, *_hook_arguments: Any) -> None:
    if next(calls) == 0:
        raise ZeroDivisionError


def test_an_isolation_itself_is_outside_of_modes() -> None:
    """Its snapshot, the replay in it and what it puts back."""
    net = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    x = digits()
    with (
        CountsOperations() as operations,
        CountsFunctions() as functions,
        Isolation(net).replay(),
    ):
        net(x)
    assert (operations.seen, functions.seen) == ([], [])


class MakesTensors(TakesTensor):
    """Works only where new tensors are made on the default device."""

    def forward(self, x: Tensor) -> Tensor:
        assert torch.zeros(1).device.type == "meta"
        return self.layer(x)


@pytest.mark.parametrize("kind", ["context", "set_default_device"])
def test_a_default_device_holds_in_replays(kind, tmp_path) -> None:
    """It is a mode too, and the one that a forward needs."""
    x = digits()
    hook = ModelVizHook(net := MakesTensors(), tmp_path, formats=())
    if kind == "context":
        with torch.device("meta"), CountsFunctions():
            net(x)
    else:
        torch.set_default_device("meta")
        try:
            net(x)
        finally:
            torch.set_default_device(None)
            # What is left there makes torch 2.4's get_default_device() raise.
            vars(torch._GLOBAL_DEVICE_CONTEXT).pop("device_context", None)
    assert statuses(str(hook.directory)) == ALL_OK


def test_modes_are_put_back_in_their_order() -> None:
    """Also after a body that raised, or left a mode of its own behind."""
    outer, inner, function = CountsOperations(), CountsOperations(), CountsFunctions()
    with outer, inner, function:
        before = torch.overrides._get_current_function_mode_stack()
        with contextlib.suppress(ZeroDivisionError), outside_user_modes():
            assert _get_current_dispatch_mode_stack() == []
            assert torch.overrides._get_current_function_mode_stack() == []
            CountsFunctions().__enter__()
            CountsOperations().__enter__()
            raise ZeroDivisionError
        assert _get_current_dispatch_mode_stack() == [outer, inner]
        assert torch.overrides._get_current_function_mode_stack() == before


def test_modes_of_torchs_own_stay() -> None:
    """Fake tensors go on being made where a user asked for them."""
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode() as fake, CountsOperations() as counts:
        with outside_user_modes():
            assert _get_current_dispatch_mode_stack() == [fake]
            assert type(torch.zeros(1)).__name__ == "FakeTensor"
        assert _get_current_dispatch_mode_stack() == [fake, counts]
