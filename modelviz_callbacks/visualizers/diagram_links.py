"""Which links of a view are drawn, and which are told in words because they would be a tangle."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from modelviz_callbacks.graph.fold import Box, Link, View

# Where every box of a crowd feeds every later one, as in a DenseNet, nobody can follow the lines.
_MOST_DRAWN = 4
_TRUNK_WEIGHT = 8


@dataclass(frozen=True)
class DrawnLinks:
    """The links of a view.

    Attributes:
        drawn: Links with a line, and its weight in the layout.
        told: By box, the boxes that feed it without a line.
    """

    drawn: tuple[tuple[Link, int], ...] = ()
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

    Args:
        view: The view.

    Returns:
        The links.
    """
    boxes = {box.id: box for box in _leaves(view.boxes)}
    ranks = _ranks(view.links, boxes)
    sources, targets = _crowds(view)
    drawn, told = [], dict[int, list[Box]]()
    for link in view.links:
        is_trunk = ranks[link.target] == ranks[link.source] + 1
        if not is_trunk and (link.source in sources or link.target in targets):
            told.setdefault(link.target, []).append(boxes[link.source])
        else:
            drawn.append((link, _TRUNK_WEIGHT if is_trunk else 1))
    return DrawnLinks(tuple(drawn), {target: tuple(boxes) for target, boxes in told.items()})


def _ranks(links: Iterable[Link], boxes: Iterable[int]) -> dict[int, int]:
    """Gives the length of the longest way to each box; one step of it is kept straight."""
    incoming: dict[int, list[int]] = {}
    for link in links:
        incoming.setdefault(link.target, []).append(link.source)
    ranks: dict[int, int] = {}
    for box in boxes:
        ranks[box] = 1 + max(
            (ranks.get(source, -1) for source in incoming.get(box, [])), default=-1
        )
    return ranks


def _crowds(view: View) -> tuple[set[int], set[int]]:
    """Gives the boxes that feed many which are fed by many, and these."""
    outgoing = Counter(link.source for link in view.links)
    incoming = Counter(link.target for link in view.links)
    crowded = [
        link
        for link in view.links
        if outgoing[link.source] > _MOST_DRAWN and incoming[link.target] > _MOST_DRAWN
    ]
    return {link.source for link in crowded}, {link.target for link in crowded}


def _leaves(boxes: tuple[Box, ...]) -> Iterator[Box]:
    for box in boxes:
        if box.boxes:
            yield from _leaves(box.boxes)
        else:
            yield box
