"""Our table: what it shows of models whose figures are known."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.table.architecture_table import architecture_table
from modelviz_callbacks.table.columns import display_width
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.graph.tracing import traced


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(8, 16)
        self.act = nn.ReLU()
        self.down = nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.act(self.down(self.act(self.up(x))))


class Net(nn.Module):
    """Something of everything that has a mark."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.frozen = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
        self.frozen.eval().requires_grad_(requires_grad=False)
        self.blocks = nn.ModuleList(Block() for _ in range(4))
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight
        self.same = self.head
        self.spare = nn.Linear(8, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.frozen(self.embed(tokens))
        for block in self.blocks:
            x = block(x)
        return self.head(x @ x.T @ x)


TABLE = """\
Input         tokens [5] int64 on cpu

Module         Class         Output   Parameters     %   FLOPs     %
────────────────────────────────────────────────────────────────────────────────────────────
Net                          [5, 20]       1,386   100  13.3 k   100
├─ embed       Embedding     [5, 8]          160  11.5
├─ frozen      Sequential    [5, 8]           88   6.3     640   4.8  frozen, eval
│  ├─ 0        Linear        [5, 8]           72   5.2     640   4.8
│  └─ 1        BatchNorm1d   [5, 8]           16   1.2
├─ blocks      ModuleList                  1,120  80.8  10.2 k  77.1
│  └─ 0 … 3    4 × Block     [5, 8]          280  20.2  2.56 k  19.3  each
│     ├─ up    Linear        [5, 16]         144  10.4  1.28 k   9.6
│     ├─ act   ReLU          [5, 16]                                  2 calls
│     └─ down  Linear        [5, 8]          136   9.8  1.28 k   9.6
├─ head        Linear        [5, 20]         160  11.5  1.60 k  12.0  weight is embed.weight
├─ same        Linear        [5, 20]         160  11.5  1.60 k  12.0  is head
├─ spare       Linear                         18   1.3                never called
└─ matmul      2 operations                                800   6.0
────────────────────────────────────────────────────────────────────────────────────────────
Parameters    1,386 (5.41 KiB), 1,298 of them trainable (93.7 %), 88 frozen
Buffers       17 (72 B)
By dtype      5.48 KiB float32, 8 B int64
FLOPs         13.3 k in the forward (a multiplication and an addition are two)
Outputs       5.64 KiB of all layers and operations, views included
Never called  spare
              (functions may use their parameters all the same)
"""


def table(model: nn.Module, *args: Tensor, depth: int = 3) -> str:
    return architecture_table(traced(model, *args), depth)


def tokens() -> Tensor:
    return torch.zeros(5, dtype=torch.long)


def row(text: str, name: str) -> str:
    (line,) = (line for line in text.splitlines() if line.lstrip(" │├└─").startswith(f"{name} "))
    return line


def test_a_table_is_this() -> None:
    """Line by line: tree, shapes, figures, marks, totals."""
    model, rest = table(Net(), tokens()).split("\n", 1)
    assert model.split() == ["Model", f"{Net.__module__}.Net"]
    assert rest == TABLE


@pytest.mark.parametrize(("depth", "deepest"), [(0, 1), (1, 8), (2, 11)])
def test_depth_is_how_many_levels_are_shown(depth, deepest) -> None:
    """What is deeper counts in what holds it: the model's figures stay."""
    shown = table(Net(), tokens(), depth=depth)
    assert shown.split("─\n")[1].count("\n") == deepest
    assert row(shown, "Net").split()[3:] == ["1,386", "100", "13.3", "k", "100"]


def test_two_equal_modules_share_their_parts_only() -> None:
    """Two rows are as short as one; two subtrees are not."""
    pair = nn.Sequential(Block(), Block())
    assert "2 × Block" in row(table(pair, torch.zeros(2, 8), depth=2), "0, 1")
    flat = table(pair, torch.zeros(2, 8), depth=1)
    assert "Block" in row(flat, "0")
    assert "Block" in row(flat, "1")


def test_only_series_are_folded() -> None:
    """Equal modules with names of their own keep them; numbers may be a part of a name."""
    model = nn.Sequential()
    for name in ("q_proj", "k_proj", "v_proj", "layer_1", "layer_2", "layer_3"):
        model.add_module(name, nn.Linear(8, 8))
    shown = table(model, torch.zeros(2, 8))
    assert "3 × Linear" in row(shown, "layer_1 … layer_3")
    assert all("Linear" in row(shown, name) for name in ("q_proj", "k_proj", "v_proj"))


@pytest.mark.parametrize("change", ["width", "training", "gradient", "calls"])
def test_what_differs_is_not_folded(change) -> None:
    """One of four blocks has another width, mode, gradient or number of calls."""
    model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))
    if change == "width":
        model[1], model[2] = nn.Linear(8, 9), nn.Linear(9, 8)
    elif change == "training":
        model[1].eval()
    elif change == "gradient":
        model[1].bias.requires_grad_(requires_grad=False)
    else:
        model.extend([model[1]])
    assert "×" not in table(model, torch.zeros(2, 8))


