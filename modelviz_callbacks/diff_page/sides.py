"""The two architectures that are compared, and the depths at which both are drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelviz_callbacks.draw.page.facts import depths_of
from modelviz_callbacks.graph.diff_marks import GraphMarks
from modelviz_callbacks.graph.fold import Box, view_graph
from modelviz_callbacks.graph.model import ArchitectureGraph

# Each depth is two pictures more that somebody waits for.
MOST_DEPTHS = 5
# With more boxes than that a reader loses the way at first.
_MOST_AT_FIRST = 250
# dot takes minutes for more.
_MOST_DRAWN = 3_000


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


def choose_depths(sides: Sequence[Side]) -> Depths:
    """Chooses depths for both diagrams.

    Args:
        sides: The two.

    Returns:
        The depths; first comes the lowest one at which most of what is marked has boxes of its
        own, as long as a reader can find the way in it.
    """
    deepest = max((depths_of(side.graph)[-1] for side in sides if side.graph.nodes), default=0)
    if deepest == 0:
        return Depths((), 0, ("there is nothing to draw: no step was watched",))
    notes = []
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
            seen[depth] = sum(_seen(side, shown) for side, shown in zip(sides, boxes, strict=True))
    best = max(seen.values(), default=0)
    first = next((depth for depth in drawn if seen.get(depth) == best), drawn[0])
    return Depths(tuple(drawn), first, tuple(notes))


def _all_boxes(boxes: Iterable[Box]) -> Iterable[Box]:
    for box in boxes:
        yield box
        yield from _all_boxes(box.boxes)


def _seen(side: Side, boxes: Iterable[Box]) -> int:
    """Counts what is marked and has a box of its own."""
    paths: set[str] = set()
    nodes: set[int] = set()
    for box in boxes:
        if box.node is not None and box.node.kind == "module":
            paths.update(box.paths)
        nodes.update(box.gathered or ([box.node.id] if box.node is not None else []))
    return len(paths & side.marks.modules.keys()) + len(nodes & side.marks.nodes.keys())
