"""Fingerprints: what changes them, and what does not."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import ArchitectureGraph, TensorSpec
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.graph.tracing import traced


class Net(nn.Module):
    def __init__(self, kernel: int = 3, *, skip: bool = False) -> None:
        super().__init__()
        self.skip = skip
        self.first = nn.Conv2d(3, 3, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.first(x)).relu()
        return self.second(h + x if self.skip else h)


def of(model: nn.Module, batch: int = 2) -> dict[str, str]:
    return fingerprints(traced(model, torch.zeros(batch, 3, 8, 8)))


def changed(one: dict[str, str], other: dict[str, str]) -> set[str]:
    assert one.keys() == other.keys()
    return {kind for kind in one if one[kind] != other[kind]}


def test_they_are_three_hashes() -> None:
    """Each names its method."""
    made = of(Net())
    assert list(made) == ["dataflow", "structure", "trainable"]
    assert len(set(made.values())) == 3
    assert all(h.startswith("sha256:") and len(h) == len("sha256:") + 64 for h in made.values())


def test_weights_and_batch_size_do_not_matter() -> None:
    """Neither does a step, nor a larger image."""
    torch.manual_seed(1)
    other = Net()
    assert of(Net()) == of(other) == of(other, batch=5)
    assert fingerprints(traced(other, torch.zeros(1, 3, 32, 16))) == of(Net())


def test_eval_mode_does_not_matter() -> None:
    """The same model, whichever mode its parts are in."""
    assert of(Net()) == of(Net().eval())


@pytest.mark.parametrize("device", ["cuda:0", "mps", "cpu"])
def test_the_device_does_not_matter(device) -> None:
    """Trained on the CPU here, on an accelerator there."""
    graph = traced(Net(), torch.zeros(2, 3, 8, 8))
    moved = ArchitectureGraph.from_json(graph.to_json().replace('"cpu"', f'"{device}"'))
    assert (moved == graph) is (device == "cpu")
    assert fingerprints(moved) == fingerprints(graph)


def test_flops_and_arguments_dtypes_do_not_matter_to_the_data_flow() -> None:
    """Autocast changes what flows, not where."""
    graph = traced(Net(), torch.zeros(2, 3, 8, 8))
    half = TensorSpec((9,), "bfloat16", "cpu")
    nodes = tuple(
        replace(node, flops=None, outputs=tuple(half for _ in node.outputs)) for node in graph.nodes
    )
    assert fingerprints(replace(graph, nodes=nodes)) == fingerprints(graph)


@pytest.mark.parametrize("seed", ["0", "1", "77"])
def test_other_processes_get_the_same(seed, tmp_path) -> None:
    """Whatever PYTHONHASHSEED is; reading the graph back needs no torch."""
    graph = traced(Net(), torch.zeros(2, 3, 8, 8))
    (tmp_path / "architecture.json").write_text(graph.to_json(), "utf-8")
    script = (
        "import json, sys\n"
        "from modelviz_callbacks.graph.fingerprint import fingerprints\n"
        "from modelviz_callbacks.graph.model import ArchitectureGraph\n"
        "graph = ArchitectureGraph.from_json(open(sys.argv[1], encoding='utf-8').read())\n"
        "assert 'torch' not in sys.modules\n"
        "print(json.dumps(fingerprints(graph)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "architecture.json"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == fingerprints(graph)


def test_the_order_of_keys_and_edges_does_not_matter() -> None:
    """A file that was written by another tool is the same graph."""
    graph = traced(Net(skip=True), torch.zeros(2, 3, 8, 8))
    content = json.loads(graph.to_json())
    content["edges"].reverse()
    turned = json.dumps(_reversed_keys(content))
    assert turned != graph.to_json()
    assert fingerprints(ArchitectureGraph.from_json(turned)) == fingerprints(graph)


def _reversed_keys(value):
    if isinstance(value, dict):
        return {key: _reversed_keys(value[key]) for key in reversed(value)}
    return [_reversed_keys(item) for item in value] if isinstance(value, list) else value


def test_a_kernel_size_changes_the_structure_alone() -> None:
    """3 or 5: another model, the same flow."""
    assert changed(of(Net()), of(Net(kernel=5))) == {"structure"}


def test_a_configuration_without_parameters_changes_the_structure_alone() -> None:
    """A dropout's probability is seen only in what `print(model)` shows."""
    one, other = (nn.Sequential(nn.Dropout(p), nn.Conv2d(3, 1, 1)) for p in (0.1, 0.2))
    assert changed(of(one), of(other)) == {"structure"}


def test_a_skip_connection_changes_the_data_flow_alone() -> None:
    """The modules are the same."""
    assert changed(of(Net()), of(Net(skip=True))) == {"dataflow"}


def test_other_sources_of_the_same_operations_change_the_data_flow() -> None:
    """As many nodes, another edge."""
    graph = traced(Net(skip=True), torch.zeros(2, 3, 8, 8))
    edges = (replace(graph.edges[0], source=graph.edges[0].source + 1), *graph.edges[1:])
    assert changed(fingerprints(graph), fingerprints(replace(graph, edges=edges))) == {"dataflow"}


def test_a_frozen_layer_changes_the_trainable_part_alone() -> None:
    """Structure and flow stay."""
    frozen = Net()
    frozen.first.requires_grad_(requires_grad=False)
    assert changed(of(Net()), of(frozen)) == {"trainable"}


def test_a_tie_changes_the_structure() -> None:
    """Two equal layers, or one weight in two: other checkpoints train from there."""
    tied = Net(kernel=1)
    tied.second.weight = tied.first.weight
    assert changed(of(Net(kernel=1)), of(tied)) == {"structure", "trainable"}


def test_modules_alone_have_no_data_flow() -> None:
    """What a model is made of is known before any step; the hashes are those of later."""
    before = fingerprints(ArchitectureGraph(describe_modules(Net())))
    after = of(Net())
    assert before == {kind: after[kind] for kind in ("structure", "trainable")}


def test_a_step_that_raised_has_no_data_flow() -> None:
    """Half a flow is no architecture."""
    graph = traced(Net(), torch.zeros(2, 4, 8, 8))
    assert graph.failure is not None
    assert list(fingerprints(graph)) == ["structure", "trainable"]


def test_names_that_no_encoding_has_are_hashed() -> None:
    """A lone surrogate in a module's name."""
    model = nn.Sequential()
    model.add_module("\ud800", nn.ReLU())
    assert "structure" in fingerprints(ArchitectureGraph(describe_modules(model)))
