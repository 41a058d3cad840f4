"""The Graphs tab: event files are read back, and the GraphDef in them is a sound graph."""

import re
from pathlib import Path
from typing import Any

import pytest
import tensorboardX
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto import graph_pb2
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.sinks.graph_def import graph_def
from modelviz_callbacks.sinks.tensorboard import TensorBoardSink
from tests.graph.tracing import traced
from tests.models import HostileNet, digits

# https://www.tensorflow.org/api_docs/python/tf/Graph#name_scope
NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.linear(x)) + x


class Net(nn.Module):
    """Blocks in a list, one called twice, operations, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.shared = Block()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for block in self.blocks:
            x = block(x)
        low, high = self.shared(self.shared(x)).chunk(2, dim=1)
        return high, low * 2


class Clashes(nn.Module):
    """Modules that are named like operations, second calls and scopes, and like nothing valid."""

    def __init__(self) -> None:
        super().__init__()
        self.add = Block()
        self.conv = nn.Linear(8, 8)
        self.conv_1 = nn.Linear(8, 8)
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        for name in ("层", "層", "a b", "a/b", "a:1", "^a", "_a", "-", "input", "\ud800"):
            self.add_module(name, nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = x + 1 + x
        x = self.conv_1(self.conv(self.conv(self.add(x))))
        x = self.attn(x[None], x[None], x[None])[0][0]
        x = self.attn.out_proj(x)
        for module in list(self.children())[4:]:
            x = module(x)
        return x


class Recurrent(nn.Module):
    """A cell that is called for every step, with two states."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for _ in range(5):
            state = self.cell(x, state)
        return state[1]


GRAPHS = {
    "net": (Net(), digits()),
    "clashes": (Clashes(), digits()),
    "recurrent": (Recurrent(), digits()),
    "hostile state": (HostileNet(), digits()),
    "a single layer": (nn.Linear(8, 4), digits()),
    "crash": (nn.Sequential(nn.ReLU(), nn.Linear(5, 2)), digits()),
}


def made(kind: str) -> Any:
    return graph_def(traced(*GRAPHS[kind]), graph_pb2)


def names(shown: Any) -> list[str]:
    return [node.name for node in shown.node]


def source(name: str) -> str:
    return name.partition(":")[0]


@pytest.mark.parametrize("kind", GRAPHS)
def test_names_are_valid_unique_and_no_scope_is_a_node(kind) -> None:
    """TensorFlow's characters only, whatever modules are called."""
    shown = names(made(kind))
    assert all(NAME.fullmatch(name) for name in shown)
    assert len(set(shown)) == len(shown)
    scopes = {name[: place.start()] for name in shown for place in re.finditer("/", name)}
    assert scopes.isdisjoint(shown)


@pytest.mark.parametrize("kind", GRAPHS)
def test_every_input_is_a_node_before_it(kind) -> None:
    """So there is no cycle; the place of the output is one that there is."""
    seen: dict[str, Any] = {}
    for node in made(kind).node:
        for name in node.input:
            place = int(name.partition(":")[2] or 0)
            assert place < len(seen[source(name)].attr["_output_shapes"].list.shape)
        seen[node.name] = node


@pytest.mark.parametrize("kind", GRAPHS)
def test_every_edge_is_an_input(kind) -> None:
    """As many as the graph has, and every node that has nothing in it."""
    graph = traced(*GRAPHS[kind])
    shown = graph_def(graph, graph_pb2)
    assert sum(len(node.input) for node in shown.node) == len(graph.edges)
    assert len(shown.node) == len({n.id for n in graph.nodes} - {n.parent for n in graph.nodes})


def test_scopes_are_module_paths_and_calls_are_numbered() -> None:
    """Numbered modules have their class behind the number; a second call has a scope of its own."""
    assert names(made("net")) == [
        "x",
        "blocks/0-Block/linear",
        "blocks/0-Block/relu",
        "blocks/0-Block/add",
        "blocks/1-Block/linear",
        "blocks/1-Block/relu",
        "blocks/1-Block/add",
        "shared/linear",
        "shared/relu",
        "shared/add",
        "shared_1/linear",
        "shared_1/relu",
        "shared_1/add",
        "chunk",
        "mul",
        "output_0",
        "output_1",
    ]


