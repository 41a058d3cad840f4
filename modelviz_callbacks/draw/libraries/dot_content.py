"""What a DOT source holds, as plain data: nodes, edges, clusters in clusters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pygraphviz import graphviz as cgraph

from modelviz_callbacks.draw import dot_graph


@dataclass(frozen=True)
class DotNode:
    """A node.

    Attributes:
        name: Its name in the source.
        label: What is written on it, as it stands in the source; not its name where it has none.
        fill: Its colour, or `""`.
        cluster: The name of the innermost cluster that it is in, or None.
    """

    name: str
    label: str
    fill: str
    cluster: str | None


@dataclass(frozen=True)
class DotEdge:
    """An edge.

    Attributes:
        tail: The name of the node that it comes from.
        head: The name of the node that it goes to.
        label: What is written on it.
        style: Like `"dotted"`, or `""`.
        direction: `"none"` if it has no arrowhead, or `""`.
    """

    tail: str
    head: str
    label: str
    style: str
    direction: str


@dataclass(frozen=True)
class DotCluster:
    """A box around nodes.

    Attributes:
        name: Its name in the source.
        label: What is written on it.
        parent: The name of the cluster around it, or None.
    """

    name: str
    label: str
    parent: str | None


@dataclass(frozen=True)
class DotContent:
    """A graph.

    Attributes:
        nodes: In the order of the source.
        edges: Grouped by the node that they come from.
        clusters: Those around others before those.
    """

    nodes: tuple[DotNode, ...]
    edges: tuple[DotEdge, ...]
    clusters: tuple[DotCluster, ...]


def read_dot(dot: str) -> DotContent:
    """Reads a DOT source.

    Raises:
        DotError: It cannot be parsed.
    """
    graph = dot_graph.parse(dot)
    try:
        clusters = tuple(_clusters(graph))
        holders = _holders(graph, {cluster.name for cluster in clusters})
        nodes = tuple(_node(node, holders) for node in dot_graph.nodes_of(graph))
        edges = tuple(
            _edge(edge)
            for node in dot_graph.nodes_of(graph)
            for edge in dot_graph.edges_from(graph, node)
        )
    finally:
        cgraph.agclose(graph)
    return DotContent(nodes, edges, clusters)


def _clusters(graph: Any) -> Iterator[DotCluster]:
    for subgraph, parent in _below(graph):
        name = _name(subgraph)
        yield DotCluster(name, _value(subgraph, "label"), parent)


def _below(graph: Any, parent: str | None = None) -> Iterator[tuple[Any, str | None]]:
    """Gives the clusters in a graph, each with the name of the cluster around it."""
    for subgraph in dot_graph.subgraphs_of(graph):
        is_cluster = _name(subgraph).startswith("cluster")
        if is_cluster:
            yield subgraph, parent
        yield from _below(subgraph, _name(subgraph) if is_cluster else parent)


def _holders(graph: Any, clusters: set[str]) -> dict[str, str]:
    """Gives the innermost cluster of each node."""
    holders: dict[str, str] = {}
    for subgraph, _ in _below(graph):
        for node in dot_graph.nodes_of(subgraph):
            holders[_name(node)] = _name(subgraph)
    return {node: holder for node, holder in holders.items() if holder in clusters}


def _node(node: Any, holders: dict[str, str]) -> DotNode:
    name = _name(node)
    return DotNode(name, _value(node, "label"), _value(node, "fillcolor"), holders.get(name))


def _edge(edge: Any) -> DotEdge:
    ends = _name(cgraph.agtail(edge)), _name(cgraph.aghead(edge))
    return DotEdge(*ends, *(_value(edge, name) for name in ("label", "style", "dir")))


def _name(item: Any) -> str:
    return (cgraph.agnameof(item) or b"").decode("utf-8", "replace")


def _value(item: Any, name: str) -> str:
    try:
        value = cgraph.agget(item, name.encode())
    except KeyError:  # nothing in the graph has such an attribute
        return ""
    return "" if value is None else value.decode("utf-8", "replace")
