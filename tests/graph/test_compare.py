"""What is another in one architecture than in another one."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.diff import Change, FlowChange, GraphDiff, ModuleChange
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.graph.tracing import traced


class Net(nn.Module):
    """Convolutions, norm and head on [N, 3, 8, 8]; every part can be another."""

    def __init__(self, kernel: int = 3, *, skip: bool = False, gelu: bool = False) -> None:
        super().__init__()
        self.skip, self.gelu = skip, gelu
        self.first = nn.Conv2d(3, 3, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.first(x))
        h = nn.functional.gelu(h) if self.gelu else h.relu()
        return self.second(h + x if self.skip else h)


def seen(model: nn.Module) -> ArchitectureGraph:
    return traced(model, torch.zeros(2, 3, 8, 8))


def modules(model: nn.Module) -> ArchitectureGraph:
    return ArchitectureGraph(describe_modules(model))


def test_equal_architectures_have_no_diff() -> None:
    """Weights, batches and modes do not matter."""
    torch.manual_seed(3)
    assert not compare(seen(Net()), traced(Net().eval(), torch.zeros(5, 3, 8, 8)))


def test_a_reconfigured_module_is_told_part_by_part() -> None:
    """Only what is another, with the parameters that it changes."""
    assert compare(seen(Net(3)), seen(Net(5))).changed == (
        ModuleChange(
            "first",
            (
                Change("kernel_size", "(3, 3)", "(5, 5)"),
                Change("padding", "(1, 1)", "(2, 2)"),
                Change("weight", "[3, 3, 3, 3]", "[3, 3, 5, 5]", "state"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (nn.Conv1d(1, 8, 3), nn.Conv1d(1, 9, 3), Change("out_channels", "8", "9")),
        (nn.Conv1d(1, 8, 3), nn.Conv1d(1, 8, 3, bias=False), Change("bias", "True", "False")),
        (nn.LSTM(1, 8), nn.LSTM(1, 8, 2), Change("num_layers", "1", "2")),
        (nn.LayerNorm(2), nn.LayerNorm(3), Change("normalized_shape", "(2,)", "(3,)")),
        (nn.Embedding(2, 2), nn.Embedding(2, 3), Change("embedding_dim", "2", "3")),
    ],
)
def test_what_torch_shows_without_a_name_or_not_at_all_has_one(old, new, told) -> None:
    """As its constructor calls it."""
    (change,) = compare(modules(nn.Sequential(old)), modules(nn.Sequential(new))).changed
    assert change.changes[0] == told


def test_arguments_without_a_name_are_told_by_their_place() -> None:
    """Of classes that nobody knows."""

    class Own(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

        def extra_repr(self) -> str:
            return f"a, {self.size}"

    one, other = nn.Sequential(Own(8)), nn.Sequential(Own(9))
    (change,) = compare(modules(one), modules(other)).changed
    assert change.changes[0] == Change("argument 2:", "8", "9")


@pytest.mark.parametrize(
    ("old", "new"), [("a page\nof text", "another"), ("1, 2", "1"), ("a=1, b=2", "b=2, a=1")]
)
def test_a_configuration_that_cannot_be_taken_apart_is_told_whole(old, new) -> None:
    """Nothing is guessed."""
    graph = modules(nn.Sequential())
    one, other = (
        replace(graph, modules=(replace(graph.modules[0], config=text),)) for text in (old, new)
    )
    (change,) = compare(one, other).changed
    assert {change.old for change in change.changes} & {old}


def test_modules_that_came_and_went() -> None:
    """By path, in order."""
    one = nn.Sequential(nn.ReLU(), nn.Tanh())
    other = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sequential(nn.Linear(2, 2)))
    diff = compare(modules(one), modules(other))
    assert [module.path for module in diff.added] == ["2", "2.0"]
    assert [module.path for module in compare(modules(other), modules(one)).removed] == ["2", "2.0"]
    assert diff.changed == ()


def test_parameters_that_are_trained_or_not() -> None:
    """Only those of both architectures; a new module's are new anyhow."""
    net = Net()
    net.norm.requires_grad_(requires_grad=False)
    net.more = nn.Linear(2, 2)
    diff = compare(modules(Net()), modules(net))
    assert (diff.now_trained, diff.now_frozen) == ((), ("norm.bias", "norm.weight"))
    assert compare(modules(net), modules(Net())).now_trained == ("norm.bias", "norm.weight")


