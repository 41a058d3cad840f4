"""Stacks: cards behind what comes several times."""

import re
from xml.etree import ElementTree as ET

import pytest

from modelviz_callbacks.diagram.palette import STACK_FILL
from modelviz_callbacks.draw.engine import layout
from modelviz_callbacks.draw.svg_shapes import bounds, has_class

STACKS = {
    "a node": 'digraph { a [class=stack shape=box style="filled,rounded"] a -> b }',
    "a node of another shape": "digraph { a [class=stack shape=hexagon style=filled] }",
    "a cluster": "digraph { subgraph cluster_a { class=stack a } b -> a }",
}


def shapes(dot: str) -> list[ET.Element]:
    """Gives the outlines in the stack, the hindmost first."""
    svg = ET.fromstring(layout(dot).encode())
    (stack,) = [group for group in svg.iter() if has_class(group, "stack")]
    return [e for e in stack.iter() if e.tag.endswith(("}path", "}polygon"))]


@pytest.mark.parametrize("kind", STACKS)
def test_two_cards_lie_behind_the_front(kind) -> None:
    """They have its shape, come before it in the file, and are moved to the right and down."""
    *cards, front = shapes(STACKS[kind])
    assert [bounds(card) for card in cards] == [bounds(front)] * 2
    assert {card.get("fill") for card in cards} == {STACK_FILL}
    assert front.get("fill") != STACK_FILL
    moved = [re.findall(r"[\d.]+", card.get("transform", "")) for card in cards]
    assert moved == [["7", "7"], ["3.5", "3.5"]]
    assert front.get("transform") is None


def test_what_comes_once_has_no_cards() -> None:
    """Also in a stack: a cluster that is no stack says so itself."""
    dot = "digraph { subgraph cluster_a { class=stack; subgraph cluster_b { class=single a } } }"
    svg = layout(dot)
    assert svg.count(STACK_FILL) == 2
