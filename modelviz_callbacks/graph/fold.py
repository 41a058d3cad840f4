"""The view of a graph at a depth: deep calls closed, sequences of equal blocks drawn once."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelviz_callbacks.graph.call_tree import CallTree
from modelviz_callbacks.graph.gathering import Gathered, gather, is_heap
from modelviz_callbacks.graph.model import ArchitectureGraph, Edge, Node, TensorSpec
from modelviz_callbacks.graph.runs import Run, find_runs
from modelviz_callbacks.graph.siblings import numberless
from modelviz_callbacks.graph.signatures import Signature, call_signatures

_MOST_CLOSED_NAMED = 6
# Nobody looks at more boxes in boxes, and Python's stack has an end.
_DEEPEST = 100
# A metric is no part of the network, and does much: it stays closed.
_METRICS = "torchmetrics."


@dataclass(frozen=True)
class Box:
    """What is drawn as one thing.

    Attributes:
        node: The node, the first one of those that it stands for; None for a sequence of
            neighbours that comes several times without a call of its own around it.
        count: How often it comes in sequence, each one feeding the next.
        paths: The paths of all modules that it stands for, in order, each once; of an output
            that stands for several, their names.
        boxes: What is shown in it; a call without is a leaf, or closed.
        hidden: How many nodes are in it that are not shown.
        gathered: The ids of the operations that are drawn as one, `node` among them.
    """

    node: Node | None
    count: int = 1
    paths: tuple[str, ...] = ()
    boxes: tuple["Box", ...] = ()
    hidden: int = 0
    gathered: tuple[int, ...] = ()

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
        folded: What was folded, in words.
        closed: What was closed, in words, or None.
    """

    boxes: tuple[Box, ...] = ()
    links: tuple[Link, ...] = ()
    failed: int | None = None
    folded: tuple[str, ...] = ()
    closed: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was folded and closed, in words."""
        return (*self.folded, *filter(None, [self.closed]))


def view_graph(
    graph: ArchitectureGraph,
    depth: int,
    *,
    folds: Callable[[Run], bool] = lambda _: True,
    gathers: bool = True,
) -> View:
    """Makes the view of a graph.

    Args:
        graph: The graph.
        depth: How many levels of modules to show below the root calls; at least 0. Metrics of
            torchmetrics are closed at every depth.
        folds: Which sequences of equal blocks are drawn once; by default all.
        gathers: Whether the operations of a call that has very many are drawn together. At a
            depth at which nothing is left to open, each is drawn.

    Returns:
        The view.
    """
    return _Folding(graph, depth, folds, gathers=gathers).view()


class _Folding:
    """Walks from the top to the depth, and notes which node is drawn for which."""

    def __init__(
        self,
        graph: ArchitectureGraph,
        depth: int,
        folds: Callable[[Run], bool],
        *,
        gathers: bool,
    ) -> None:
        self._graph = graph
        self._folds = folds
        self._depth = min(depth, _DEEPEST)
        self._tree = CallTree(graph)
        self._signatures: Mapping[int, Signature] = call_signatures(graph, self._tree)
        self._gathers = gathers and depth <= self._tree.nesting
        self._first: dict[int, int] = {}
        self._together: dict[int, int] = {}
        self._metrics = {
            entry.path for entry in graph.modules if entry.class_name.startswith(_METRICS)
        }
        self._turns: dict[int, list[tuple[int, int]]] = {}
        self._runs = 0
        self._drawn: set[int] = set()
        self._closed: list[Box] = []
        self._notes: list[str] = []
        self._heaps: list[str] = []

    def view(self) -> View:
        boxes = self._with_outputs_folded(self._boxes([self._tree.children.get(None, [])], 0))
        failure = self._graph.failure
        failed = None if failure is None or failure.node is None else self._shown(failure.node)
        folded = (*self._notes, *self._gathered_note())
        return View(boxes, self._links(), failed, folded, self._closed_note())

    def _boxes(self, turns: Sequence[Sequence[int]], level: int) -> tuple[Box, ...]:
        """Makes boxes of the first of some blocks' siblings, which stand for all of the blocks."""
        found = find_runs(self._tree, self._signatures, turns[0], self._together)
        runs = (run for block in found for run in self._folded(block))
        if not self._gathers or not is_heap(self._tree, turns[0]):
            return tuple(self._box(turns, run, level) for run in runs)
        self._note_heap(turns[0])
        parts = list(gather(self._tree, turns[0], runs))
        # Known before what is in the modules between them: equal blocks may lead to them.
        for part in parts:
            if not isinstance(part, Run):
                self._together.update(dict.fromkeys(part, part[0]))
        return tuple(
            self._box(turns, part, level) if isinstance(part, Run) else self._gathered(part)
            for part in parts
        )

    def _gathered(self, operations: Gathered) -> Box:
        self._drawn.add(operations[0])
        first, hidden = self._tree.nodes[operations[0]], len(operations) - 1
        return Box(first, hidden=hidden, gathered=operations)

    def _folded(self, run: Run) -> Iterable[Run]:
        return [run] if self._folds(run) else map(Run, range(run.start, run.start + run.length))

    def _box(self, turns: Sequence[Sequence[int]], run: Run, level: int) -> Box:
        if run.count > 1:
            self._fold(turns[0][run.start : run.start + run.length], run)
        # The blocks of this run, in each of the blocks around it.
        starts = range(run.start, run.start + run.length, run.period)
        blocks = [turn[start : start + run.period] for turn in turns for start in starts]
        paths = self._paths(node for block in blocks for node in block)
        if run.count > 1:
            self._notes.append(self._fold_note(blocks, run.count))
        if run.period > 1:
            return Box(None, run.count, paths, self._boxes(blocks, level))
        return self._call(blocks[0][0], run.count, paths, level)

    def _call(self, node_id: int, count: int, paths: tuple[str, ...], level: int) -> Box:
        node, children = self._tree.nodes[node_id], self._tree.children.get(node_id, [])
        if children and level < self._depth and node.path not in self._metrics:
            return Box(node, count, paths, self._boxes([children], level + 1))
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
            for one, two in zip(self._tree.subtree(first), self._tree.subtree(node), strict=True):
                self._first[two] = one
                self._turns.setdefault(two, []).append((self._runs, turn))

    def _with_outputs_folded(self, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        """Makes one box of the outputs that come out of the same place, like each block's cache."""
        groups: dict[Hashable, list[Box]] = {}
        for box in boxes:
            groups.setdefault(self._outlet(box), []).append(box)
        return tuple(
            self._outputs(group) if len(group) > 1 else group[0] for group in groups.values()
        )

    def _outlet(self, box: Box) -> Hashable:
        """Says where an output comes from if that stands for several places; else who it is."""
        crossings = self._tree.entering.get(box.id, [])
        if box.node is None or box.node.kind != "output" or len(crossings) != 1:
            return box.id
        edge = crossings[0].edge
        origin, turns = self._origin(edge.source)
        shown = self._shown(origin)
        like = numberless(box.node.name), tuple((s.shape, s.dtype) for s in box.node.inputs)
        if turns and shown == origin:
            return (*like, origin, edge.output)
        return (*like, shown) if turns or shown != origin else box.id

    def _outputs(self, boxes: Sequence[Box]) -> Box:
        names = tuple(box.node.name for box in boxes if box.node)
        for box in boxes[1:]:
            self._first[box.id] = boxes[0].id
        named = f" {names[0]} … {names[-1]}" if len(set(names)) > 1 else ""
        self._notes.append(f"{len(boxes)} outputs{named}: from the same box, drawn once.")
        return Box(boxes[0].node, len(boxes), names)

    def _origin(self, node: int) -> tuple[int, dict[int, int]]:
        """Gives the node that is drawn for a node, and its turn in each sequence around it."""
        turns = dict(self._turns.get(node, []))
        while (first := self._first.get(node, node)) != node:
            node = first
            turns = {**dict(self._turns.get(node, [])), **turns}
        return node, turns

    def _shown(self, node: int) -> int | None:
        """Gives the box in which a node is drawn."""
        origin = self._origin(node)[0]
        place: int | None = self._together.get(origin, origin)
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

    def _paths(self, nodes: Iterable[int]) -> tuple[str, ...]:
        paths = (self._tree.nodes[node].path for node in nodes)
        return tuple(dict.fromkeys(path for path in paths if path is not None))

    def _fold_note(self, blocks: Sequence[Sequence[int]], count: int) -> str:
        parts = []
        for position in zip(*blocks, strict=True):
            paths = self._paths(position)
            ends = " … ".join(dict.fromkeys([paths[0], paths[-1]])) if paths else ""
            parts.append(f"{self._tree.nodes[position[0]].name} {ends}".strip())
        what = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        return f"{count} × {what}: equal blocks in sequence, drawn once."

    def _note_heap(self, siblings: Sequence[int]) -> None:
        parent = self._tree.nodes[siblings[0]].parent
        call = None if parent is None else self._tree.nodes[parent]
        name = "the step" if call is None else f"{call.name} {call.path}".strip()
        count = sum(self._tree.nodes[node].kind == "op" for node in siblings)
        self._heaps.append(f"{name} ({count:,})")

    def _gathered_note(self) -> tuple[str, ...]:
        if not self._heaps:
            return ()
        more = len(self._heaps) - _MOST_CLOSED_NAMED
        named = ", ".join(self._heaps[:_MOST_CLOSED_NAMED]) + (
            f" and {more} more" if more > 0 else ""
        )
        note = (
            f"Operations that follow each other are drawn together in {named}; each is drawn at "
            f"depth {self._tree.nesting + 1}."
        )
        return (note,)

    def _closed_note(self) -> str | None:
        if not self._closed:
            return None
        counted = Counter(map(_closed_name, self._closed))
        names = [name if count == 1 else f"{count} × {name}" for name, count in counted.items()]
        more = len(names) - _MOST_CLOSED_NAMED
        named = ", ".join(names[:_MOST_CLOSED_NAMED]) + (f" and {more} more" if more > 0 else "")
        hidden = sum(box.hidden for box in self._closed)
        what = f"{hidden:,} calls and operations deeper down are not shown, inside {named}."
        return f"Drawn to depth {self._depth}: {what}"


def _closed_name(box: Box) -> str:
    if box.paths:
        return box.paths[0] or "the model itself"
    return box.node.name if box.node else ""
