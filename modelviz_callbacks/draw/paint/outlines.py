"""The outlines of what an SVG of Graphviz' is made of, and the part of them in a rectangle."""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

SVG = "{http://www.w3.org/2000/svg}"

Point = tuple[float, float]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_COMMAND = re.compile(r"([MLCZz])([^MLCZz]*)")
# Straight pieces that stand for a curve, and for an ellipse.
_CURVE, _ELLIPSE = 12, 48


class Rect(NamedTuple):
    """A rectangle, in points; y grows downwards."""

    x0: float
    y0: float
    x1: float
    y1: float

    def low(self, axis: int) -> float:
        """Gives the left side (axis 0) or the top (axis 1)."""
        return self[axis]

    def high(self, axis: int) -> float:
        """Gives the right side (axis 0) or the bottom (axis 1)."""
        return self[axis + 2]

    def length(self, axis: int) -> float:
        """Gives the width (axis 0) or the height (axis 1)."""
        return self[axis + 2] - self[axis]

    def meets(self, other: "Rect") -> bool:
        """Says whether there is a common point."""
        return all(
            self[axis] <= other[axis + 2] and other[axis] <= self[axis + 2] for axis in (0, 1)
        )

    def holds(self, other: "Rect") -> bool:
        """Says whether the other one is in this one."""
        return all(
            self[axis] <= other[axis] and other[axis + 2] <= self[axis + 2] for axis in (0, 1)
        )

    def common(self, other: "Rect") -> "Rect":
        """Gives the common part of two that meet."""
        return Rect(*map(max, self[:2], other[:2]), *map(min, self[2:], other[2:]))

    def between(self, axis: int, low: float, high: float) -> "Rect":
        """Gives the part between two places along an axis."""
        values = list(self)
        values[axis], values[axis + 2] = low, high
        return Rect(*values)


def is_start(side: int) -> bool:
    """Says whether a side, by its place in a `Rect`, is the left one or the top."""
    return side in (0, 1)


def around(rects: Sequence[Rect]) -> Rect:
    """Gives the smallest rectangle around some; at least one."""
    x0, y0, x1, y1 = zip(*rects, strict=True)
    return Rect(min(x0), min(y0), max(x1), max(y1))


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
    if part.tag in (f"{SVG}polygon", f"{SVG}polyline"):
        lines = [_points(part.get("points", ""))]
    elif part.tag == f"{SVG}path":
        lines = _path(part.get("d", ""))
    elif part.tag == f"{SVG}ellipse":
        lines = [_ellipse(*(float(part.get(name, "0")) for name in ("cx", "cy", "rx", "ry")))]
    else:
        lines = []
    return [Outline(tuple(points)) for points in lines if points]


def _points(text: str) -> list[Point]:
    numbers = list(map(float, _NUMBER.findall(text)))
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _path(text: str) -> list[list[Point]]:
    """Reads a path of absolute commands, which are all that Graphviz writes."""
    lines: list[list[Point]] = []
    for command, numbers in _COMMAND.findall(text):
        points = _points(numbers)
        if command == "M" or not lines:
            lines.append(points)
        elif command == "L":
            lines[-1] += points
        elif command == "C":
            for start in range(0, len(points) - 2, 3):
                lines[-1] += _curve(lines[-1][-1], *points[start : start + 3])
        else:
            lines[-1].append(lines[-1][0])
    return lines


def _curve(start: Point, one: Point, two: Point, end: Point) -> Iterator[Point]:
    for step in range(1, _CURVE + 1):
        t = step / _CURVE
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        yield (
            a * start[0] + b * one[0] + c * two[0] + d * end[0],
            a * start[1] + b * one[1] + c * two[1] + d * end[1],
        )


def _ellipse(x: float, y: float, rx: float, ry: float) -> list[Point]:
    turns = (math.tau * step / _ELLIPSE for step in range(_ELLIPSE + 1))
    return [(x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


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
