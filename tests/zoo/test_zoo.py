"""Every model of the zoo trains the same with us and without, and has a whole record."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.compat.proto import graph_pb2

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.sinks.graph_def import graph_def
from tests.conftest import find_record, read_manifest, statuses
from tests.test_untouched import assert_same, fingerprint, reset
from tests.zoo import MODELS
from tests.zoo.zoo_model import ZooModel

STEPS = 2
WATCHING = ("repr", "architecture")
# Their tensors come out of the model itself, or of a generator that must not be used up.
NOTHING_GOES_IN = {"no tensor in", "generator in"}
# What models give out although the step has no part in it.
CONSTANT_OUTPUTS = ("_sliding_window_tensor",)


def trained(model: ZooModel, folder: Path | None) -> dict[str, Any]:
    """Trains for two steps, recorded in a folder if one is given; tells what is left."""
    reset()
    net = model.build()
    hook = folder and ModelVizHook(net, folder, formats=(), visualizers=WATCHING)
    losses = [train_one_step(model, net) for _ in range(STEPS)]
    if hook:
        hook.close()
    left = fingerprint(net) | {"losses": losses}
    # Comparing takes numbers as floats, which would drop imaginary parts.
    left["state"] = {
        n: torch.view_as_real(t) if t.is_complex() else t for n, t in left["state"].items()
    }
    return left


def train_one_step(model: ZooModel, net: torch.nn.Module) -> float:
    # A new optimizer each time: lazy parameters cannot be stepped on before the first forward.
    loss = model.step(net)
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def check_record(model: ZooModel, record: Path) -> None:
    """Checks what holds for the record of every model."""
    manifest = read_manifest(record)
    assert manifest["status"] == "complete"
    assert manifest["model"]["roots"] == [""]
    assert set(statuses(record).values()) == {"ok"}
    graph = ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))
    assert graph.failure is None
    check_connections(model, graph)
    check_graphs_tab(graph)


def check_connections(model: ZooModel, graph: ArchitectureGraph) -> None:
    """Checks that what comes out was made by what was seen, of what went in."""
    makers: dict[int, list[int]] = {}
    for edge in graph.edges:
        makers.setdefault(edge.target, []).append(edge.source)
    inputs = {node.id for node in graph.nodes if node.kind == "input"}
    outputs = [node for node in graph.nodes if node.kind == "output"]
    unmade = {node.name for node in outputs if node.id not in makers}
    assert {name for name in unmade if not name.endswith(CONSTANT_OUTPUTS)} == set()
    connected = any(ancestors(node.id, makers) & inputs for node in outputs)
    assert connected or model.name in NOTHING_GOES_IN


def check_graphs_tab(graph: ArchitectureGraph) -> None:
    """Checks what TensorBoard asks of a graph: names of their own, inputs that are there."""
    shown = graph_def(graph, graph_pb2)
    names = [node.name for node in shown.node]
    assert len(set(names)) == len(names) == len(graph_leaves(graph))
    inputs = {name.partition(":")[0].lstrip("^") for node in shown.node for name in node.input}
    assert inputs <= set(names)


def graph_leaves(graph: ArchitectureGraph) -> list[int]:
    parents = {node.parent for node in graph.nodes}
    return [node.id for node in graph.nodes if node.id not in parents]


def ancestors(node: int, makers: dict[int, list[int]]) -> set[int]:
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        for maker in makers.get(waiting.pop(), []):
            if maker not in seen:
                seen.add(maker)
                waiting.append(maker)
    return seen


def marked(model: ZooModel) -> Any:
    marks = () if model.quick else (pytest.mark.zoo,)
    return pytest.param(model, id=model.name, marks=marks)


@pytest.mark.parametrize("model", [marked(model) for model in MODELS])
def test_a_model_trains_bit_for_bit_the_same(model, tmp_path) -> None:
    """Parameters, buffers, modes, RNGs and losses are as without us; the record is complete."""
    without = trained(model, None)
    assert all(torch.tensor(without["losses"]).isfinite())
    assert_same(without, trained(model, tmp_path))
    check_record(model, find_record(tmp_path))


def test_names_are_unique() -> None:
    """A name finds one model."""
    assert len({model.name for model in MODELS}) == len(MODELS)


def test_the_catalogue_imports_no_heavy_library() -> None:
    """Listing the zoo waits for no library that a test run does not need."""
    code = """
import sys
import tests.zoo
assert not {"timm", "torchvision", "transformers"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
