"""What is written on lines: where there is room, or not at all."""

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from modelviz_callbacks.draw.engine import layout
from modelviz_callbacks.draw.line_labels import place_line_labels
from modelviz_callbacks.draw.svg_shapes import Rect, bounds, has_class, outline, text_bounds

# A skip over boxes, in a container with a heading.
SKIP = """digraph {{ node [shape=box width=2]
subgraph cluster_a {{ label="a heading" a -> b -> c -> d -> e
a -> e [class=told xlabel="{label}"] }} }}"""


def drawn(dot: str) -> ET.Element:
    return ET.fromstring(layout(dot).encode())


def placed(svg: ET.Element) -> list[Rect]:
    return [
        text_bounds(text)
        for line in svg.iter()
        if has_class(line, "told")
        for text in line
        if text.tag.endswith("}text")
    ]


def boxes(svg: ET.Element, kind: str) -> list[Rect]:
    return [bounds(outline(group)) for group in svg.iter() if has_class(group, kind)]


def test_a_label_is_on_its_line_and_on_no_box() -> None:
    """It has a ground, is inside of the page, and covers neither a node nor a heading."""
    svg = drawn(SKIP.format(label="[2, 64, 8, 8]"))
    (label,) = placed(svg)
    (page,) = boxes(svg, "graph")
    assert page.contains(label)
    assert not [box for box in boxes(svg, "node") if box.overlaps(label)]
    (line,) = [group for group in svg.iter() if has_class(group, "told")]
    assert [e.tag.rpartition("}")[2] for e in line][-2:] == ["rect", "text"]
    assert bounds(outline(line)).overlaps(label)


def test_a_label_stays_on_the_page() -> None:
    """Beside a line at the border it is on the inner side."""
    svg = ET.fromstring(
        '<svg xmlns="http://www.w3.org/2000/svg"><g class="graph">'
        '<polygon points="0,0 100,0 100,-200 0,-200"/><g class="edge told">'
        '<path d="M95,-200C95,-150 95,-50 95,0"/><text font-size="9" x="0" y="0">[2, 64]</text>'
        "</g></g></svg>"
    )
    place_line_labels(svg)
    (label,) = placed(svg)
    assert Rect(0, -200, 100, 0).contains(label)
    assert label.left > 40


def test_labels_do_not_cover_each_other() -> None:
    """Of lines side by side."""
    lines = "".join(f'a -> e [class=told xlabel="[{n}, 64, 8, 8]"] ' for n in range(4))
    svg = drawn(f"digraph {{ node [shape=box] a -> b -> c -> d -> e {lines} }}")
    labels = placed(svg)
    assert len(labels) == 4
    assert not [pair for pair in combinations(labels, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize(("size", "labels"), [(9, 1), (90, 0)])
def test_a_label_that_fits_nowhere_is_left_out(size, labels) -> None:
    """One that is taller than the line is long would cover the boxes at its ends."""
    line = f'a -> b [class=told xlabel="x" fontsize={size}]'
    assert len(placed(drawn(f"digraph {{ node [shape=box width=9] {line} }}"))) == labels


def test_other_labels_stay_where_they_are() -> None:
    """Graphviz' own place is right for what is not ours."""
    svg = layout('digraph { a -> b [label="two"] }')
    assert "two" in svg
    assert "<rect" not in svg
