"""Where things are in an SVG that Graphviz wrote."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
# Widths of letters, as shares of the size of the font.
_DIGIT, _NARROW, _LETTER = 0.562, 0.25, 0.54


class Rect(NamedTuple):
    """A rectangle, in points; y goes down."""

    left: float
    top: float
    right: float
    bottom: float

    def low(self, axis: int) -> float:
        """Gives the left side (axis 0) or the top (axis 1)."""
        return self[axis]

    def high(self, axis: int) -> float:
        """Gives the right side (axis 0) or the bottom (axis 1)."""
        return self[axis + 2]

    def length(self, axis: int) -> float:
        """Gives the width (axis 0) or the height (axis 1)."""
        return self[axis + 2] - self[axis]

    def between(self, axis: int, low: float, high: float) -> "Rect":
        """Gives the part between two places along an axis."""
        values = list(self)
        values[axis], values[axis + 2] = low, high
        return Rect(*values)

    def overlaps(self, other: "Rect") -> bool:
        """Whether two have a point in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def contains(self, other: "Rect") -> bool:
        """Whether another one is inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point is inside."""
        return self.left < point[0] < self.right and self.top < point[1] < self.bottom


def around(rects: Sequence[Rect]) -> Rect:
    """Gives the smallest rectangle around some; at least one."""
    left, top, right, bottom = zip(*rects, strict=True)
    return Rect(min(left), min(top), max(right), max(bottom))


def has_class(element: Any, name: str) -> bool:
    """Whether an element is a group with a class among its classes."""
    return element.tag.endswith("}g") and name in element.get("class", "").split()


def outline(group: Any) -> Any:
    """Gives the shape that outlines a node or cluster, or None if it has none."""
    return next((e for e in group.iter() if e.tag.endswith(("}path", "}polygon"))), None)


def points(shape: Any) -> list[tuple[float, float]]:
    """Gives the points in the order in which a path or polygon is written."""
    numbers = [float(n) for n in _NUMBER.findall(shape.get("d") or shape.get("points") or "")]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def curve(given: Sequence[tuple[float, float]], count: int) -> Iterator[tuple[float, float]]:
    """Gives points along a cubic Bézier curve, without its start.

    Args:
        given: Its start, its two control points, and its end.
        count: How many.
    """
    for step in range(1, count + 1):
        t = step / count
        shares = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        x = sum(share * point[0] for share, point in zip(shares, given, strict=True))
        y = sum(share * point[1] for share, point in zip(shares, given, strict=True))
        yield x, y


def bounds(shape: Any) -> Rect:
    """Gives the rectangle around a path or polygon."""
    across, down = zip(*points(shape) or [(0.0, 0.0)], strict=True)
    return Rect(min(across), min(down), max(across), max(down))


def _width(letter: str) -> float:
    if letter.isdigit():
        return _DIGIT
    return _NARROW if letter in " \xa0,.[]()il|" else _LETTER


def text_bounds(text: Any) -> Rect:
    """Gives about the rectangle that a text covers."""
    size = float(text.get("font-size", "11"))
    width = size * sum(map(_width, text.text or ""))
    start = {"middle": 0.5, "end": 1.0}.get(text.get("text-anchor", "start"), 0.0)
    left, base = float(text.get("x", "0")) - start * width, float(text.get("y", "0"))
    return Rect(left, base - size, left + width, base + 0.3 * size)
