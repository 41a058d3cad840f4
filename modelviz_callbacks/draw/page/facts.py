"""What the page's scripts are given: facts about modules, and which box of a diagram is what."""

from collections.abc import Iterable, Mapping
from typing import Any

from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.diagram.palette import FAMILIES, Family
from modelviz_callbacks.graph.costs import Costs, ModuleCost
from modelviz_callbacks.graph.fold import Box, view_graph
from modelviz_callbacks.graph.gathering import has_heap
from modelviz_callbacks.graph.holdings import held_by_all
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node

# Nobody moves a slider further, and each step is a picture more.
MOST_DEPTHS = 8

_COSTS = (
    "parameters",
    "trainable_parameters",
    "parameter_bytes",
    "buffers",
    "flops_forward",
    "uncounted_calls",
    "activation_bytes",
    "calls",
)


def depths_of(graph: ArchitectureGraph) -> range:
    """Tells at which depths a graph looks different.

    Args:
        graph: The graph.

    Returns:
        From 1 to the depth at which nothing is closed or drawn together any more, at most
        `MOST_DEPTHS` of them.
    """
    levels: dict[int | None, int] = {None: -1}
    deepest = 0
    # A node comes after the one that it is in.
    for node in graph.nodes:
        level = levels[node.id] = levels.get(node.parent, -1) + 1
        deepest = max(deepest, level)
    deepest += has_heap(graph)
    return range(1, max(1, min(deepest, MOST_DEPTHS)) + 1)


def modules_of(graph: ArchitectureGraph) -> list[dict[str, Any]]:
    """Describes every module, in the order of the graph.

    Args:
        graph: The graph.

    Returns:
        For each its entry, its costs with all that is in it, its own parameters, its family's
        place in `FAMILIES`, and what it is marked as.
    """
    facts, costs = ModuleFacts(graph), Costs.of(graph).by_module()
    return [_module(entry, facts, costs) for entry in graph.modules]


def nodes_of(graph: ArchitectureGraph) -> list[dict[str, Any]]:
    """Describes every call and operation, without what is empty."""
    return [_node(node) for node in graph.nodes]


def boxes_of(graph: ArchitectureGraph, depth: int) -> list[dict[str, Any]]:
    """Tells what each box of the diagram at a depth stands for; inner boxes are in outer ones."""
    return [_box(box) for box in view_graph(graph, depth).boxes]


def families() -> list[dict[str, str]]:
    """Gives the families of modules with their colours."""
    return [vars(family) for family in FAMILIES]


def _module(
    entry: ModuleEntry, facts: ModuleFacts, costs: Mapping[str, ModuleCost]
) -> dict[str, Any]:
    cost = costs[entry.path]
    family = family_of(entry.class_name, is_block=facts.is_block(entry.path))
    described = {
        "path": entry.path,
        "class": entry.class_name,
        "config": entry.config,
        "training": entry.training,
        "runs": entry.runs,
        "tied_to": entry.tied_to,
        "parameters": list(map(_plain, entry.parameters)),
        "buffers": list(map(_plain, entry.buffers)),
        "own_parameters": held_by_all([entry]).parameters,
        "family": _place(family),
        "marks": facts.marks(entry.path),
        "costs": {name: getattr(cost, name) for name in _COSTS},
    }
    return _without_empty(described)


def _node(node: Node) -> dict[str, Any]:
    described = {**vars(node), "inputs": _specs(node.inputs), "outputs": _specs(node.outputs)}
    return _without_empty(described)


def _box(box: Box) -> dict[str, Any]:
    described = {
        "id": box.id,
        "node": None if box.node is None else box.node.id,
        "count": box.count,
        "paths": box.paths,
        "hidden": box.hidden,
        "gathered": box.gathered,
        "boxes": list(map(_box, box.boxes)),
    }
    return _without_empty(described)


def _specs(specs: Iterable[Any]) -> list[dict[str, Any]]:
    return [_without_empty(vars(spec)) for spec in specs]


def _plain(state: Any) -> dict[str, Any]:
    return _without_empty(vars(state))


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out what a script finds missing all the same: a page is read more often than made."""
    return {key: value for key, value in values.items() if value not in (None, "", [], ())}


def _place(family: Family) -> int:
    return FAMILIES.index(family)
