"""Which links of a view are drawn, with what on them, and which are told in words."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from modelviz_callbacks.diagram.module_text import shapes
from modelviz_callbacks.graph.fold import Box, Link, View

# Where every box of a crowd feeds every later one, as in a DenseNet, nobody can follow the lines.
_MOST_DRAWN = 4
_SEVERAL = 3
# More than what pulls at a box from the side, less than what keeps containers narrow.
_TRUNK_WEIGHT = 32
# So many steps further down, the box that the line comes from is out of sight.
_FAR = 3


@dataclass(frozen=True)
class DrawnLink:
    """A link with a line.

    Attributes:
        link: The link.
        weight: How straight the layout keeps it.
        shape: What is written on the line.
    """

    link: Link
    weight: int = 1
    shape: str = ""


@dataclass(frozen=True)
class DrawnLinks:
    """The links of a view.

    Attributes:
        drawn: Links with a line.
        told: By box, the boxes that feed it without a line.
    """

    drawn: tuple[DrawnLink, ...] = ()
    told: dict[int, tuple[Box, ...]] = field(default_factory=dict)

    @property
    def note(self) -> str | None:
        """Says how many links are told in words."""
        count = sum(map(len, self.told.values()))
        lines = count + len(self.drawn)
        return (
            f"{count:,} of {lines:,} links are written in the boxes, not drawn." if count else None
        )


def choose_links(view: View) -> DrawnLinks:
    """Chooses the links to draw: all, but between crowds only those to the next box.

    The steps of the longest ways are kept straight.

    Args:
        view: The view.

    Returns:
        The links.
    """
    boxes = {box.id: box for box in _leaves(view.boxes)}
    above = _longest(boxes, [(link.source, link.target) for link in view.links])
    below = _longest(reversed(boxes), [(link.target, link.source) for link in view.links])
    sources, targets = _crowds(view)
    drawn, told, said = [], dict[int, list[Box]](), set[tuple[int, str]]()
    for link in view.links:
        is_next = above[link.target] == above[link.source] + 1
        is_trunk = is_next and below[link.source] == below[link.target] + 1
        if not is_next and (link.source in sources or link.target in targets):
            told.setdefault(link.target, []).append(boxes[link.source])
        else:
            steps = (
                above[link.target] - above[link.source],
                below[link.source] - below[link.target],
            )
            is_far = min(steps) >= _FAR
            shape = _shape(link, boxes, is_far=is_far)
            # Once for each tensor.
            shape = "" if (link.source, shape) in said else shape
            said.add((link.source, shape))
            drawn.append(DrawnLink(link, _TRUNK_WEIGHT if is_trunk else 1, shape))
    return DrawnLinks(tuple(drawn), {target: tuple(boxes) for target, boxes in told.items()})


def _shape(link: Link, boxes: Mapping[int, Box], *, is_far: bool) -> str:
    """Gives the shape that a line carries, where the boxes at its ends do not tell it."""
    source, target = boxes[link.source].node, boxes[link.target].node
    if source is None or target is None or target.kind == "output":
        return ""
    carried = {spec.shape for spec in link.tensors}
    # What comes out of operations that are drawn together is on their lines alone.
    gathered = boxes[link.source].gathered
    told = set() if gathered else {spec.shape for spec in source.outputs}
    # One of several, or what comes from deep inside of a closed box.
    is_clear = carried == told
    return shapes(link.tensors) if any(carried) and (is_far or not is_clear) else ""


def _longest(boxes: Iterable[int], steps: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Gives the length of the longest way to each box."""
    before: dict[int, list[int]] = {}
    for start, end in steps:
        before.setdefault(end, []).append(start)
    longest: dict[int, int] = {}
    for box in boxes:
        ways = (longest.get(start, -1) for start in before.get(box, []))
        longest[box] = 1 + max(ways, default=-1)
    return longest


def _crowds(view: View) -> tuple[set[int], set[int]]:
    """Gives the boxes that feed several of those that are fed by many, and the other way round."""
    outgoing = Counter(link.source for link in view.links)
    incoming = Counter(link.target for link in view.links)
    crowded = [
        link
        for link in view.links
        if outgoing[link.source] > _MOST_DRAWN and incoming[link.target] > _MOST_DRAWN
    ]
    return (
        _several(link.source for link in crowded),
        _several(link.target for link in crowded),
    )


def _several(boxes: Iterable[int]) -> set[int]:
    return {box for box, count in Counter(boxes).items() if count >= _SEVERAL}


def _leaves(boxes: tuple[Box, ...]) -> Iterator[Box]:
    for box in boxes:
        if box.boxes:
            yield from _leaves(box.boxes)
        else:
            yield box
