"""Says in short strings what a graph holds, so that tests can spell out what they expect."""

from collections import Counter

from modelviz_callbacks.graph.model import ArchitectureGraph, Node


def labels(graph: ArchitectureGraph) -> dict[int, str]:
    """Names each node by its id.

    A module call is called by its path (`"."` is the model itself), an operation by its name; an
    input is `"x?"`, an output `"output!"`. What comes again is numbered: `"add", "add#2"`.
    """
    counts: Counter[str] = Counter()
    named = {}
    for node in graph.nodes:
        label = _label(node)
        counts[label] += 1
        named[node.id] = label if counts[label] == 1 else f"{label}#{counts[label]}"
    return named


def outline(graph: ArchitectureGraph) -> list[str]:
    """Gives the nodes in order, each indented by a space for each call that it is in."""
    named = labels(graph)
    depths: dict[int | None, int] = {None: -1}
    for node in graph.nodes:
        depths[node.id] = depths[node.parent] + 1
    return [" " * depths[node.id] + named[node.id] for node in graph.nodes]


def arrows(graph: ArchitectureGraph) -> list[str]:
    """Gives the edges in the graph's order, like `"x? > layer"`."""
    named = labels(graph)
    return [f"{named[edge.source]} > {named[edge.target]}" for edge in graph.edges]


def names(graph: ArchitectureGraph, kind: str) -> list[str]:
    """Gives the names of the nodes of a kind, in order."""
    return [node.name for node in graph.nodes if node.kind == kind]


def paths(graph: ArchitectureGraph) -> list[str | None]:
    """Gives the paths of the module calls, in order."""
    return [node.path for node in graph.nodes if node.kind == "module"]


def reaches(graph: ArchitectureGraph, source: str, target: str) -> bool:
    """Whether data flows from one node to another, both given by their labels."""
    pairs = [arrow.split(" > ") for arrow in arrows(graph)]
    reached = {source}
    for _ in pairs:
        reached |= {end for start, end in pairs if start in reached}
    return target in reached


def _label(node: Node) -> str:
    if node.kind == "module":
        return node.path or "."
    return node.name + {"input": "?", "output": "!"}.get(node.kind, "")
