"""What is seen of a step: module calls and operations, their order, nesting and data flow."""

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.graph.tracing import traced
from tests.models import Batch, Pair, TakesDataclass, TakesDict, TakesPair, digits
from tests.watch.flow import arrows, names, outline, paths, reaches


class Model(nn.Module):
    """Runs what a test gives it; has a layer `[N, 8]` to `[N, 4]`."""

    def __init__(self, run: Any, **parts: nn.Module) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)
        for name, part in parts.items():
            self.add_module(name, part)
        self.run = run

    def forward(self, x: Any) -> Any:
        return self.run(self, x)


def test_calls_and_operations_nest_in_the_order_in_which_they_run() -> None:
    """A residual block in a model, with an operation before, in and after it."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(8)
            self.body = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            return x + self.body(self.norm(x))

    model = Model(lambda self, x: self.layer(self.block(x * 2)).mean(), block=Residual())
    graph = traced(model, digits())
    assert outline(graph) == [
        "x?",
        ".",
        " mul",
        " block",
        "  block.norm",
        "  block.body",
        "   block.body.0",
        "   block.body.1",
        "  add",
        " layer",
        " mean",
        "output!",
    ]
    assert arrows(graph) == [
        "x? > mul",
        "mul > block.norm",
        "block.norm > block.body.0",
        "block.body.0 > block.body.1",
        "mul > add",
        "block.body.1 > add",
        "add > layer",
        "layer > mean",
        "mean > output!",
    ]


def test_a_module_call_tells_what_went_in_and_came_out() -> None:
    """Shapes, dtypes, devices and the names of forward's parameters."""
    graph = traced(nn.Sequential(nn.Linear(8, 4)), digits(3))
    call = next(node for node in graph.nodes if node.path == "0")
    assert call.name == "Linear"
    (given,), (made,) = call.inputs, call.outputs
    assert (given.name, given.shape, given.dtype, given.device) == (
        "input",
        (3, 8),
        "float32",
        "cpu",
    )
    assert (made.name, made.shape) == ("", (3, 4))


def test_an_edge_tells_the_places_among_outputs_and_inputs() -> None:
    """The second part of a chunk is the first operand of a subtraction."""

    def run(self: Any, x: Tensor) -> Tensor:
        left, right = self.layer(x).chunk(2, -1)
        return right - left

    graph = traced(Model(run), digits())
    assert outline(graph) == ["x?", ".", " layer", " chunk", " sub", "output!"]
    places = [(e.output, e.input) for e in graph.edges]
    assert arrows(graph)[2:4] == ["chunk > sub", "chunk > sub"]
    assert places[2:4] == [(1, 0), (0, 1)]


def test_iterating_over_a_tensor_makes_its_parts() -> None:
    """Each part is an output of one node, the unbinding; what is not used flows nowhere."""

    def run(self: Any, x: Tensor) -> Tensor:
        first, *_, last = x
        return self.layer(last + first)

    graph = traced(Model(run), digits(3))
    assert outline(graph) == ["x?", ".", " unbind", " add", " layer", "output!"]
    assert [(e.source, e.output, e.input) for e in graph.edges][1:3] == [(2, 2, 0), (2, 0, 1)]


def test_lstm_states_are_outputs_of_their_own() -> None:
    """Nested tuples come out under their names, and each flows on from its place."""

    def run(self: Any, x: Tensor) -> Tensor:
        sequence, (hidden, cell) = self.rnn(x)
        return sequence.sum() + cell.sum() * hidden.sum()

    graph = traced(Model(run, rnn=nn.LSTM(8, 4)), torch.randn(5, 2, 8))
    call = next(node for node in graph.nodes if node.path == "rnn")
    assert [(o.name, o.shape) for o in call.outputs] == [
        ("[0]", (5, 2, 4)),
        ("[1][0]", (1, 2, 4)),
        ("[1][1]", (1, 2, 4)),
    ]
    # sequence, cell, hidden: in the order in which they are summed.
    assert [e.output for e in graph.edges if e.source == call.id] == [0, 2, 1]


