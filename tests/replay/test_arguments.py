"""What a call is made with is as before the replay, or the call is not replayed."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from modelviz_callbacks import ModelVizCallback, ModelVizHook, ModelVizWarning, record_architecture
from modelviz_callbacks.settings import VISUALIZERS
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import TakesTensor, digits, lit, loader, trainer


class Notes:
    """Cannot be copied: a replay writes into the real one."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def __copy__(self) -> "Notes":
        raise TypeError("there is only one")


class TakesAnything(TakesTensor):
    def forward(self, x: Tensor, given: Any) -> Tensor:
        return self.layer(x) * take(given)


def take(given: Any) -> float:
    if isinstance(given, dict):
        return take(given["inside"])
    if isinstance(given, torch.Generator):
        return torch.rand((), generator=given).item()
    if isinstance(given, Notes):
        given.lines.append(len(given.lines))
        return float(len(given.lines))
    if isinstance(given, np.random.RandomState):
        return given.rand()
    return given.random() if hasattr(given, "random") else next(given)


STATEFUL = {
    "torch generator": lambda: torch.Generator().manual_seed(7),
    "python generator": lambda: random.Random(7),
    "numpy generator": lambda: np.random.default_rng(7),
    "old numpy generator": lambda: np.random.RandomState(7),
    "object that cannot be copied": Notes,
    "nested": lambda: {"inside": torch.Generator().manual_seed(7)},
}
ONCE_ONLY = {
    "iterator": lambda: iter([0.5, 1.5, 2.5, 3.5]),
    "generator function": lambda: (value for value in (0.5, 1.5, 2.5, 3.5)),
    "nested iterator": lambda: {"inside": map(float, range(4))},
}


def outputs(given: Any, folder: Any = None, visualizers: Any = ("torchinfo",)) -> list[Tensor]:
    torch.manual_seed(0)
    net = TakesAnything()
    if folder is not None:
        ModelVizHook(net, folder, visualizers=visualizers, formats=())
    return [net(digits(), given) for _ in range(3)]


@pytest.mark.parametrize("make", STATEFUL.values(), ids=STATEFUL)
@pytest.mark.parametrize("visualizer", ["torchinfo", "torchview"])
def test_what_a_call_is_given_is_as_before_the_replay(make, visualizer, tmp_path) -> None:
    """Generators and objects in the arguments are put back: the training draws what it would."""
    ours = outputs(make(), tmp_path, (visualizer,))
    assert all(map(torch.equal, outputs(make()), ours))
    assert set(statuses(find_record(tmp_path)).values()) == {"ok"}


@pytest.mark.parametrize("make", ONCE_ONLY.values(), ids=ONCE_ONLY)
def test_a_call_with_an_iterator_is_not_replayed(make, tmp_path) -> None:
    """It would be used up; the reason is in the record, and the autograd graph is there."""
    ours = outputs(make(), tmp_path, VISUALIZERS)
    assert all(map(torch.equal, outputs(make()), ours))
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK | {"summary": "skipped", "torchview": "skipped"}
    assert "iterator" in read_manifest(record)["artifacts"][1]["error"]


def test_a_generator_in_a_step_of_lightning_is_put_back(tmp_path) -> None:
    """The callback keeps the same promise as the hook."""
    losses = []
    for callbacks in ([], [ModelVizCallback(formats=(), dirpath=tmp_path / "run")]):
        torch.manual_seed(0)
        dice = torch.Generator().manual_seed(7)

        def step(self: Any, batch: Any, dice: Any = dice) -> Tensor:
            return self.loss(self.net(batch[0], dice), batch[1])

        module = lit(TakesAnything(), step=step)
        trainer(tmp_path, *callbacks).fit(module, loader())
        losses.append(module.losses)
    assert losses[0] == losses[1]
    assert statuses(tmp_path / "run" / "architecture") == ALL_OK


def test_input_fn_does_not_advance_the_callers_generator(tmp_path) -> None:
    """What it draws from the arguments' generator is given back."""
    dice = torch.Generator().manual_seed(7)
    before = dice.get_state()
    hook = ModelVizHook(
        net := TakesAnything(),
        tmp_path,
        input_fn=lambda x, given: (x * torch.rand((), generator=given), given),
        formats=(),
    )
    try:
        net(digits(), dice)
    finally:
        hook.close()
    torch.rand((), generator=(once := torch.Generator().manual_seed(7)))
    assert torch.equal(dice.get_state(), once.get_state())
    assert not torch.equal(dice.get_state(), before)


def test_record_architecture_leaves_the_arguments_alone(tmp_path) -> None:
    """Also where the recorded module is one inside."""
    dice = torch.Generator().manual_seed(7)
    before = dice.get_state()
    args = (digits(), dice)
    record_architecture(TakesAnything(), args, log_dir=tmp_path / "1", formats=())
    record_architecture(TakesAnything(), args, log_dir=tmp_path / "2", formats=(), target="layer")
    assert torch.equal(dice.get_state(), before)
    assert statuses(tmp_path / "2" / "architecture") == ALL_OK


def test_input_fn_never_uses_up_the_callers_iterator(tmp_path) -> None:
    """It is not called then; a warning gives the reason."""
    net, rows = TakesAnything(), iter([0.5, 1.5])
    ModelVizHook(net, tmp_path, input_fn=lambda x, rows: (x, next(rows)), formats=())
    with pytest.warns(ModelVizWarning, match="iterator"):
        net(digits(), rows)
    assert next(rows) == 1.5
