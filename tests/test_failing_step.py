"""A first step that raises: the record shows where, and the exception is the user's own."""

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modelviz_callbacks import ModelVizCallback, ModelVizHook, record_architecture
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.conftest import find_record, read_manifest
from tests.models import digits, lit, loader, trainer
from tests.watch.flow import arrows, labels, outline

OPTIONS: Any = {"formats": (), "visualizers": ("architecture",)}


class OwnError(Exception):
    """The user's own."""


class Net(nn.Module):
    """Does what a test says between two layers of a block."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.block = Block(act)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(x))


class Block(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.layer(x))


def mismatch(y: Tensor) -> Tensor:
    return y + torch.ones(16, 3)


def plain_python(y: Tensor) -> Tensor:
    raise OwnError("a key is missing")


def wrapped(y: Tensor) -> Tensor:
    try:
        return mismatch(y)
    except RuntimeError as error:
        raise OwnError("wrong shapes") from error


def with_hook(net: nn.Module, folder: Path) -> BaseException:
    ModelVizHook(net, folder, **OPTIONS)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any error of the user's
        net(digits())
    return caught.value


def with_lightning(net: nn.Module, folder: Path) -> BaseException:
    fit = trainer(folder, ModelVizCallback(**OPTIONS))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any error of the user's
        fit.fit(lit(net), loader(16))
    return caught.value


def without_a_loop(net: nn.Module, folder: Path) -> None:
    record_architecture(net, digits(), log_dir=folder, **OPTIONS)


WAYS = pytest.mark.parametrize("train", [with_hook, with_lightning, without_a_loop])


def read_graph(folder: Path) -> ArchitectureGraph:
    record = find_record(folder)
    assert read_manifest(record)["status"] == "failed_step"
    assert json.loads((record / "architecture.json").read_text())["failure"]
    return ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))


def text(folder: Path, name: str) -> str:
    return (find_record(folder) / name).read_text("utf-8")


@WAYS
def test_an_operation_that_raises_is_the_last_node(train, tmp_path) -> None:
    """With the shapes that met there, and the path of the module that it is in."""
    train(Net(mismatch), tmp_path)
    graph = read_graph(tmp_path)
    failure = graph.failure
    assert failure is not None
    assert failure.operation == "add"
    assert str(failure.path).endswith("block")
    assert [spec.shape for spec in failure.inputs] == [(16, 8), (16, 3)]
    assert failure.exception == "RuntimeError"
    assert "must match the size" in failure.message
    assert failure.node == graph.nodes[-1].id
    assert outline(graph)[-1].strip() == "add"
    assert arrows(graph)[-1].endswith("block.layer > add")
    assert "head" not in " ".join(labels(graph).values())


@WAYS
def test_the_table_and_the_diagram_name_the_failure(train, tmp_path) -> None:
    """Who opens the record sees at once where the step stopped."""
    train(Net(mismatch), tmp_path)
    table = text(tmp_path, "table.txt")
    assert "RuntimeError" in table
    assert "block" in table
    assert "[16, 3]" in table or "16 × 3" in table or "16, 3" in table
    dot = text(tmp_path, "architecture.gv")
    assert "RuntimeError" in dot
    assert "add" in dot


@WAYS
def test_plain_python_that_raises_in_a_forward_is_that_modules_failure(train, tmp_path) -> None:
    """No operation is to blame; the module's inputs are given."""
    train(Net(plain_python), tmp_path)
    graph = read_graph(tmp_path)
    failure = graph.failure
    assert failure is not None
    assert (failure.operation, failure.exception) == (None, "OwnError")
    assert failure.message == "a key is missing"
    assert str(failure.path).endswith("block")
    assert [spec.shape for spec in failure.inputs] == [(16, 8)]
    assert labels(graph)[failure.node].endswith("block")
    assert "OwnError" in text(tmp_path, "table.txt")


