"""The nodes of an architecture graph as a tree of calls, with what crosses each call's border."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Edge,
    Node,
    TensorSpec,
    children_by_parent,
)


class Crossing(NamedTuple):
    """An edge that enters or leaves a node's subtree.

    Attributes:
        edge: The edge.
        sibling: The sibling of that node in whose subtree the other end is; None if it is in none.
    """

    edge: Edge
    sibling: int | None


class CallTree:
    """The nodes in the order of a walk from the top, and each edge at every border it crosses.

    All nodes of a subtree are next to each other in `order`, and so two equal subtrees can be
    laid over each other, place by place.
    """

    def __init__(self, graph: ArchitectureGraph) -> None:
        """Takes time in proportion to nodes and edges, times the nesting."""
        self.nodes: dict[int, Node] = {node.id: node for node in graph.nodes}
        self.children: dict[int | None, list[int]] = {
            parent: [node.id for node in nodes]
            for parent, nodes in children_by_parent(graph.nodes).items()
        }
        self.order: list[int] = []
        self.place: dict[int, int] = {}
        self._level: dict[int, int] = {}
        self._walk()
        self.size: dict[int, int] = dict.fromkeys(self.order, 1)
        for node in reversed(self.order):
            parent = self.nodes[node].parent
            if parent is not None:
                self.size[parent] += self.size[node]
        # How many levels of calls with something in them there are.
        self.nesting = 1 + max(
            (self._level[node] for node in self.order if node in self.children), default=-1
        )
        self.entering: dict[int, list[Crossing]] = {}
        self.leaving: dict[int, list[Crossing]] = {}
        self.within: dict[int | None, list[Edge]] = {}
        self._fed: dict[int, list[int]] = {}
        for edge in graph.edges:
            if edge.source in self.place and edge.target in self.place:
                self._add(edge)

    def subtree(self, node: int) -> Sequence[int]:
        """Gives a node and all nodes in it, in order."""
        place = self.place[node]
        return self.order[place : place + self.size[node]]

    def steps(self, start: int, end: int) -> int:
        """How many places further on a node is than another one."""
        return self.place[end] - self.place[start]

    def reached(self, starts: Collection[int], among: Collection[int]) -> set[int]:
        """Gives the nodes that data gets to from some nodes, by way of certain nodes only."""
        waiting, reached = list(starts), set(starts)
        while waiting:
            following = [node for node in self._fed.get(waiting.pop(), []) if node in among]
            waiting += [node for node in following if node not in reached]
            reached.update(following)
        return reached

    def inputs(self, node: int) -> dict[str | int, TensorSpec]:
        """Gives the tensors that go into a node, as `input_key` names them."""
        return {spec.name or place: spec for place, spec in enumerate(self.nodes[node].inputs)}

    def input_key(self, edge: Edge) -> str | int:
        """Names the input that an edge leads to: modules' inputs have names, operations' none."""
        inputs = self.nodes[edge.target].inputs
        return (inputs[edge.input].name if edge.input < len(inputs) else "") or edge.input

    def _walk(self) -> None:
        waiting = [(node, 0) for node in reversed(self.children.get(None, []))]
        while waiting:
            node, level = waiting.pop()
            self.place[node], self._level[node] = len(self.order), level
            self.order.append(node)
            waiting += [(child, level + 1) for child in reversed(self.children.get(node, []))]

    def _add(self, edge: Edge) -> None:
        """Notes an edge at each border between its ends and the call that both are in."""
        self._fed.setdefault(edge.source, []).append(edge.target)
        sources, targets = [edge.source], [edge.target]
        while (source := sources[-1]) != (target := targets[-1]):
            above = self.nodes[source].parent, self.nodes[target].parent
            if above[0] == above[1]:
                self.within.setdefault(above[0], []).append(edge)
                self.leaving.setdefault(sources.pop(), []).append(Crossing(edge, target))
                self.entering.setdefault(targets.pop(), []).append(Crossing(edge, source))
                break
            deeper = self._level[source] - self._level[target]
            if deeper >= 0 and above[0] is not None:
                sources.append(above[0])
            if deeper <= 0 and above[1] is not None:
                targets.append(above[1])
        self._note(self.leaving, sources, edge)
        self._note(self.entering, targets, edge)

    def _note(self, crossings: dict[int, list[Crossing]], nodes: Iterable[int], edge: Edge) -> None:
        for node in nodes:
            crossings.setdefault(node, []).append(Crossing(edge, None))
