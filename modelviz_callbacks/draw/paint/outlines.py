"""The outlines of what an SVG of Graphviz' is made of, and the part of them in a rectangle."""

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelviz_callbacks.draw.svg_shapes import Rect, curve, points

SVG = "{http://www.w3.org/2000/svg}"

Point = tuple[float, float]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_COMMAND = re.compile(r"([MLCZz])([^MLCZz]*)")
_MOVED = re.compile(r"translate\((-?[\d.]+)[ ,]+(-?[\d.]+)\)")
# Straight pieces that stand for a curve, and for an ellipse.
_CURVE, _ELLIPSE = 12, 48


def is_start(side: int) -> bool:
    """Says whether a side, by its place in a `Rect`, is the left one or the top."""
    return side in (0, 1)


@dataclass(frozen=True)
class Outline:
    """A line of straight pieces.

    Attributes:
        points: The points that it goes through; it ends in the first one again if it is closed.
    """

    points: tuple[Point, ...]

    @property
    def place(self) -> Rect:
        """The smallest rectangle around it."""
        xs, ys = zip(*self.points, strict=True)
        return Rect(min(xs), min(ys), max(xs), max(ys))

    def filled_in(self, place: Rect) -> tuple[Point, ...]:
        """Gives the corners of the part of its area that is in a rectangle.

        https://en.wikipedia.org/wiki/Sutherland-Hodgman_algorithm
        """
        corners = self.points
        for side in range(4):
            axis, at, sign = side % 2, place[side], 1 if is_start(side) else -1
            kept: list[Point] = []
            for one, two in zip(corners, (*corners[1:], *corners[:1]), strict=True):
                inside = sign * (one[axis] - at) >= 0
                if inside:
                    kept.append(one)
                if inside != (sign * (two[axis] - at) >= 0):
                    kept.append(_at(one, two, axis, at))
            corners = tuple(kept)
        return corners

    def lines_in(self, place: Rect) -> Iterator[tuple[Point, ...]]:
        """Gives the parts of the line that are in a rectangle."""
        run: list[Point] = []
        for one, two in itertools.pairwise(self.points):
            inside = _segment_in(one, two, place)
            if run and (inside is None or inside[0] != run[-1]):
                yield tuple(run)
                run = []
            if inside is not None:
                run += inside if not run else inside[1:]
        if run:
            yield tuple(run)

    def crossings(self, axis: int, at: float) -> Iterator[float]:
        """Gives the places along a cut where the line crosses it."""
        for one, two in itertools.pairwise(self.points):
            if (one[axis] < at) != (two[axis] < at):
                yield _at(one, two, axis, at)[1 - axis]


def outlines(part: Any) -> list[Outline]:
    """Gives the outlines of an element: none of one that is no shape."""
    shape = part.tag.removeprefix(SVG)
    if shape in ("polygon", "polyline"):
        lines = [points(part)]
    elif shape == "path":
        lines = _path(part.get("d", ""))
    elif shape == "ellipse":
        lines = [_ellipse(*_numbers(part, "cx", "cy", "rx", "ry"))]
    elif shape == "rect":
        lines = [_rectangle(*_numbers(part, "x", "y", "width", "height"))]
    else:
        lines = []
    x, y = _shift(part)
    return [Outline(tuple((px + x, py + y) for px, py in line)) for line in lines if line]


def _numbers(part: Any, *names: str) -> list[float]:
    return [float(part.get(name, "0")) for name in names]


def _shift(part: Any) -> Point:
    """Gives how far an element is moved."""
    found = _MOVED.fullmatch(part.get("transform", ""))
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def _pairs(text: str) -> list[Point]:
    numbers = list(map(float, _NUMBER.findall(text)))
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _path(text: str) -> list[list[Point]]:
    """Reads a path of absolute commands, which are all that Graphviz writes."""
    lines: list[list[Point]] = []
    for command, numbers in _COMMAND.findall(text):
        given = _pairs(numbers)
        if command == "M" or not lines:
            lines.append(given)
        elif command == "L":
            lines[-1] += given
        elif command == "C":
            for start in range(0, len(given) - 2, 3):
                lines[-1] += curve([lines[-1][-1], *given[start : start + 3]], _CURVE)
        else:
            lines[-1].append(lines[-1][0])
    return lines


def _ellipse(x: float, y: float, rx: float, ry: float) -> list[Point]:
    turns = (math.tau * step / _ELLIPSE for step in range(_ELLIPSE + 1))
    return [(x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


def _rectangle(x: float, y: float, width: float, height: float) -> list[Point]:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]


def _at(one: Point, two: Point, axis: int, at: float) -> Point:
    """Gives the point between two where a coordinate has a value."""
    share = (at - one[axis]) / (two[axis] - one[axis])
    across = one[1 - axis] + share * (two[1 - axis] - one[1 - axis])
    return (across, at) if axis == 1 else (at, across)


def _segment_in(one: Point, two: Point, place: Rect) -> tuple[Point, Point] | None:
    """Cuts a straight line to a rectangle."""
    for side in range(4):
        axis, at, sign = side % 2, place[side], 1 if is_start(side) else -1
        first, last = (sign * (point[axis] - at) >= 0 for point in (one, two))
        if not first and not last:
            return None
        if not first:
            one = _at(one, two, axis, at)
        elif not last:
            two = _at(one, two, axis, at)
    return one, two