@WAYS
def test_a_module_of_torchs_that_raises_is_named_itself(train, tmp_path) -> None:
    """The innermost module that was running, with what it was given."""
    train(Net(lambda y: y[:, :5]), tmp_path)
    failure = read_graph(tmp_path).failure
    assert failure is not None
    assert str(failure.path).endswith("head")
    assert failure.operation == "linear"
    assert failure.inputs[0].shape == (16, 5)


@WAYS
def test_an_error_raised_from_another_one_leads_to_the_operation(train, tmp_path) -> None:
    """The record tells the last exception's name and the first one's place."""
    raised = train(Net(wrapped), tmp_path)
    failure = read_graph(tmp_path).failure
    assert failure is not None
    assert (failure.operation, failure.exception) == ("add", "OwnError")
    assert str(failure.path).endswith("block")
    if raised is not None:
        assert isinstance(raised.__cause__, RuntimeError)
        assert raised.__cause__.__cause__ is None


def test_a_loss_that_raises_is_in_no_module(tmp_path) -> None:
    """All of the model was seen; what raised is a node of the step itself."""

    def step(self: Any, batch: Any) -> Tensor:
        return F.mse_loss(self(batch[0]) * 2, torch.zeros(3, 7))

    fit = trainer(tmp_path, ModelVizCallback(**OPTIONS))
    with pytest.raises(RuntimeError):
        fit.fit(lit(Net(torch.tanh), step=step), loader(16))
    graph = read_graph(tmp_path)
    assert graph.failure is not None
    assert (graph.failure.path, graph.failure.operation) == (None, "mse_loss")
    assert [spec.shape for spec in graph.failure.inputs] == [(16, 4), (3, 7)]
    assert arrows(graph)[-1] == "mul > mse_loss"


def test_plain_python_in_the_step_itself_fails_nowhere(tmp_path) -> None:
    """There is neither a node nor a module to blame."""

    def step(self: Any, batch: Any) -> Tensor:
        self(batch[0])
        raise OwnError("no such label")

    fit = trainer(tmp_path, ModelVizCallback(**OPTIONS))
    with pytest.raises(OwnError):
        fit.fit(lit(Net(torch.tanh), step=step), loader(16))
    failure = read_graph(tmp_path).failure
    assert failure is not None
    assert (failure.node, failure.path, failure.operation) == (None, None, None)
    assert "OwnError" in text(tmp_path, "table.txt")


@pytest.mark.parametrize("way", ["hook", "lightning"])
def test_the_users_exception_is_the_same_object_untouched(way, tmp_path) -> None:
    """Identity, cause, context, notes and arguments."""
    first = KeyError("first")
    error = OwnError("own", 42)

    def act(y: Tensor) -> Tensor:
        raise error from first

    raised = (with_hook if way == "hook" else with_lightning)(Net(act), tmp_path)
    assert raised is error
    assert raised.__cause__ is first
    assert raised.__context__ is None
    assert raised.args == ("own", 42)
    assert not hasattr(raised, "__notes__")


def test_the_record_keeps_neither_the_exception_nor_its_frames_alive(tmp_path) -> None:
    """A traceback holds every tensor of the step: a loop that catches it must not keep it."""
    net = Net(plain_python)
    hook = ModelVizHook(net, tmp_path, **OPTIONS)
    try:
        net(digits())
    except OwnError as error:
        alive = weakref.ref(error)
    gc.collect()
    assert alive() is None
    assert hook.wait(0)


def test_an_operation_that_raises_in_the_optimizer_is_not_in_the_graph(tmp_path) -> None:
    """The step's own end is what counts: here it raised nothing."""
    net = Net(torch.tanh)
    with ModelVizHook(net, tmp_path, **OPTIONS):
        net(digits())
        with pytest.raises(RuntimeError):
            digits() + torch.ones(3, 3)
    graph = ArchitectureGraph.from_json(text(tmp_path, "architecture.json"))
    assert graph.failure is None
