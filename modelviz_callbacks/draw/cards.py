"""Stacks in a finished SVG: what comes several times has cards behind it."""

import copy
from typing import Any

from modelviz_callbacks.diagram.palette import STACK_FILL, STACK_LINE
from modelviz_callbacks.draw.svg_shapes import has_class, outline

# The class that a DOT source gives to a node or cluster that stands for several.
CLASS = "stack"
# Where the cards behind are, in points, the hindmost first. Graphviz keeps more room than that
# between boxes.
_OFFSETS = (7.0, 3.5)
_PEN = "1"


def add_cards(svg: Any) -> None:
    """Puts two cards behind each node and cluster of the class `stack`.

    Args:
        svg: The root element, changed in place.
    """
    for group in [group for group in svg.iter() if has_class(group, CLASS)]:
        front = outline(group)
        if front is None:
            continue
        place = list(group).index(front) if front in list(group) else 0
        for step, offset in enumerate(_OFFSETS):
            group.insert(place + step, _card(front, offset))


def _card(front: Any, offset: float) -> Any:
    card = copy.deepcopy(front)
    card.attrib.pop("stroke-dasharray", None)
    card.attrib.update(
        {
            "fill": STACK_FILL,
            "stroke": STACK_LINE,
            "stroke-width": _PEN,
            "transform": f"translate({offset:g} {offset:g})",
        }
    )
    return card
