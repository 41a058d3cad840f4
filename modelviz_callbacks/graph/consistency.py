"""Whether the parts of a graph fit together, as whoever walks it relies on."""

import math
from collections.abc import Iterator

from modelviz_callbacks.graph.model import ArchitectureGraph, Edge, ModuleEntry, Node
from modelviz_callbacks.graph.module_tree import parent_path
from modelviz_callbacks.graph.typed_json import MisfitError, misfit

# Python's own stack ends here: neither modules nor calls nest deeper.
_MOST_LEVELS = 1_000
# As in PyTorch, whose tensors hold less than 2^63 values; views of one value may seem larger.
_MOST_SIZES = 64
_MOST_VALUES = 2**127


def check_graph(graph: ArchitectureGraph) -> None:
    """Checks what a graph's types do not say.

    Args:
        graph: The graph, as it was read.

    Raises:
        MisfitError: If a part of it fits none of the others.
    """
    _check_modules(graph)
    containers = _check_nodes(graph.nodes)
    for place, edge in enumerate(graph.edges):
        _check_edge(edge, place, len(graph.nodes), containers)
    _check_shapes(graph)
    failed = None if graph.failure is None else graph.failure.node
    if failed is not None and not 0 <= failed < len(graph.nodes):
        raise misfit(failed, "the id of a node").within("failure.node")


def _check_modules(graph: ArchitectureGraph) -> None:
    firsts: dict[str, bool] = {}
    holders: set[str] = set()
    for place, entry in enumerate(graph.modules):
        if entry.path in firsts:
            raise misfit(entry.path, "a path of its own").within(f"modules[{place}].path")
        if entry.path.count(".") >= _MOST_LEVELS:
            said = f"is nested more than {_MOST_LEVELS} levels deep"
            raise MisfitError(said, f"modules[{place}].path")
        if entry.tied_to is not None and not firsts.get(entry.tied_to):
            expected = "the path under which the same module came first"
            raise misfit(entry.tied_to, expected).within(f"modules[{place}].tied_to")
        if entry.path in holders:
            raise MisfitError("comes after a module in it", f"modules[{place}]")
        firsts[entry.path] = entry.tied_to is None
        if entry.path:
            holders.add(parent_path(entry.path))
    _check_tied_states(graph.modules)


def _check_tied_states(modules: tuple[ModuleEntry, ...]) -> None:
    firsts: set[str] = set()
    for place, entry in enumerate(modules):
        prefix = f"{entry.path}." if entry.path else ""
        for state in (*entry.parameters, *entry.buffers):
            if state.tied_to is None:
                firsts.add(prefix + state.name)
            elif state.tied_to not in firsts:
                raise misfit(
                    state.tied_to, "the name under which the same tensor came first"
                ).within(f"modules[{place}]: tied_to of {state.name!r:.80}")


def _check_nodes(nodes: tuple[Node, ...]) -> set[int]:
    """Checks the nodes by themselves.

    Returns:
        The ids of those that others are in.
    """
    levels: list[int] = []
    containers: set[int] = set()
    for place, node in enumerate(nodes):
        if node.id != place:
            raise misfit(node.id, f"its place, {place}").within(f"nodes[{place}].id")
        if (node.path is not None) != (node.kind == "module"):
            expected = "the path of a module in a call of it, and null in other nodes"
            raise misfit(node.path, expected).within(f"nodes[{place}].path")
        if node.flops is not None and node.flops < 0:
            raise misfit(node.flops, "0 or more").within(f"nodes[{place}].flops")
        parent = node.parent
        if parent is None:
            levels.append(0)
            continue
        if not 0 <= parent < place or nodes[parent].kind != "module":
            raise misfit(parent, "an earlier call of a module").within(f"nodes[{place}].parent")
        levels.append(levels[parent] + 1)
        if levels[place] > _MOST_LEVELS:
            raise MisfitError(f"is nested more than {_MOST_LEVELS} levels deep", f"nodes[{place}]")
        containers.add(parent)
    return containers


def _check_edge(edge: Edge, place: int, nodes: int, containers: set[int]) -> None:
    for name, end in (("source", edge.source), ("target", edge.target)):
        if not 0 <= end < nodes or end in containers:
            expected = "the id of a node that no others are in"
            raise misfit(end, expected).within(f"edges[{place}].{name}")
    if edge.output < 0 or edge.input < 0:
        at = min(edge.output, edge.input)
        raise misfit(at, "a place from 0").within(f"edges[{place}]")


def _check_shapes(graph: ArchitectureGraph) -> None:
    # Many tensors, few shapes.
    for shape in set(_shapes_passed_along(graph)):
        # Of a nested tensor's ragged sizes none is known: -1.
        _check_shape(shape, least=-1)
    for shape in set(_shapes_held(graph)):
        _check_shape(shape, least=0)


def _check_shape(shape: tuple[int, ...], least: int) -> None:
    fits = len(shape) <= _MOST_SIZES and min(shape, default=0) >= least
    if not fits or math.prod(shape) >= _MOST_VALUES:
        raise misfit(list(shape), "the sizes of a tensor").within("a shape")


def _shapes_passed_along(graph: ArchitectureGraph) -> Iterator[tuple[int, ...]]:
    for node in graph.nodes:
        for specs in (node.inputs, node.outputs):
            for spec in specs:
                yield spec.shape
    if graph.failure is not None:
        for spec in graph.failure.inputs:
            yield spec.shape


def _shapes_held(graph: ArchitectureGraph) -> Iterator[tuple[int, ...]]:
    for entry in graph.modules:
        for states in (entry.parameters, entry.buffers):
            for state in states:
                if state.shape is not None:
                    yield state.shape
