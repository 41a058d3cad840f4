"""What is written on lines in a finished SVG: put where there is room, on a ground of its own.

Graphviz either bends the lines around their labels, which takes many times as long, or writes them
across other lines.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

from modelviz_callbacks.diagram.palette import NESTED_FILLS
from modelviz_callbacks.draw.svg_shapes import (
    Rect,
    bounds,
    curve,
    has_class,
    outline,
    points,
    text_bounds,
)

# The class that a DOT source gives to a line with such a label.
CLASS = "told"
_SVG = "{http://www.w3.org/2000/svg}"
_CELL = 48.0
_PAD_X, _PAD_Y = 2.5, 0.5
_PER_CURVE = 12
_MOST_TRIED = 48
# A label that hides more of its line than this says nothing about it.
_MOST_HIDDEN = 0.4
# Another line below the label is worse than a place far from the middle.
_COST_OF_LINE, _COST_OF_BORDER, _COST_OF_SIDE = 2.0, 1.0, 0.5
_BESIDE = 5.0
_Point = tuple[float, float]


def place_line_labels(svg: Any) -> None:
    """Moves the labels of lines of the class `told`, and drops those that fit nowhere.

    Args:
        svg: The root element, changed in place.
    """
    lines = [group for group in svg.iter() if has_class(group, "edge")]
    labelled = [group for group in lines if has_class(group, CLASS)]
    if not labelled:
        return
    ways = {line: _way(line) for line in lines}
    ground = _Ground(svg, ways)
    for line in labelled:
        texts = [e for e in line.iter() if e.tag == f"{_SVG}text"]
        for parent in list(line.iter()):
            for text in [text for text in texts if text in list(parent)]:
                parent.remove(text)
        if texts and (place := ground.place(texts[0], ways[line])) is not None:
            _write(line, texts[0], place)


class _Ground:
    """Boxes, texts and lines of a picture, found by where they are."""

    def __init__(self, svg: Any, ways: dict[Any, list[_Point]]) -> None:
        self._taken: dict[tuple[int, int], list[Rect]] = defaultdict(list)
        self._crossed: dict[tuple[int, int], list[tuple[int, _Point]]] = defaultdict(list)
        self._page = Rect(float("-inf"), float("-inf"), float("inf"), float("inf"))
        for group in svg.iter():
            if has_class(group, "graph") and (shape := outline(group)) is not None:
                self._page = bounds(shape)
            elif has_class(group, "node") and (shape := outline(group)) is not None:
                self._take(bounds(shape))
            elif has_class(group, "cluster"):
                self._mark_cluster(group)
        for way in ways.values():
            for point in way:
                self._crossed[_cell(point)].append((id(way), point))

    def place(self, text: Any, way: Sequence[_Point]) -> Rect | None:
        """Finds a free place on a line or beside it, near its middle, where few others run."""
        written = text_bounds(text)
        width, height = written.right - written.left, written.bottom - written.top
        own, way = id(way), way[:: 1 + len(way) // _MOST_TRIED]
        middle = (len(way) - 1) / 2
        best: tuple[float, Rect] | None = None
        for number, (x, y) in enumerate(way):
            for side in (0, 1, -1):
                left = x - width / 2 - _PAD_X + side * (width / 2 + _BESIDE)
                top = y - height / 2 - _PAD_Y
                rect = Rect(left, top, left + width + 2 * _PAD_X, top + height + 2 * _PAD_Y)
                if not self._is_free(rect, way):
                    continue
                off = abs(number - middle) / (middle or 1) + _COST_OF_SIDE * abs(side)
                cost = self._cost_of_others(rect, own) + off
                if best is None or cost < best[0]:
                    best = cost, rect
        if best is None:
            return None
        self._take(best[1])
        return best[1]

    def _take(self, rect: Rect) -> None:
        for cell in _cells(rect):
            self._taken[cell].append(rect)

    def _is_free(self, rect: Rect, way: Sequence[_Point]) -> bool:
        """Whether a label there covers no box, no text, and little of its own line."""
        hidden = sum(map(rect.holds, way)) / len(way)
        if hidden > _MOST_HIDDEN or not self._page.contains(rect):
            return False
        return not any(rect.overlaps(other) for cell in _cells(rect) for other in self._taken[cell])

    def _mark_cluster(self, group: Any) -> None:
        for text in group.iter(f"{_SVG}text"):
            self._take(text_bounds(text))
        shape = outline(group)
        if shape is None:
            return
        left, top, right, bottom = bounds(shape)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for start, end in pairwise(corners):
            for point in _steps(start, end):
                self._crossed[_cell(point)].append((-id(group), point))

    def _cost_of_others(self, rect: Rect, own: int) -> float:
        """Says how bad it is to hide other lines and borders at a place."""
        near = (entry for cell in _cells(rect) for entry in self._crossed[cell])
        hidden = {line for line, point in near if line != own and rect.holds(point)}
        return sum(_COST_OF_LINE if line > 0 else _COST_OF_BORDER for line in hidden)


def _steps(start: _Point, end: _Point) -> Iterator[_Point]:
    """Gives points on a straight line that are less than the height of a text apart."""
    count = 1 + int((abs(end[0] - start[0]) + abs(end[1] - start[1])) // 6)
    for step in range(count):
        t = step / count
        yield start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])


def _cell(point: _Point) -> tuple[int, int]:
    return int(point[0] // _CELL), int(point[1] // _CELL)


def _cells(rect: Rect) -> Iterator[tuple[int, int]]:
    left, top = _cell((rect.left, rect.top))
    right, bottom = _cell((rect.right, rect.bottom))
    for across in range(left, right + 1):
        for down in range(top, bottom + 1):
            yield across, down


def _way(line: Any) -> list[_Point]:
    """Gives points along a line: Graphviz draws each as Bézier curves one after the other."""
    shape = next(line.iter(f"{_SVG}path"), None)
    given = [] if shape is None else points(shape)
    way = given[:1]
    for start in range(0, len(given) - 3, 3):
        way += curve(given[start : start + 4], _PER_CURVE)
    return way


def _write(line: Any, text: Any, place: Rect) -> None:
    """Writes a text on a ground, over the line."""
    ground = {
        "x": f"{place.left:.2f}",
        "y": f"{place.top:.2f}",
        "width": f"{place.right - place.left:.2f}",
        "height": f"{place.bottom - place.top:.2f}",
        "rx": "3",
        "fill": NESTED_FILLS[0],
        "fill-opacity": "0.9",
    }
    ET.SubElement(line, f"{_SVG}rect", ground)
    size = float(text.get("font-size", "11"))
    text.set("text-anchor", "middle")
    text.set("x", f"{(place.left + place.right) / 2:.2f}")
    text.set("y", f"{(place.top + place.bottom) / 2 + 0.35 * size:.2f}")
    line.append(text)
