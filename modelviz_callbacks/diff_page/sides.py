"""The two architectures that are compared, and the depths at which both are drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelviz_callbacks.draw.page.facts import depths_of
from modelviz_callbacks.graph.diff_marks import GraphMarks
from modelviz_callbacks.graph.fold import Box, view_graph
from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.graph.module_tree import with_ancestors

# Each depth is two pictures more that somebody waits for.
MOST_DEPTHS = 5
# With more boxes than that a reader loses the way at first.
_MOST_AT_FIRST = 250
# dot takes minutes for more.
_MOST_DRAWN = 3_000

# The module's path in the old graph and in the new one, the node's id in the old one and the new.
Place = tuple[str | None, str | None, int | None, int | None]


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        name: What the reader knows it by, like the path that was given.
        graph: Its graph.
        marks: What is marked in it.
        class_name: The model's class.
        created_at: When its record was begun.
    """

    name: str
    graph: ArchitectureGraph
    marks: GraphMarks
    class_name: str = ""
    created_at: str = ""


@dataclass(frozen=True)
class Depths:
    """The depths of the page.

    Attributes:
        drawn: Those that are drawn.
        first: The one that is shown first.
        notes: Which are left out, in words.
    """

    drawn: tuple[int, ...]
    first: int
    notes: tuple[str, ...] = ()


def choose_depths(sides: Sequence[Side], places: Iterable[Place]) -> Depths:
    """Chooses depths for both diagrams.

    Args:
        sides: The two.
        places: Where what is listed of the changes is.

    Returns:
        The depths; first comes the lowest one at which most of these places have boxes of their
        own, as long as a reader can find the way in it.
    """
    deepest = max((depths_of(side.graph)[-1] for side in sides if side.graph.nodes), default=0)
    if deepest == 0:
        return Depths((), 0, ("there is nothing to draw: no step was watched",))
    notes = []
    listed = list(places)
    if deepest > MOST_DEPTHS:
        notes.append(f"the diagrams are drawn down to depth {MOST_DEPTHS} of {deepest}")
    drawn: list[int] = []
    seen: dict[int, int] = {}
    for depth in range(1, min(deepest, MOST_DEPTHS) + 1):
        boxes = [list(_all_boxes(view_graph(side.graph, depth).boxes)) for side in sides]
        most = max(map(len, boxes))
        if drawn and most > _MOST_DRAWN:
            notes.append(f"depth {depth} is not drawn: it would have {most:,} boxes")
            break
        drawn.append(depth)
        if most <= _MOST_AT_FIRST:
            old, new = (_Shown(side.graph, b) for side, b in zip(sides, boxes, strict=True))
            seen[depth] = sum(
                old.has(was, old_node) + new.has(path, new_node)
                for was, path, old_node, new_node in listed
            )
    best = max(seen.values(), default=0)
    first = next((depth for depth in drawn if seen.get(depth) == best), drawn[0])
    return Depths(tuple(drawn), first, tuple(notes))


def _all_boxes(boxes: Iterable[Box]) -> Iterable[Box]:
    for box in boxes:
        yield box
        yield from _all_boxes(box.boxes)


class _Shown:
    """What has a box of its own, also one that stands for equal blocks."""

    def __init__(self, graph: ArchitectureGraph, boxes: Iterable[Box]) -> None:
        self._nodes = {node.id: node for node in graph.nodes}
        called = [box for box in boxes if box.node is not None and box.node.kind == "module"]
        # One that is never called itself, like a list, is where the modules in it are.
        self._modules = {a for box in called for path in box.paths for a in with_ancestors(path)}
        self._open = {path for box in called if box.boxes for path in box.paths}

    def has(self, path: str | None, node: int | None) -> bool:
        return path in self._modules or (node is not None and self._has_node(self._nodes[node]))

    def _has_node(self, node: Node) -> bool:
        return node.parent is None or self._nodes[node.parent].path in self._open