def test_modules_keep_their_paths_where_operations_and_calls_would_take_them() -> None:
    """An operation `add` and a second call of `conv` give way."""
    graph = traced(*GRAPHS["clashes"])
    shown = {node.name: node for node in graph_def(graph, graph_pb2).node}
    assert shown["add_1"].op == shown["add_2"].op == "add"
    assert shown["add/linear"].attr["path"].s == b"add.linear"
    assert shown["conv_1"].attr["path"].s == b"conv_1"
    assert shown["conv_2"].attr["path"].s == b"conv"
    paths = {node.attr["path"].s for node in shown.values()}
    assert {b"a b", b"a/b", "层".encode(), b"\\ud800"} <= paths


def test_outputs_are_told_apart_and_shapes_are_on_the_edges() -> None:
    """The second half goes to the first output."""
    shown = {node.name: node for node in made("net").node}
    assert list(shown["output_0"].input) == ["chunk:1"]
    assert list(shown["mul"].input) == ["chunk"]
    shapes = [[d.size for d in s.dim] for s in shown["chunk"].attr["_output_shapes"].list.shape]
    assert shapes == [[16, 4], [16, 4]]
    cells = {node.name: node for node in made("recurrent").node}
    assert list(cells["cell_4"].input)[-2:] == ["cell_3", "cell_3:1"]
    assert list(cells["output"].input) == ["cell_4:1"]


def test_attributes_tell_what_is_known() -> None:
    """Class, configuration, parameters and FLOPs of a layer; what kind of end; where it stopped."""
    shown = {node.name: node for node in made("net").node}
    layer = shown["shared/linear"]
    assert (layer.op, layer.device) == ("Linear", "cpu")
    assert layer.attr["class"].s == b"torch.nn.modules.linear.Linear"
    assert layer.attr["config"].s == b"in_features=8, out_features=8, bias=True"
    assert (layer.attr["parameters"].i, layer.attr["flops"].i) == (72, 2 * 16 * 8 * 8)
    assert layer.attr["dtype"].s == b"float32"
    assert (shown["x"].op, shown["x"].attr["name"].s) == ("Input", b"x")
    assert shown["output_0"].op == "Output"
    stopped = [n.name for n in made("crash").node if n.attr["stopped"].s == b"RuntimeError"]
    assert stopped == ["1-Linear"]


def test_the_tab_can_colour_by_the_families_of_modules() -> None:
    """Layers name their family where the tab looks for colours; the device stays the real one."""
    shown = made("net").node
    families = {node.op: node.attr["_XlaCluster"].s for node in shown if node.attr["_XlaCluster"].s}
    assert families == {"Linear": b"linear", "ReLU": b"activation"}
    assert {node.device for node in shown} == {"cpu"}


@pytest.mark.parametrize("writer_class", [SummaryWriter, tensorboardX.SummaryWriter])
@pytest.mark.parametrize("kind", GRAPHS)
def test_both_writers_store_it(writer_class, kind, tmp_path) -> None:
    """Torch's and tensorboardX', at the sink's step, read back as it was made."""
    graph = traced(*GRAPHS[kind])
    writer = writer_class(str(tmp_path))
    sink = TensorBoardSink(writer, step=7)
    sink.graph(graph)
    sink.flush()
    writer.close()
    (event,) = events_with_graphs(tmp_path)
    assert event.step == 7
    assert graph_pb2.GraphDef.FromString(event.graph_def) == graph_def(graph, graph_pb2)


def events_with_graphs(folder: Path) -> list[Any]:
    return [
        event
        for file in folder.iterdir()
        for event in EventFileLoader(str(file)).Load()
        if event.HasField("graph_def")
    ]


def test_an_empty_graph_is_an_empty_tab() -> None:
    """Nothing was seen, nothing is shown, nothing fails."""
    assert not graph_def(ArchitectureGraph(), graph_pb2).node


def test_a_long_recurrence_is_named_in_a_moment() -> None:
    """Names are counted, not tried one by one."""
    graph = traced(Loop(), torch.zeros(1, 2))
    shown = names(graph_def(graph, graph_pb2))
    assert len(set(shown)) == len(graph.nodes) - 1 == 4_002
    assert "add_3999" in shown


class Loop(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4_000):
            x = x + 1
        return x