def test_a_module_called_three_times_is_three_nodes_of_one_path() -> None:
    """Every call counts; the module is listed once."""
    graph = traced(Model(lambda self, x: self.m(self.m(self.m(x))), m=nn.Linear(8, 8)), digits())
    assert paths(graph) == ["", "m", "m", "m"]
    assert arrows(graph) == ["x? > m", "m > m#2", "m#2 > m#3", "m#3 > output!"]
    assert [entry.path for entry in graph.modules] == ["", "layer", "m"]


def test_a_shared_module_is_called_by_its_first_path() -> None:
    """Which attribute a call went through cannot be told; both entries are there, tied."""
    shared = nn.Linear(8, 8)
    model = Model(lambda self, x: self.b(self.a(x)), a=shared, b=shared)
    graph = traced(model, digits())
    assert paths(graph) == ["", "a", "a"]
    assert [(m.path, m.tied_to) for m in graph.modules][2:] == [("a", None), ("b", "a")]


def test_a_module_that_is_never_called_is_listed_and_has_no_node() -> None:
    """A branch not taken, and a head kept for later."""
    model = Model(lambda self, x: self.layer(x), later=nn.Sequential(nn.Linear(4, 2)))
    graph = traced(model, digits())
    assert [entry.path for entry in graph.modules] == ["", "layer", "later", "later.0"]
    assert paths(graph) == ["", "layer"]


def test_containers_are_parts_of_paths_and_no_calls() -> None:
    """ModuleList and ModuleDict are never called themselves."""

    def run(self: Any, x: Tensor) -> Tensor:
        for part in self.list:
            x = self.dict["act"](part(x))
        return x

    parts = {
        "list": nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 4)]),
        "dict": nn.ModuleDict({"act": nn.GELU()}),
    }
    graph = traced(Model(run, **parts), digits())
    assert paths(graph) == ["", "list.0", "dict.act", "list.1", "dict.act"]


def test_a_call_of_forward_shows_the_operations_in_it() -> None:
    """`layer.forward(x)` is no module call; what it does belongs to who calls it."""
    graph = traced(Model(lambda self, x: self.layer.forward(x)), digits())
    assert outline(graph) == ["x?", ".", " linear", "output!"]


def test_parameters_and_constants_are_no_data_flow() -> None:
    """Weights made of weights, ranges and masks have no nodes; what uses them has."""

    def run(self: Any, x: Tensor) -> Tensor:
        weight = (self.layer.weight * 2).t()
        positions = torch.arange(4).float() / 4
        return x @ weight + positions

    graph = traced(Model(run), digits())
    assert outline(graph) == ["x?", ".", " matmul", " add", "output!"]
    assert arrows(graph) == ["x? > matmul", "matmul > add", "add > output!"]
    assert [i.shape for i in graph.nodes[2].inputs] == [(16, 8), (8, 4)]


def test_a_conversion_that_changes_nothing_is_no_operation() -> None:
    """`.float()` of float32 gives back the tensor itself; a real conversion is a node."""

    def run(self: Any, x: Tensor) -> Tensor:
        return self.layer(x.float().contiguous().to(x.device)).double()

    assert outline(traced(Model(run), digits())) == ["x?", ".", " layer", " double", "output!"]


def test_a_property_is_an_operation_under_its_own_name() -> None:
    """`x.T` and `x.mT` are attribute look-ups for Python."""
    graph = traced(Model(lambda self, x: self.layer(x).mT), digits())
    assert outline(graph)[3:] == [" mT", "output!"]


def test_what_a_function_calls_inside_is_not_shown_again() -> None:
    """`torch.nn.functional.mse_loss` broadcasts, subtracts and averages: one node."""
    graph = traced(Model(lambda self, x: F.mse_loss(self.layer(x), x[:, :4])), digits())
    assert names(graph, "op") == ["getitem", "mse_loss"]


Output = namedtuple("Output", ["logits", "hidden"])  # noqa: PYI024 - as users still write them


@dataclass
class Prediction:
    logits: Tensor
    hidden: tuple[Tensor, ...] = ()
    note: str = ""


