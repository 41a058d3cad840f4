"""torchviz' autograd graph in our visual language, complete and by module."""

import re
from collections import Counter
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.diagram.palette import PARAMETER, TENSOR
from modelviz_callbacks.draw import engine
from modelviz_callbacks.draw.libraries.autograd_graph import restyled
from modelviz_callbacks.visualizers.torchviz_autograd import autograd_graph
from tests.draw.libraries.pictures import Picture
from tests.gallery.networks import LSTMClassifier, UNet


def autograd_source(model: nn.Module, *inputs: Tensor) -> str:
    named = {f"x{i}": tensor for i, tensor in enumerate(inputs)}
    return autograd_graph(model(*inputs), model, named).source


class Residual(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.linear(self.norm(x)).relu()


class Stack(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.start = nn.Linear(4, 8)
        self.blocks = nn.Sequential(*(Residual() for _ in range(count)))
        self.end = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.blocks(self.start(x)))


def stack_source(count: int = 12) -> str:
    return autograd_source(Stack(count), torch.rand(2, 4))


SMALL = {
    "stack": stack_source,
    "lstm": lambda: autograd_source(LSTMClassifier(words=50), torch.randint(1, 50, (2, 7))),
    "unet": lambda: autograd_source(UNet(widths=(4, 8)), torch.rand(1, 3, 16, 16)),
    "input": lambda: autograd_source(nn.Linear(4, 2), torch.rand(2, 4, requires_grad=True)),
}


def said(picture: Picture) -> Counter[str]:
    """Counts what is written on the boxes, with the whole names of parameters."""
    texts = []
    for node in picture.content.nodes:
        label = picture.labels[node.name]
        if node.fill == PARAMETER.fill:
            paths = [title.split()[0] for title in reversed(picture.around_node(node))]
            label = ".".join(filter(None, ["".join(paths), label]))
        texts.append(label)
    return Counter(texts)


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_lost_without_a_depth(name) -> None:
    """Every box, line and word is there; a parameter's path is on the boxes around it."""
    source = SMALL[name]()
    before, after = Picture(source), Picture(restyled(source, None)[0])
    assert len(after.lines) == len(before.lines)
    expected = (
        re.sub(r"^(?=\()", "output ", label.removeprefix("input "))
        for label in before.labels.values()
    )
    assert said(after) == Counter(expected)


def test_parameters_stand_in_the_modules_that_have_them() -> None:
    """Containers carry the paths, parameters the rest of their names, with their shapes."""
    picture = Picture(restyled(stack_source(1), None)[0])
    assert picture.around("norm.weight") == [".0 88 params", "blocks 88 params"]
    assert picture.labels[picture.named("norm.weight")] == "norm.weight (8)"
    assert picture.labels[picture.named("start.weight")] == "start.weight (8, 4)"
    assert picture.around("AddBackward0") == [".0 88 params", "blocks 88 params"]
    assert sum(label == "AccumulateGrad" for label in picture.labels.values()) == 8


def test_a_depth_gives_each_module_one_box() -> None:
    """It says how many operations are in it, of which kinds, and how many parameters."""
    drawn, notes = restyled(stack_source(1), 1)
    picture = Picture(drawn)
    functions = "NativeLayerNorm, T, Addmm, Relu, Add".replace(",", "Backward0,") + "Backward0"
    assert list(picture.labels.values()) == [
        "start 2 operations: TBackward0, AddmmBackward0 40 params",
        f"blocks 5 operations: {functions} 88 params",
        "end 2 operations: TBackward0, AddmmBackward0 18 params",
        "output (2, 2)",
    ]
    assert picture.titles == {}
    assert len(picture.lines) == 3
    assert any("Depth 1: 1 of 26 nodes" in note for note in notes)
    assert any("operations without any stand in the module" in note for note in notes)


def test_modules_above_the_depth_are_closed_too() -> None:
    """A layer that has no modules in it is a box at every depth that shows it."""
    picture = Picture(restyled(stack_source(1), 3)[0])
    assert picture.around("AddBackward0") == [".0 88 params", "blocks 88 params"]
    assert picture.around(".norm") == [".0 88 params", "blocks 88 params"]
    assert sorted(label.split()[0] for label in picture.labels.values()) == [
        ".linear",
        ".norm",
        "AddBackward0",
        "ReluBackward0",
        "end",
        "output",
        "start",
    ]


def test_equal_modules_in_sequence_are_drawn_once() -> None:
    """Twelve blocks are a stack with all their parameters, and a note says which they are."""
    drawn, notes = restyled(stack_source(12), 2)
    (label,) = [label for label in Picture(drawn).labels.values() if "12 ×" in label]
    assert label.startswith("12 × .0 … .11 5 operations:")
    assert label.endswith("1.06 k params, 88 each")
    assert "12 × block blocks.0 … blocks.11: equal blocks in sequence, drawn once." in notes


def test_modules_that_differ_are_not_folded() -> None:
    """Other parameters, or other operations, make another block."""
    parts = [nn.Linear(4, 4), Residual(4), Residual(4), nn.Linear(4, 8), Residual(8)]
    model = nn.Sequential(*parts)
    notes = restyled(autograd_source(model, torch.rand(2, 4)), 1)[1]
    assert [note for note in notes if "drawn once" in note] == [
        "2 × block 1 … 2: equal blocks in sequence, drawn once."
    ]


def test_modules_that_do_another_thing_with_equal_parameters_are_not_folded() -> None:
    """Which functions are in a closed box tells it from others."""

    class Weighted(nn.Module):
        def __init__(self, combine) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 4))
            self._combine = combine

        def forward(self, x: Tensor) -> Tensor:
            return self._combine(x, self.weight)

    kinds = (torch.matmul, torch.matmul, torch.mul, torch.mul)
    model = nn.Sequential(nn.Linear(4, 4), *map(Weighted, kinds))
    notes = restyled(autograd_source(model, torch.rand(4, 4)), 1)[1]
    assert [note.partition(":")[0] for note in notes if "drawn once" in note] == [
        "2 × block 1 … 2",
        "2 × block 3 … 4",
    ]


