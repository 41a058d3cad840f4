"""A graph without what is another on every machine: for files under version control."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    ModuleEntry,
    Node,
    StateEntry,
    TensorSpec,
)

Described = TypeVar("Described", StateEntry, TensorSpec)

# Not "cpu": the same call on another device gives the same file.
_NO_DEVICE = ""


def portable(graph: ArchitectureGraph, note: str) -> ArchitectureGraph:
    """Leaves out devices and FLOPs, which depend on the machine and on torch's formulas.

    Args:
        graph: The graph of one call.
        note: What a reader should know about where it was made, kept among its notes.

    Returns:
        A graph with the same fingerprints.
    """
    return replace(
        graph,
        modules=tuple(_module(entry) for entry in graph.modules),
        nodes=tuple(_node(node) for node in graph.nodes),
        notes=(*graph.notes, note),
    )


def _module(entry: ModuleEntry) -> ModuleEntry:
    return replace(entry, parameters=_anywhere(entry.parameters), buffers=_anywhere(entry.buffers))


def _node(node: Node) -> Node:
    inputs, outputs = _anywhere(node.inputs), _anywhere(node.outputs)
    return replace(node, inputs=inputs, outputs=outputs, flops=None)


def _anywhere(described: Iterable[Described]) -> tuple[Described, ...]:
    return tuple(replace(one, device=_NO_DEVICE) for one in described)
