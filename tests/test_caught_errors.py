"""Errors that a first step catches, handles, raises from others or fails in handling."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.conftest import find_record, read_manifest
from tests.models import digits, lit, loader, trainer
from tests.test_failing_step import (
    OPTIONS,
    Net,
    OwnError,
    mismatch,
    plain_python,
    read_graph,
    text,
    with_hook,
    wrapped,
)
from tests.watch.flow import arrows, labels


def forgiving(y: Tensor) -> Tensor:
    try:
        return mismatch(y)
    except RuntimeError:
        return y * 2


class Forgives(nn.Module):
    """Catches what a submodule raises."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = Net(act)
        self.other = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        try:
            return self.inner(x)
        except (RuntimeError, OwnError):
            return self.other(x)


@pytest.mark.parametrize(
    "net",
    [lambda: Net(forgiving), lambda: Forgives(mismatch), lambda: Forgives(plain_python)],
    ids=["operation", "module", "plain Python"],
)
def test_an_error_that_the_model_catches_is_no_failure(net, tmp_path) -> None:
    """The step goes on; nothing of the failed operation is in the graph."""
    with ModelVizHook(model := net(), tmp_path, **OPTIONS):
        model(digits())
    graph = ArchitectureGraph.from_json(text(tmp_path, "architecture.json"))
    assert graph.failure is None
    assert read_manifest(find_record(tmp_path))["status"] == "complete"
    assert "add" not in labels(graph).values()
    assert arrows(graph)[-1] in ("head > output!", "other > output!")


def test_a_later_error_is_not_blamed_on_one_that_was_caught(tmp_path) -> None:
    """The place is the second one's."""

    def act(y: Tensor) -> Tensor:
        return forgiving(y) @ torch.ones(3, 3)

    with_hook(Net(act), tmp_path)
    failure = read_graph(tmp_path).failure
    assert failure is not None
    assert failure.operation == "matmul"


@pytest.mark.parametrize(
    ("act", "operation"), [(plain_python, None), (mismatch, "add"), (wrapped, "add")]
)
def test_a_way_out_that_fails_too_is_the_failure(act, operation, tmp_path) -> None:
    """Not what it was to stand in for, whose error is only the context of the last one."""

    class FallsBack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fast = Net(lambda y: y @ torch.ones(3, 3))
            self.slow = Net(act)

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.fast(x)
            except RuntimeError:
                return self.slow(x)

    with_hook(FallsBack(), tmp_path)
    failure = read_graph(tmp_path).failure
    assert failure is not None
    assert (failure.path, failure.operation) == ("slow.block", operation)


def test_a_caught_error_whose_identity_comes_again_is_not_blamed(tmp_path) -> None:
    """A new exception often gets the address of one that was just freed."""
    addresses = []

    def act(y: Tensor) -> Tensor:
        try:
            mismatch(y)
        except RuntimeError as error:
            addresses.append(id(error))
        return y

    def step(self: Any, batch: Any) -> Tensor:
        self(batch[0])
        errors = [RuntimeError("own") for _ in range(1_000)]
        raise next((e for e in errors if id(e) == addresses[-1]), errors[0])

    fit = trainer(tmp_path, ModelVizCallback(**OPTIONS))
    with pytest.raises(RuntimeError, match="own"):
        fit.fit(lit(Net(act), step=step), loader(16))
    failure = read_graph(tmp_path).failure
    assert failure is not None
    assert (failure.node, failure.path, failure.message) == (None, None, "own")


def test_an_error_in_a_handler_is_its_own(tmp_path) -> None:
    """What is raised while another error is handled has the other as its context."""

    def act(y: Tensor) -> Tensor:
        try:
            return mismatch(y)
        except RuntimeError:
            raise OwnError("no way out")  # noqa: B904 - as users do

    raised = with_hook(Net(act), tmp_path)
    assert isinstance(raised.__context__, RuntimeError)
    assert raised.__cause__ is None
    failure = read_graph(tmp_path).failure
    assert failure is not None
    assert (failure.operation, failure.exception) == ("add", "OwnError")


def test_what_a_caught_error_holds_is_freed_when_it_is_caught(tmp_path) -> None:
    """Running out of memory: the second try, with less, needs the first one's memory."""
    alive: list[bool] = []

    def too_much(y: Tensor) -> Tensor:
        with torch.no_grad():
            activation = y * 2
        tensors.append(weakref.ref(activation))
        return mismatch(activation)

    def act(y: Tensor) -> Tensor:
        try:
            return too_much(y)
        except RuntimeError:
            pass
        gc.collect()
        alive.extend(tensor() is not None for tensor in tensors)
        return y

    tensors: list[weakref.ref[Tensor]] = []
    with ModelVizHook(net := Net(act), tmp_path, **OPTIONS):
        net(digits())
    assert alive == [False]