def test_colours_are_of_what_a_function_does() -> None:
    """A function and a box of one layer have the family's colour; parameters have their own."""
    drawn, _ = restyled(stack_source(1), None)
    picture = Picture(drawn)
    fills = {picture.labels[node.name]: node.fill for node in picture.content.nodes}
    assert fills["NativeLayerNormBackward0"] == "#c0fbc6"
    assert fills["ReluBackward0"] == "#fde573"
    assert fills["norm.bias (8)"] == "#d9f2ec"
    assert fills["output (2, 2)"] == "#22313f"
    closed = Picture(restyled(stack_source(1), 1)[0])
    fills = {closed.labels[node.name].split()[0]: node.fill for node in closed.content.nodes}
    assert fills["start"] == "#9ed6ff"
    assert fills["blocks"] == "#e1eaf3"
    assert picture.foreign_colours() == closed.foreign_colours() == set()


def test_an_input_that_needs_a_gradient_is_no_parameter() -> None:
    """It is an end of the graph, like the output."""
    picture = Picture(restyled(SMALL["input"](), None)[0])
    fills = {picture.labels[node.name]: node.fill for node in picture.content.nodes}
    assert fills["x0 (2, 4)"] == "#22313f"


def test_saved_tensors_stay_with_the_function_that_keeps_them() -> None:
    """Torchviz draws what custom functions save; its lines have no arrowheads."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    class Squares(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.two(Square.apply(self.one(x)))

    source = autograd_source(nn.Sequential(Squares()), torch.rand(2, 3))
    content = Picture(source).content
    picture = Picture(restyled(source, None)[0])
    assert sum(edge.direction == "none" for edge in picture.content.edges) == 1
    assert len(picture.labels) == len(content.nodes)
    assert len(picture.lines) == len(content.edges)
    (saved,) = [node for node in picture.content.nodes if node.fill == TENSOR.fill]
    assert picture.around_node(saved) == picture.around("SquareBackward") == ["0 24 params"]


def test_a_shared_module_says_that_its_parameters_are_in_another_box() -> None:
    """A tied head comes after all that the embedding comes before: it is a second box."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            self.middle = nn.Linear(4, 4)

        def forward(self, ids: Tensor) -> Tensor:
            return self.middle(self.embed(ids)) @ self.embed.weight.T

    picture = Picture(restyled(autograd_source(Tied(), torch.tensor([[1, 2]])), 1)[0])
    boxes = [label for label in picture.labels.values() if label.startswith("embed")]
    assert [label.partition(": ")[2].rpartition("Backward0 ")[2] for label in boxes] == [
        "36 params",
        "36 params, shared",
    ]


HOSTILE = [
    'w"; URL="javascript:alert(1)"',
    "<b>w</b>",
    "<IMG SRC='x'/>",
    "w{a|b}",
    "w\\N\\",
    "w\nv",
    "🎉&amp;é&#0;",
    "w" * 500,
    "]]>",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("depth", [None, 1])
def test_hostile_names_break_nothing(name, depth) -> None:
    """Whatever modules and parameters are called, the graph is drawn and names are text."""
    model = nn.Sequential()
    model.add_module(name, nn.Linear(2, 2))
    model.register_parameter(name + "p", nn.Parameter(torch.ones(2)))
    output = model(torch.rand(1, 2)) * model.get_parameter(name + "p")
    source = autograd_graph(output, model, {}).source
    svg = engine.layout(restyled(source, depth)[0])
    assert not re.search("<image|<script|href=.[^#]", svg)


def test_modules_of_a_complete_graph_stand_one_below_the_other() -> None:
    """Although nothing feeds their parameters, which could stand beside what comes before."""
    svg = engine.layout(restyled(stack_source(3), None)[0])
    heights = []
    for title in (".0", ".1", ".2"):
        ((path,),) = [re.findall(r' d="([^"]*)"', group) for group in clusters(svg, title)]
        ys = [float(y) for y in re.findall(r",(-?[\d.]+)", path)]
        heights.append((min(ys), max(ys)))
    assert all(above[1] < below[0] for above, below in pairwise(heights))


def clusters(svg: str, title: str) -> list[str]:
    groups = re.findall(r'<g id="c\d+".*?</g>', svg, re.DOTALL)
    return [group for group in groups if f">{title}<" in group]


def test_the_same_source_gives_the_same_picture() -> None:
    """So that a record made twice is the same."""
    source = SMALL["unet"]()
    assert restyled(source, 2) == restyled(source, 2)
    assert restyled(source, None) == restyled(source, None)


def test_boxes_of_modules_never_feed_each_other_in_a_circle() -> None:
    """At every depth every line leads on, whatever is shared and whichever way data runs."""
    model = UNet(widths=(4, 8))
    for depth in (1, 2, 3):
        lines = Picture(restyled(autograd_source(model, torch.rand(1, 3, 16, 16)), depth)[0]).lines
        assert is_acyclic(lines)


def is_acyclic(lines: list[tuple[str, str]]) -> bool:
    waiting = Counter(end for _, end in lines)
    ready = {start for start, _ in lines} - set(waiting)
    while ready:
        node = ready.pop()
        for start, end in lines:
            if start == node:
                waiting[end] -= 1
                if not waiting[end]:
                    ready.add(end)
    return not +waiting
