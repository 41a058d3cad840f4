"""The view of a graph at a depth: deep calls closed, sequences of equal blocks drawn once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelviz_callbacks.graph.call_tree import CallTree
from modelviz_callbacks.graph.model import ArchitectureGraph, Edge, Node, TensorSpec
from modelviz_callbacks.graph.runs import Run, find_runs
from modelviz_callbacks.graph.signatures import Signature, call_signatures

_MOST_CLOSED_NAMED = 6


@dataclass(frozen=True)
class Box:
    """What is drawn as one thing.

    Attributes:
        node: The node, the first one of those that it stands for; None for a sequence of
            neighbours that comes several times without a call of its own around it.
        count: How often it comes in sequence, each one feeding the next.
        paths: The paths of all modules that it stands for, in order, each once.
        boxes: What is shown in it; a call without is a leaf, or closed.
        hidden: How many nodes are in it that are not shown.
    """

    node: Node | None
    count: int = 1
    paths: tuple[str, ...] = ()
    boxes: tuple["Box", ...] = ()
    hidden: int = 0

    @property
    def id(self) -> int:
        """The id of its first node; a box with `node` and without `boxes` has it alone."""
        return self.boxes[0].id if self.node is None else self.node.id


@dataclass(frozen=True)
class Link:
    """Tensors on their way between two boxes that have no boxes in them.

    Attributes:
        source: The id of the box that they come from.
        target: The id of the box that they go to.
        tensors: They themselves, each once.
    """

    source: int
    target: int
    tensors: tuple[TensorSpec, ...] = ()


@dataclass(frozen=True)
class View:
    """A graph as it is drawn.

    Attributes:
        boxes: What is drawn at the top: the root calls, operations of the step, inputs, outputs.
        links: How data flows between them; from one block of a sequence to the next is left out.
        failed: The id of the box that the step stopped in.
        notes: What was folded and closed, in words.
    """

    boxes: tuple[Box, ...] = ()
    links: tuple[Link, ...] = ()
    failed: int | None = None
    notes: tuple[str, ...] = ()


def view_graph(graph: ArchitectureGraph, depth: int) -> View:
    """Makes the view of a graph.

    Args:
        graph: The graph.
        depth: How many levels of modules to show below the root calls; at least 0.

    Returns:
        The view.
    """
    return _Folding(graph, depth).view()


class _Folding:
    """Walks from the top to the depth, and notes which node is drawn for which."""

    def __init__(self, graph: ArchitectureGraph, depth: int) -> None:
        self._graph = graph
        self._depth = depth
        self._tree = CallTree(graph)
        self._signatures: Mapping[int, Signature] = call_signatures(graph, self._tree)
        self._first: dict[int, int] = {}
        self._turns: dict[int, list[tuple[int, int]]] = {}
        self._runs = 0
        self._drawn: set[int] = set()
        self._closed: list[Box] = []
        self._notes: list[str] = []

    def view(self) -> View:
        boxes = self._boxes(self._tree.children.get(None, []), 0)
        failure = self._graph.failure
        failed = None if failure is None or failure.node is None else self._shown(failure.node)
        return View(boxes, self._links(), failed, (*self._notes, *self._closed_note()))

    def _boxes(self, siblings: Sequence[int], level: int) -> tuple[Box, ...]:
        runs = find_runs(self._tree, self._signatures, siblings)
        return tuple(self._box(siblings, run, level) for run in runs)

    def _box(self, siblings: Sequence[int], run: Run, level: int) -> Box:
        covered = siblings[run.start : run.start + run.length]
        unit = covered[: run.period]
        paths = tuple(dict.fromkeys(path for n in covered if (path := self._path(n)) is not None))
        if run.count > 1:
            self._fold(covered, run)
            self._notes.append(self._fold_note(unit, run.count, paths))
        if run.period > 1:
            return Box(None, run.count, paths, self._boxes(unit, level))
        return self._call(unit[0], run.count, paths, level)

    def _call(self, node_id: int, count: int, paths: tuple[str, ...], level: int) -> Box:
        node, children = self._tree.nodes[node_id], self._tree.children.get(node_id, [])
        if children and level < self._depth:
            return Box(node, count, paths, self._boxes(children, level + 1))
        self._drawn.add(node_id)
        box = Box(node, count, paths, hidden=self._tree.size[node_id] - 1)
        if children:
            self._closed.append(box)
        return box

    # Folding: every node of a later block is drawn as the node at the same place of the first.

    def _fold(self, covered: Sequence[int], run: Run) -> None:
        self._runs += 1
        for place, node in enumerate(covered):
            turn, first = place // run.period, covered[place % run.period]
            for one, two in zip(
                self._tree.subtree(first), self._tree.subtree(node), strict=True
            ):
                self._first[two] = one
                self._turns.setdefault(two, []).append((self._runs, turn))

    def _origin(self, node: int) -> tuple[int, dict[int, int]]:
        """Gives the node that is drawn for a node, and its turn in each sequence around it."""
        turns = dict(self._turns.get(node, []))
        while (first := self._first.get(node, node)) != node:
            node = first
            turns = {**dict(self._turns.get(node, [])), **turns}
        return node, turns

    def _shown(self, node: int) -> int | None:
        """Gives the box in which a node is drawn."""
        place: int | None = self._origin(node)[0]
        while place is not None and place not in self._drawn:
            place = self._tree.nodes[place].parent
        return place

    def _links(self) -> tuple[Link, ...]:
        tensors: dict[tuple[int, int], dict[tuple[int, int], TensorSpec | None]] = {}
        for source, target, edge in self._drawn_edges():
            spec = self._tensor(edge)
            tensors.setdefault((source, target), {})[edge.source, edge.output] = spec
        return tuple(
            Link(source, target, tuple(spec for spec in specs.values() if spec is not None))
            for (source, target), specs in tensors.items()
        )

    def _drawn_edges(self) -> Iterator[tuple[int, int, Edge]]:
        for edge in self._graph.edges:
            if edge.source not in self._tree.place or edge.target not in self._tree.place:
                continue
            (source, turns), (target, others) = self._origin(edge.source), self._origin(edge.target)
            # From one block to the next: what the count on the block says.
            if any(others.get(run, turn) != turn for run, turn in turns.items()):
                continue
            ends = self._shown(source), self._shown(target)
            if ends[0] is not None and ends[1] is not None and ends[0] != ends[1]:
                yield ends[0], ends[1], Edge(source, target, edge.output, edge.input)

    def _tensor(self, edge: Edge) -> TensorSpec | None:
        outputs = self._tree.nodes[edge.source].outputs
        return outputs[edge.output] if edge.output < len(outputs) else None

    # Notes.

    def _path(self, node: int) -> str | None:
        return self._tree.nodes[node].path

    def _fold_note(self, unit: Sequence[int], count: int, paths: Sequence[str]) -> str:
        names = ", ".join(self._tree.nodes[node].name for node in unit)
        what = names if len(unit) == 1 else f"({names})"
        where = f" {paths[0]}" if paths else ""
        if len(paths) > 1:
            where = f" {paths[0]} … {paths[-1]}"
        return f"{count} × {what}{where}: equal blocks in sequence, drawn once."

    def _closed_note(self) -> tuple[str, ...]:
        if not self._closed:
            return ()
        names = [box.paths[0] or "the model itself" for box in self._closed if box.paths]
        more = len(names) - _MOST_CLOSED_NAMED
        named = ", ".join(names[:_MOST_CLOSED_NAMED]) + (f" and {more} more" if more > 0 else "")
        hidden = sum(box.hidden for box in self._closed)
        return (
            f"Drawn to depth {self._depth}: {hidden:,} calls and operations deeper down are not "
            f"shown, inside {named}.",
        )
