"""Hashes of an architecture: the same for the same model, wherever and on whatever it trains."""

import hashlib
import json
from typing import Any

from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node, StateEntry
from modelviz_callbacks.graph.module_tree import full_name


def fingerprints(graph: ArchitectureGraph) -> dict[str, str]:
    """Hashes what makes an architecture.

    Args:
        graph: The graph; one of modules alone, without nodes, has no data flow.

    Returns:
        `"sha256:" + hex` by what was hashed:

        - `"structure"`: the modules in their order (optimizers count parameters by it), with paths,
          classes and configuration, the names, shapes and dtypes of their parameters and buffers,
          and which of them are the same.
        - `"dataflow"`: calls, operations, the edges between them and the ends of the graph. Shapes
          are not in it, so the batch size does not matter, unless the model's own code depends on
          it: a detector that is given a list of images does more with a longer list. It is left
          out where the step did not get to its end, since half a data flow equals no other.
        - `"trainable"`: which parameters are trained.
    """
    hashed = {"structure": _structure(graph), "trainable": trained_parameters(graph)}
    if graph.nodes and graph.failure is None:
        hashed["dataflow"] = _dataflow(graph)
    return {kind: _hash(kind, content) for kind, content in sorted(hashed.items())}


def _structure(graph: ArchitectureGraph) -> list[Any]:
    return [
        [
            entry.path,
            entry.class_name,
            entry.config,
            entry.tied_to,
            [_state(state) for state in entry.parameters],
            [_state(state) for state in entry.buffers],
        ]
        for entry in graph.modules
    ]


def _state(state: StateEntry) -> list[Any]:
    return [state.name, state.shape, state.dtype, state.tied_to]


def _dataflow(graph: ArchitectureGraph) -> list[Any]:
    nodes = sorted(graph.nodes, key=lambda node: node.id)
    edges = sorted((edge.target, edge.input, edge.source, edge.output) for edge in graph.edges)
    return [[_node(node) for node in nodes], edges]


def _node(node: Node) -> list[Any]:
    return [node.id, node.kind, node.name, node.path, node.parent, len(node.outputs)]


def trained_parameters(graph: ArchitectureGraph) -> list[str]:
    """Gives the names of the parameters that are trained, sorted, a shared one once."""
    return sorted({name for entry in graph.modules for name in _trained(entry)})


def _trained(entry: ModuleEntry) -> list[str]:
    return [p.tied_to or full_name(entry, p.name) for p in entry.parameters if p.requires_grad]


def _hash(kind: str, content: list[Any]) -> str:
    # Escaped to ASCII: a name may hold characters that no encoding has.
    text = json.dumps([kind, content], separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()
