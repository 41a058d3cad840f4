"""An SVG of Graphviz' as a file of its own: safe, readable without eyes, and dark at night."""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from modelviz_callbacks.diagram.palette import DARK, PAGE
from modelviz_callbacks.draw.cards import add_cards
from modelviz_callbacks.draw.fonts import FAMILY_STACK
from modelviz_callbacks.draw.line_labels import place_line_labels
from modelviz_callbacks.draw.paint.outlines import SVG
from modelviz_callbacks.draw.svg_shapes import has_class

_XLINK = "{http://www.w3.org/1999/xlink}"
_PAINTED = ("fill", "stroke")
_NO_COLORS = {"none", "transparent"}
# What a text without a colour of its own has.
_BLACK = "black"
# What Graphviz gives its name in the source as a title.
_NAMED = ("graph", "cluster", "node", "edge")
_MOST_TITLE, _MOST_HEAD = 200, 500


def finished(svg: str, title: str) -> str:
    """Makes a file of what Graphviz wrote.

    Args:
        svg: The SVG.
        title: What it shows.

    Returns:
        The SVG without what labels of hostile names could have put in; with the fonts to fall back
        on, a title and a description, and the dark counterpart of every colour.
    """
    ET.register_namespace("", SVG[1:-1])
    root = ET.fromstring(svg)  # noqa: S314 - Graphviz wrote it
    for element in root.iter():
        _clean(element)
    add_cards(root)
    place_line_labels(root)
    for group in root.iter(f"{SVG}g"):
        _retitle(group)
    _describe(root, title)
    text: str = ET.tostring(root, encoding="unicode", xml_declaration=True)
    return re.sub(r"encoding='[^']*'", "encoding='UTF-8'", text, count=1)


def _clean(element: Any) -> None:
    for child in [child for child in element if child.tag in (f"{SVG}image", f"{SVG}script")]:
        element.remove(child)
    if element.tag == f"{SVG}a":
        element.tag = f"{SVG}g"
        element.attrib.pop(f"{_XLINK}href", None)
        element.attrib.pop("target", None)
    if "font-family" in element.attrib:
        element.set("font-family", FAMILY_STACK)


def _retitle(group: Any) -> None:
    """Has a browser show a box's text where the mouse is, instead of its name in the source."""
    tip = group.attrib.pop(f"{_XLINK}title", "")
    if any(has_class(group, name) for name in _NAMED):
        for old in group.findall(f"{SVG}title"):
            group.remove(old)
        if not has_class(group, "graph"):
            tip = " · ".join(_said(group))
    if tip:
        own = ET.Element(f"{SVG}title")
        own.text = tip[:_MOST_TITLE]
        group.insert(0, own)


def _said(element: Any) -> Iterator[str]:
    for text in element.iter(f"{SVG}text"):
        if said := " ".join((text.text or "").split()):
            yield said


def _describe(root: Any, title: str) -> None:
    boxes, lines = (
        sum(has_class(group, name) for group in root.iter(f"{SVG}g")) for name in ("node", "edge")
    )
    graph = root.find(f"{SVG}g")
    head = " ".join(
        (text.text or "").strip() for text in (() if graph is None else graph.findall(f"{SVG}text"))
    )
    counted = f"{boxes:,} boxes and {lines:,} lines between them."
    root.set("role", "img")
    parts = {"title": title, "desc": f"{counted} {head[:_MOST_HEAD]}".strip()}
    for index, (name, content) in enumerate({**parts, "style": _dark_rules(root)}.items()):
        if content:
            element = ET.Element(f"{SVG}{name}")
            element.text = content
            root.insert(index, element)


def _dark_rules(root: Any) -> str:
    """Gives the style for dark pages, or nothing if a colour has no dark counterpart."""
    used = set(_colors(root))
    if any(color not in DARK for _, color in used):
        return ""
    rules = "".join(f'[{name}="{color}"]{{{name}:{DARK[color]}}}' for name, color in sorted(used))
    # What is around the picture in a browser's window, if the window shows it alone.
    window = f"svg:root{{background:{DARK[PAGE]}}}"
    return f"@media (prefers-color-scheme: dark){{{window}{rules}}}"


def _colors(root: Any) -> Iterator[tuple[str, str]]:
    for element in root.iter():
        if element.tag == f"{SVG}text" and (element.text or "").strip():
            yield "fill", element.get("fill", _BLACK)
        for name in _PAINTED:
            color = element.get(name)
            if color is not None and color not in _NO_COLORS:
                yield name, color
