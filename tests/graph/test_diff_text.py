"""A diff in words."""

from dataclasses import replace

import torchvision
from torch import nn

from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.diff import Change, FlowChange, GraphDiff, ModuleChange
from modelviz_callbacks.graph.diff_text import describe_diff
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry
from modelviz_callbacks.watch.module_entries import describe_modules


def words(old: nn.Module, new: nn.Module, most: int = 3) -> tuple[str, ...]:
    graphs = (ArchitectureGraph(describe_modules(model)) for model in (old, new))
    return describe_diff(compare(*graphs), most)


def test_nothing_is_nothing() -> None:
    """No line where nothing is another."""
    assert describe_diff(GraphDiff(), 3) == ()


def test_every_kind_of_change_is_a_line() -> None:
    """Each names what it is about."""
    diff = GraphDiff(
        added=(ModuleEntry("net", "a.Net"), ModuleEntry("net.0", "a.Linear")),
        removed=(ModuleEntry("old", "a.Old"),),
        changed=(
            ModuleChange("conv", (Change("kernel_size", "3", "5"),)),
            ModuleChange(
                "", (Change("class", "a.One", "b.Two", "class"), Change("configuration", "", "x"))
            ),
            ModuleChange(
                "norm",
                (Change("weight", None, "[3]", "state"), Change("bias", "[3]", None, "state")),
            ),
            ModuleChange("same", (Change("class", "a.One", "b.One", "class"),)),
        ),
        reordered=True,
        now_trained=("a.weight",),
        now_frozen=("b.weight", "b.bias"),
        flow=(
            FlowChange("module", "net", None, 1, 2),
            FlowChange("op", "relu", "net", 0, 1),
            FlowChange("output", "loss", None, 1, 0),
        ),
        rewired=True,
    )
    assert describe_diff(diff, 9) == (
        "added: net (Net with 1 module in it)",
        "removed: old (Old)",
        (
            "reconfigured: conv with kernel_size 3 → 5; the model itself with class One → Two; "
            "norm with weight [3] added, bias [3] removed; same with class a.One → b.One"
        ),
        "the modules or parameters come in another order",
        "trained now, and not before: 1 parameter tensor (a.weight)",
        "not trained any more: 2 parameter tensors (b.weight, b.bias)",
        "more in the first step: relu in net",
        "no more in the first step: output loss",
        "more or less often in the first step: call of net (2 times, before once)",
        "the first step runs the same calls in another order, or connects them otherwise",
    )


def test_what_is_shared_and_what_no_longer_is() -> None:
    """A parameter, or a whole module."""

    def net(*shared: str) -> nn.Module:
        model = nn.ModuleDict({name: nn.Linear(2, 2) for name in "abc"})
        if "weight" in shared:
            model["b"].weight = model["a"].weight
        if "module" in shared:
            model["c"] = model["a"]
        return model

    untied, tied = net(), net("weight", "module")
    (line,) = words(untied, tied)
    assert line == (
        "reconfigured: b with weight now the same as a.weight; "
        "c with the module now the same as a, weight now the same as a.weight, "
        "bias now the same as a.bias"
    )
    (line,) = words(tied, net("module"))
    assert line == "reconfigured: b with weight no longer the same as a.weight"


def test_many_changes_are_counted_not_listed() -> None:
    """A model of another kind altogether is still a few lines."""
    lines = words(torchvision.models.resnet18(), torchvision.models.resnet50())
    assert all(len(line) < 700 for line in lines)
    assert " and 14 more" in " ".join(lines)


def test_equal_changes_are_told_once() -> None:
    """Another dtype everywhere is not a line for each module."""
    net = [nn.Sequential(*(nn.Linear(2, 2) for _ in range(9))) for _ in range(2)]
    assert words(net[0], net[1].bfloat16()) == (
        (
            "reconfigured: [0-8] (9 modules) with dtype of weight float32 → bfloat16, "
            "dtype of bias float32 → bfloat16"
        ),
    )


def test_names_from_a_strangers_file_are_made_harmless() -> None:
    """No line breaks, no terminal codes, no pages."""
    entry = ModuleEntry("a\n\x1b[31mb\u202e" + "x" * 500, "y" * 500)
    (line,) = describe_diff(GraphDiff(added=(entry, replace(entry, path="c"))), 3)
    assert line.isprintable()
    assert len(line) < 400
