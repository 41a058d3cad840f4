"""Layout and rasterising: DOT → SVG by Graphviz in this process, SVG → PNG by resvg."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from modelviz_callbacks.draw.cards import add_cards
from modelviz_callbacks.draw.fonts import FAMILY, FAMILY_STACK, font_files
from modelviz_callbacks.draw.line_labels import place_line_labels

MAX_SIDE_PX = 16_384
MAX_PIXELS = 32_000_000
_PX_PER_PT = 96 / 72

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_GRAPH = {"pad": "0.2", "nodesep": "0.2", "ranksep": "0.3"}
_EDGE = {"arrowsize": "0.7"}


@dataclass(frozen=True)
class Raster:
    """A PNG picture.

    Attributes:
        png: Its content, shape [H, W, 4].
        scale: Its size, as a share of the natural one.
    """

    png: bytes
    scale: float


def layout(dot: str, attributes: Mapping[str, str] | None = None) -> str:
    """Lays a graph out.

    Args:
        dot: DOT source.
        attributes: Graph attributes that override the source's.

    Returns:
        SVG that holds no link, no foreign image and no script.

    Raises:
        ValueError: If the source is no valid DOT; Graphviz' own message is on stderr.
        RuntimeError: If Graphviz gives up.
    """
    from pygraphviz import graphviz as gv

    from modelviz_callbacks.draw import dot_graph

    graph = dot_graph.parse(dot)
    dot_graph.make_safe(graph)
    dot_graph.set_defaults(graph, gv.AGRAPH, {**_GRAPH, **(attributes or {})})
    dot_graph.set_defaults(graph, gv.AGEDGE, _EDGE)
    context = gv.gvContextWithBuiltins()
    if gv.gvLayout(context, graph, b"dot"):
        raise RuntimeError("Graphviz could not lay out the graph")
    failed, svg = gv.gvRenderData(context, graph, b"svg")
    if failed:
        raise RuntimeError("Graphviz could not write the SVG")
    return _cleaned(dot_graph.writable(svg.decode("utf-8", "replace")))


def rasterize(svg: str) -> Raster:
    """Paints a picture, within `MAX_SIDE_PX` a side and `MAX_PIXELS` in all.

    Args:
        svg: SVG with its size in points.

    Returns:
        The picture.
    """
    import resvg_py

    width, height = _natural_size(svg)
    scale = min(
        1.0,
        MAX_SIDE_PX / width,
        MAX_SIDE_PX / height,
        math.sqrt(MAX_PIXELS / (width * height)),
    )
    # Whole pixels are rounded up by the rasteriser: stay below the bounds.
    zoom = scale if scale == 1.0 else scale * 0.999
    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        dpi=96,
        zoom=zoom,
        background="white",
        font_files=font_files(),
        font_family=FAMILY,
    )
    return Raster(bytes(png), zoom)


def _natural_size(svg: str) -> tuple[float, float]:
    """Gives width and height in pixels."""
    match = re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)pt"\s+height="([\d.]+)pt"', svg)
    if match is None:
        raise ValueError("the SVG does not tell its size in points")
    return max(1.0, float(match[1]) * _PX_PER_PT), max(1.0, float(match[2]) * _PX_PER_PT)


def _cleaned(svg: str) -> str:
    """Drops what labels of hostile names could have put in, and names the fonts to fall back on."""
    ET.register_namespace("", "http://www.w3.org/2000/svg")
    ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ET.fromstring(svg)  # noqa: S314 - Graphviz wrote it
    for element in root.iter():
        _clean(element)
    add_cards(root)
    place_line_labels(root)
    text: str = ET.tostring(root, encoding="unicode", xml_declaration=True)
    return re.sub(r"encoding='[^']*'", "encoding='UTF-8'", text, count=1)


def _clean(element: Any) -> None:
    for child in [child for child in element if child.tag in (f"{_SVG}image", f"{_SVG}script")]:
        element.remove(child)
    if element.tag == f"{_SVG}a":
        element.tag = f"{_SVG}g"
        element.attrib.pop(_HREF, None)
        element.attrib.pop("target", None)
    if "font-family" in element.attrib:
        element.set("font-family", FAMILY_STACK)