def test_a_crash_is_told_with_the_shapes_that_met() -> None:
    """Where it stopped, what raised, and what was not reached."""
    model = nn.Sequential(
        nn.Linear(8, 4), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)), nn.Linear(2, 2)
    )
    shown = table(model, torch.zeros(5, 8))
    assert "stopped here" in row(shown, "1     Linear")
    assert "not reached" in row(shown, "2")
    stop = " ".join(shown.partition("Stopped")[2].split())
    assert stop.startswith("in 1.1 (Linear) at linear: RuntimeError: ")
    assert "mat1 and mat2 shapes" in stop
    assert stop.endswith("shapes that met: [5, 4] and [2, 5] and [2]")
    assert "Not reached   2\n" in shown
    assert "Never called" not in shown


def test_what_could_not_be_counted_makes_a_lower_bound() -> None:
    """A sum with something missing says so, wherever it is shown."""
    graph = traced(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), torch.zeros(5, 8))
    nodes = tuple(replace(n, flops=None) if n.path == "1" else n for n in graph.nodes)
    shown = architecture_table(replace(graph, nodes=nodes), 1)
    assert "≥ 320" in row(shown, "Sequential")
    assert row(shown, "1").split()[-1] == "?"
    assert "at least 320 in the forward" in shown
    assert "calls not counted: 1" in shown


def test_operations_of_the_step_have_a_row_of_their_own() -> None:
    """A loss that multiplies belongs to no module."""
    graph = traced(nn.Linear(8, 4), torch.zeros(5, 8))
    loss = Node(len(graph.nodes), "op", "mm", flops=640)
    assert "operation" in row(
        architecture_table(replace(graph, nodes=(*graph.nodes, loss)), 1), "mm"
    )


def test_modules_alone_have_a_table_without_a_step() -> None:
    """Before any step: what is held; no columns for what is not known."""
    shown = architecture_table(ArchitectureGraph(describe_modules(Net())), 2)
    assert "FLOPs" not in shown
    assert "Output" not in shown
    assert "never called" not in shown
    assert "1,386" in row(shown, "Net")
    assert architecture_table(ArchitectureGraph(), 2) == "Parameters    0 (0 B)\n"


def test_lazy_modules_are_marked() -> None:
    """Without a shape yet, they are in no total."""
    shown = architecture_table(ArchitectureGraph(describe_modules(nn.LazyLinear(3))), 2)
    assert "not initialized" in row(shown, "LazyLinear")
    assert "2 parameters or buffers have no shape yet" in shown


def test_many_inputs_and_never_called_modules_are_cut_off() -> None:
    """The head and the foot stay short; what differs in a number is one item."""
    model = nn.Sequential(nn.Linear(8, 8))
    model.spare = nn.ModuleList(nn.Sequential(nn.Linear(2, 2)) for _ in range(40))
    for place in range(20):
        model.add_module(f"aux_{chr(97 + place)}", nn.ReLU())
    model.forward = model[0].forward
    shown = table(model, torch.zeros(1, 8), depth=0)
    assert "spare" in shown
    assert "aux_a" in shown
    assert "and 10 more" in shown


def test_hostile_names_stay_in_their_cells() -> None:
    """Wide letters align, control characters are written out, long names lose their middle."""
    model = nn.Sequential()
    for name in ("层" * 30, "a\x1b[31m\n\u202ered", "e\u0301" * 5, "very_" * 40):
        model.add_module(name, nn.Linear(8, 8))
    shown = table(model, torch.zeros(2, 8))
    rows = [line for line in shown.splitlines() if " Linear " in line]
    assert len(rows) == 4
    assert len({display_width(line[: line.index(" Linear ")]) for line in rows}) == 1
    assert max(map(display_width, shown.splitlines())) <= 120
    assert "\x1b" not in shown
    assert r"a\x1b[31m\n\u202ered" in shown


def test_a_table_needs_no_torch(tmp_path) -> None:
    """A record's graph is shown on a machine that never trains."""
    (tmp_path / "architecture.json").write_text(traced(Net(), tokens()).to_json(), "utf-8")
    script = (
        "import sys\n"
        "from modelviz_callbacks.graph.model import ArchitectureGraph\n"
        "from modelviz_callbacks.table.architecture_table import architecture_table\n"
        "text = open(sys.argv[1], encoding='utf-8').read()\n"
        "assert 'Embedding' in architecture_table(ArchitectureGraph.from_json(text), 3)\n"
        "assert 'torch' not in sys.modules\n"
    )
    file = str(tmp_path / "architecture.json")
    subprocess.run([sys.executable, "-c", script, file], check=True)