def test_another_order_is_told() -> None:
    """Optimizers count parameters by it."""
    one, other = nn.Module(), nn.Module()
    one.a, one.b = nn.Linear(2, 2), nn.Linear(3, 3)
    other.b, other.a = nn.Linear(3, 3), nn.Linear(2, 2)
    assert compare(modules(one), modules(other)) == GraphDiff(reordered=True)


def test_operations_that_are_others() -> None:
    """The modules are the same, the step is not."""
    assert compare(seen(Net()), seen(Net(gelu=True))) == GraphDiff(
        flow=(
            FlowChange("op", "gelu", "", 0, 1),
            FlowChange("op", "relu", "", 1, 0),
        )
    )


def test_the_same_operations_connected_in_another_way() -> None:
    """A skip connection from elsewhere."""

    class Skips(Net):
        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x)
            return self.second(h + (x if self.skip else h))

    Skips.__qualname__, Skips.__module__ = Net.__qualname__, Net.__module__
    (skip,) = compare(seen(Skips()), seen(Skips(skip=True))).skips_added
    assert (skip.is_input, skip.join.name, [end.name for end in skip.around]) == (
        True,
        "add",
        ["first"],
    )


def test_what_follows_from_a_replaced_module_is_not_told_twice() -> None:
    """Its calls and what runs in it are others, of course."""

    class Double(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2

    one, other = Net(), Net()
    other.norm = Double()
    other.extra = nn.Identity()
    diff = compare(seen(one), seen(other))
    assert (diff.flow, diff.rewired) == ((), False)
    assert diff.changed[0].changes[0].what == "class"


def change(graph: ArchitectureGraph, path: str, **values: object) -> ArchitectureGraph:
    return replace(
        graph,
        modules=tuple(replace(m, **values) if m.path == path else m for m in graph.modules),
    )


def variants() -> dict[str, ArchitectureGraph]:
    """Graphs that differ from `seen(Net())` in one thing each."""
    base = seen(Net())
    norm = next(m for m in base.modules if m.path == "norm")
    weight, bias = norm.parameters
    half = replace(weight, dtype="float16")
    tied = replace(weight, tied_to="first.weight")
    frozen = replace(weight, requires_grad=False)
    return {
        "class": change(base, "norm", class_name="other.Norm"),
        "config": change(base, "norm", config=f"{norm.config}, more=1"),
        "same module": change(base, "norm", tied_to="first"),
        "dtype": change(base, "norm", parameters=(half, bias)),
        "shape": change(base, "norm", parameters=(replace(weight, shape=(4,)), bias)),
        "no shape": change(base, "norm", parameters=(replace(weight, shape=None), bias)),
        "tied": change(base, "norm", parameters=(tied, bias)),
        "trained": change(base, "norm", parameters=(frozen, bias)),
        "order of parameters": change(base, "norm", parameters=(bias, weight)),
        "parameter gone": change(base, "norm", parameters=(weight,)),
        "buffers": change(base, "norm", buffers=norm.buffers[1:]),
        "order of buffers": change(base, "norm", buffers=norm.buffers[::-1]),
        "order": replace(base, modules=(base.modules[0], *base.modules[:0:-1])),
        "module gone": replace(base, modules=base.modules[:-1]),
        "operation": seen(Net(gelu=True)),
        "edge": replace(base, edges=base.edges[:-1]),
    }


@pytest.mark.parametrize("name", variants())
def test_whatever_changes_a_fingerprint_is_in_the_diff(name) -> None:
    """In both directions; the same every time."""
    base, other = seen(Net()), variants()[name]
    assert fingerprints(base) != fingerprints(other)
    assert compare(base, other)
    assert compare(other, base)
    assert compare(base, other) == compare(base, other)


def test_a_step_that_raised_is_not_compared() -> None:
    """Half a data flow says nothing; the modules do."""

    class Raises(Net):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError

    Raises.__qualname__, Raises.__module__ = Net.__qualname__, Net.__module__
    assert not compare(seen(Net()), seen(Raises()))
