"""Operations that write in place, also through views: what reads afterwards depends on them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.graph.tracing import traced
from tests.models import digits
from tests.watch.flow import arrows, outline, reaches
from tests.watch.test_tracer import Model


def test_an_operation_in_place_stands_between_what_was_and_what_reads_it() -> None:
    """`add_` is a node of its own; the tensor's later readers come after it."""

    def run(self: Any, x: Tensor) -> Tensor:
        y = self.layer(x)
        y.add_(1)
        return y * 2

    assert arrows(traced(Model(run), digits())) == [
        "x? > layer",
        "layer > add_",
        "add_ > mul",
        "mul > output!",
    ]


def test_in_place_operators_have_the_names_of_their_methods() -> None:
    """`y += 1` is `add_`."""

    def run(self: Any, x: Tensor) -> Tensor:
        y = self.layer(x)
        y += x[:, :4]
        y *= 2
        return y

    graph = traced(Model(run), digits())
    assert outline(graph)[2:] == [" layer", " getitem", " add_", " mul_", "output!"]
    assert arrows(graph)[-2:] == ["add_ > mul_", "mul_ > output!"]


def test_a_function_that_is_told_to_write_in_place_does() -> None:
    """`F.relu(y, inplace=True)`: later readers of `y` see what it wrote."""

    def run(self: Any, x: Tensor) -> Tensor:
        y = self.layer(x)
        F.relu(y, inplace=True)
        return y * 2

    assert arrows(traced(Model(run), digits())) == [
        "x? > layer",
        "layer > relu",
        "relu > mul",
        "mul > output!",
    ]


def test_a_module_that_writes_in_place_does() -> None:
    """nn.ReLU(inplace=True), whose output nobody takes."""

    def run(self: Any, x: Tensor) -> Tensor:
        y = self.layer(x)
        self.act(y)
        return y * 2

    graph = traced(Model(run, act=nn.ReLU(inplace=True)), digits())
    assert arrows(graph) == ["x? > layer", "layer > act", "act > mul", "mul > output!"]


def test_out_is_written() -> None:
    """`torch.add(…, out=y)` makes `y`."""

    def run(self: Any, x: Tensor) -> Tensor:
        y = torch.empty(16, 8)
        torch.add(x, 1, out=y)
        return self.layer(y)

    assert arrows(traced(Model(run), digits())) == ["x? > add", "add > layer", "layer > output!"]


def test_writing_into_a_view_writes_what_it_is_a_view_of() -> None:
    """`y = buf[:, :4]; y.copy_(x); return buf`."""

    def run(self: Any, x: Tensor) -> Tensor:
        buf = torch.zeros(16, 8)
        part = buf[:, :4]
        part.copy_(self.layer(x))
        return buf

    graph = traced(Model(run), digits())
    assert outline(graph) == ["x?", ".", " layer", " copy_", "output!"]
    assert arrows(graph) == ["x? > layer", "layer > copy_", "copy_ > output!"]


def test_assigning_to_a_part_is_an_operation_on_the_whole() -> None:
    """`buf[:, 0] = x` twice: the second one comes after the first."""

    def run(self: Any, x: Tensor) -> Tensor:
        buf = torch.zeros(16, 8)
        buf[:, 0] = x[:, 0]
        buf[:, 1] = x[:, 1]
        return self.layer(buf)

    graph = traced(Model(run), digits())
    assert outline(graph)[2:-2] == [" getitem", " setitem", " getitem#2", " setitem#2"]
    assert arrows(graph)[-4:] == [
        "setitem > setitem#2",
        "getitem#2 > setitem#2",
        "setitem#2 > layer",
        "layer > output!",
    ]


def test_a_view_taken_before_the_write_sees_it() -> None:
    """`part = y[:, :2]; y.zero_()…`: who reads the view reads what was written."""

    def run(self: Any, x: Tensor) -> Tensor:
        buf = torch.zeros(16, 8)
        part = buf[:, :4]
        buf.copy_(x)
        return part + 1

    graph = traced(Model(run), digits())
    assert arrows(graph) == ["x? > copy_", "copy_ > add", "add > output!"]


def test_a_view_of_an_activation_taken_before_a_write_sees_it_too() -> None:
    """The view was made by a seen operation, and is written through its base afterwards."""

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.layer(x)
            part = y[:, :2]
            y.add_(1)
            return part * 2

    graph = traced(Model(run), digits())
    assert reaches(graph, "add_", "output!")


def test_writing_a_buffer_of_the_module_makes_it_data_flow() -> None:
    """A running mean that is read after it was updated from the batch."""

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(8))

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                self.mean.mul_(0.9).add_(x.mean(0))
            return self.mean.expand(2, 8)

    graph = traced(Mean(), digits())
    assert arrows(graph) == ["x? > mean", "mean > add_", "add_ > expand", "expand > output!"]
    assert " mul_" not in outline(graph)


def test_writing_a_part_does_not_change_the_other_parts() -> None:
    """Queries scaled in place; keys that were taken before are as they were."""

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            query, key = self.layer(x).chunk(2, -1)
            query.mul_(0.5)
            return key + 1

    graph = traced(Model(run), digits())
    assert arrows(graph) == [
        "x? > layer",
        "layer > chunk",
        "chunk > mul_",
        "chunk > add",
        "add > output!",
    ]


def test_assigning_to_a_part_does_not_change_the_other_parts() -> None:
    """What was read of a row before the next row was assigned stays what it was."""

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.layer(x)
            first = y[0]
            y[1] = 0
            return first + 1

    assert not reaches(traced(Model(run), digits()), "setitem", "output!")


def test_what_is_given_back_as_it_was_is_still_its_makers() -> None:
    """A shortcut through nn.Identity, or a dropout that drops nothing, is no detour for others."""

    class Shortcut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.short, self.drop = nn.Identity(), nn.Dropout(0.0)
            self.a = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            x = x.tanh()
            h = self.short(x)
            F.dropout(x, training=False)
            return self.a(self.drop(x)) + h

    graph = traced(Shortcut(), torch.randn(2, 8))
    names = {node.id: node.path or node.name for node in graph.nodes}
    flow = {(names[edge.source], names[edge.target]) for edge in graph.edges}
    assert flow == {
        ("x", "tanh"),
        ("tanh", "short"),
        ("tanh", "drop"),
        ("tanh", "a"),
        ("tanh", "add"),
        ("a", "add"),
        ("add", "output"),
    }
