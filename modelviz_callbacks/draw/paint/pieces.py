"""What an SVG of Graphviz' holds, piece by piece, with the place of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree as ET

from modelviz_callbacks.draw.paint.outlines import SVG, Outline, outlines
from modelviz_callbacks.draw.svg_shapes import Rect, around, has_class, text_bounds

PieceKind = Literal["head", "cluster", "node", "edge"]

_KINDS: tuple[PieceKind, ...] = ("cluster", "node", "edge")
# Attributes of a shape, not of how it is painted.
_SHAPE = {"points", "d", "cx", "cy", "x", "y", "rx", "ry", "width", "height", "transform"}


@dataclass(frozen=True)
class Piece:
    """A node, a line, the frame of a container, or a part of the graph's own label.

    Attributes:
        kind: Which of these.
        element: Its element.
        place: Where it is.
        texts: Where its lines of text are.
        heads: Of an edge, where its arrow heads are.
    """

    kind: PieceKind
    element: Any
    place: Rect
    texts: tuple[Rect, ...] = ()
    heads: tuple[Rect, ...] = ()

    def whole(self) -> str:
        """Gives it as SVG."""
        return ET.tostring(self.element, encoding="unicode")

    def within(self, place: Rect) -> str:
        """Gives the part of it in a rectangle as SVG; a line of text is there or not."""
        return "".join(self._parts(place))

    def lines(self) -> Iterator[Outline]:
        """Gives the lines of an edge, without its arrow heads."""
        for path in self.element.iter(f"{SVG}path"):
            yield from outlines(path)

    def _parts(self, place: Rect) -> Iterator[str]:
        for part in self.element.iter():
            is_text = part.tag == f"{SVG}text"
            if part.tag == f"{SVG}defs" or (is_text and place.holds(_middle(text_bounds(part)))):
                yield ET.tostring(part, encoding="unicode")
            for outline in outlines(part):
                yield from _painted(part, outline, place)


@dataclass(frozen=True)
class Picture:
    """A laid out graph.

    Attributes:
        pieces: All that is to be seen, in the order in which it is painted.
        place: Where all of it is.
        least_font: The size of its smallest text, in points.
    """

    pieces: tuple[Piece, ...]
    place: Rect
    least_font: float


def read_picture(svg: str) -> Picture:
    """Takes an SVG of `engine.layout` apart.

    Raises:
        ValueError: If it holds no graph.
    """
    root = ET.fromstring(svg)  # noqa: S314 - Graphviz wrote it
    graph = next((group for group in root.iter(f"{SVG}g") if has_class(group, "graph")), None)
    if graph is None:
        raise ValueError("the SVG holds no graph")
    pieces = tuple(_pieces(graph))
    sizes = [float(text.get("font-size", "14")) for text in graph.iter(f"{SVG}text")]
    place = around([piece.place for piece in pieces]) if pieces else Rect(0, 0, 1, 1)
    return Picture(pieces, place, min(sizes, default=14.0))


def _pieces(graph: Any) -> Iterator[Piece]:
    # The first polygon is the ground that the picture stands on.
    for element in [child for child in graph if child.tag != f"{SVG}title"][1:]:
        shapes = [outline.place for part in element.iter() for outline in outlines(part)]
        texts = tuple(text_bounds(part) for part in element.iter(f"{SVG}text"))
        kinds: list[PieceKind] = [kind for kind in _KINDS if has_class(element, kind)]
        # The width of a text is guessed: where it stands in a box, the box counts.
        counted = shapes if shapes and kinds != ["edge"] else [*shapes, *texts]
        if counted:
            kind = kinds[0] if kinds else "head"
            heads = tuple(_heads(element)) if kind == "edge" else ()
            yield Piece(kind, element, around(counted), texts, heads)


def _heads(edge: Any) -> Iterator[Rect]:
    for polygon in edge.iter(f"{SVG}polygon"):
        yield from (outline.place for outline in outlines(polygon))


def _middle(place: Rect) -> tuple[float, float]:
    return (place.left + place.right) / 2, (place.top + place.bottom) / 2


def _painted(part: Any, outline: Outline, place: Rect) -> Iterator[str]:
    given = {name: value for name, value in part.attrib.items() if name not in _SHAPE}
    corners = outline.filled_in(place)
    if given.get("fill") != "none" and corners:
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)
        yield _element("polygon", {**given, "stroke": "none", "points": points})
    if given.get("stroke") != "none":
        lines = (
            "M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in line) for line in outline.lines_in(place)
        )
        if d := "".join(lines):
            yield _element("path", {**given, "fill": "none", "d": d})


def _element(tag: str, attributes: dict[str, str]) -> str:
    return ET.tostring(ET.Element(f"{SVG}{tag}", attributes), encoding="unicode")
