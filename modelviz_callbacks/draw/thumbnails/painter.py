"""A diagram, small: its SVG, whoever wrote it, → PNG."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

from modelviz_callbacks.draw.paint.outlines import SVG
from modelviz_callbacks.draw.paint.pieces import Picture, read_picture
from modelviz_callbacks.draw.paint.plan import PX_PER_PT, plan_sheets
from modelviz_callbacks.draw.paint.raster import paint
from modelviz_callbacks.draw.paint.sheet import sheet_svg
from modelviz_callbacks.draw.svg_shapes import around

WIDTH_PX, HEIGHT_PX = 400, 260
# Nothing is painted larger than it is.
_NATURAL = 1.0
_DRAWN = {
    f"{SVG}{tag}"
    for tag in ("svg", "g", "path", "polygon", "polyline", "ellipse", "circle", "rect", "line")
} | {f"{SVG}text", f"{SVG}tspan"}


def paint_thumbnail(svg: str) -> bytes:
    """Paints the first sheet of a diagram small, without its head and legend.

    Args:
        svg: An SVG of `engine.layout`, out of a record that anybody may have written: what could
            open a file is not in what is painted.

    Returns:
        A PNG of at most `WIDTH_PX` × `HEIGHT_PX`.

    Raises:
        ValueError: If it holds no graph.
    """
    picture = _without_head(read_picture(_only_drawn(svg)))
    plan = plan_sheets(picture)
    width, height = (size * PX_PER_PT * plan.zoom for size in plan.sheets[0].size)
    zoom = min(WIDTH_PX / width, HEIGHT_PX / height, _NATURAL)
    return paint(sheet_svg(picture, plan.sheets[0], plan.zoom, 1), zoom)


def _only_drawn(svg: str) -> str:
    """Keeps what draws lines and text: images, filters and styles could name files."""
    root = ET.fromstring(svg)  # noqa: S314 - its process has limits, and ends with it
    _clean(root)
    return ET.tostring(root, encoding="unicode")


def _clean(root: Any) -> None:
    waiting = [root]
    while waiting:
        element = waiting.pop()
        for child in list(element):
            if child.tag in _DRAWN:
                waiting.append(child)
            else:
                element.remove(child)
        # What refers to something: a link, a pattern, a filter.
        for name in [name for name, value in element.attrib.items() if _refers(name, value)]:
            del element.attrib[name]


def _refers(name: str, value: str) -> bool:
    return name.endswith("href") or name == "style" or "url(" in value.lower()


def _without_head(picture: Picture) -> Picture:
    pieces = tuple(piece for piece in picture.pieces if piece.kind != "head")
    if not pieces:
        raise ValueError("there is nothing in it")
    return replace(picture, pieces=pieces, place=around([piece.place for piece in pieces]))