class ModelOutput(dict):
    """A mapping with attributes, as transformers gives it."""

    __getattr__ = dict.__getitem__


OUTPUTS = {
    "dict": (lambda y: {"logits": y, "aux": [y + 1, None]}, ["logits", "aux[0]"]),
    "dataclass": (lambda y: Prediction(y, (y + 1,)), ["logits", "hidden[0]"]),
    "named tuple": (lambda y: Output(y, y + 1), ["logits", "hidden"]),
    "mapping with attributes": (
        lambda y: ModelOutput(logits=y, past=(y + 1,)),
        ["logits", "past[0]"],
    ),
    "tuple": (lambda y: (y, {"deep": y + 1}), ["[0]", "[1].deep"]),
}


@pytest.mark.parametrize(("make", "expected"), OUTPUTS.values(), ids=OUTPUTS)
def test_outputs_of_every_kind_have_their_names(make, expected) -> None:
    """The step's outputs stand under `output`, the module's own under the bare names."""
    graph = traced(Model(lambda self, x: make(self.layer(x))), digits())
    whole = [f"output{n}" if n.startswith("[") else f"output.{n}" for n in expected]
    assert names(graph, "output") == whole
    assert [spec.name for spec in graph.nodes[1].outputs] == expected
    assert arrows(graph) == [
        "x? > layer",
        "layer > add",
        f"layer > {whole[0]}!",
        f"add > {whole[1]}!",
    ]


INPUTS = {
    "dict": (
        TakesDict(),
        {"image": digits(), "caption": "a digit", "mask": None},
        ["batch.image"],
    ),
    "dataclass": (TakesDataclass(), Batch(digits()), ["batch.image"]),
    "named tuple": (TakesPair(), Pair(digits(), digits()), ["pair.left", "pair.right"]),
}


@pytest.mark.parametrize(("model", "value", "expected"), INPUTS.values(), ids=INPUTS)
def test_inputs_of_every_kind_have_their_names_and_flow_on(model, value, expected) -> None:
    """Under the name of forward's parameter."""
    graph = traced(model, value)
    assert names(graph, "input") == expected
    assert [spec.name for spec in graph.nodes[len(expected)].inputs] == expected
    (output,) = names(graph, "output")
    assert all(reaches(graph, f"{name}?", f"{output}!") for name in expected)


def test_keyword_only_and_variable_arguments_have_names_too() -> None:
    """What is given by position past the named ones is told by its place."""

    class Takes(nn.Module):
        def forward(self, a: Tensor, *rest: Tensor, scale: Tensor) -> Tensor:
            return (a + rest[0]) * scale

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.takes = Takes()

        def forward(self, x: Tensor) -> Tensor:
            return self.takes(x, x + 1, scale=x * 2)

    graph = traced(Outer(), digits())
    call = next(node for node in graph.nodes if node.path == "takes")
    assert [spec.name for spec in call.inputs] == ["a", "args[1]", "scale"]


def test_a_tensor_given_twice_is_one_input() -> None:
    """Nothing flows in twice from the same tensor of a batch."""
    graph = traced(TakesPair(), Pair(one := digits(), one))
    assert names(graph, "input") == ["pair.left"]
    assert arrows(graph)[:2] == ["pair.left? > add", "pair.left? > add"]


def test_an_input_that_nobody_uses_is_there_without_edges() -> None:
    """A mask that a model ignores."""
    graph = traced(
        Model(lambda self, x: self.layer(x["image"])), {"image": digits(), "id": digits(1)}
    )
    assert names(graph, "input") == ["x.image", "x.id"]
    assert arrows(graph) == ["x.image? > layer", "layer > output!"]


def test_a_module_that_gives_its_input_back_is_passed_by() -> None:
    """nn.Identity and dropout in eval mode take the tensor; who reads it later has its maker's."""
    graph = traced(Model(lambda self, x: self.layer(self.same(x)), same=nn.Identity()), digits())
    assert arrows(graph) == ["x? > same", "x? > layer", "layer > output!"]
