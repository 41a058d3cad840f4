"""`index.html`: a record as one page that needs nothing else, neither a network nor a server."""

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from modelviz_callbacks.draw.page.facts import boxes_of, families, modules_of, nodes_of
from modelviz_callbacks.draw.page.style import palette_rules
from modelviz_callbacks.draw.page.warnings import warnings_of
from modelviz_callbacks.graph.model import ArchitectureGraph

_VENDORED = ("vendor/panzoom/panzoom.min.js",)
# In the order in which they are read: what is built upon comes first, what overrides last.
_SHEETS = (
    "base",
    "controls",
    "overview",
    "warnings",
    "tabs",
    "pictures",
    "search",
    "trees",
    "details",
    "texts",
    "narrow",
    "print",
)
_SCRIPTS = (
    "dom",
    "format",
    "blocks",
    "architecture",
    "geometry",
    "clean-svg",
    "theme",
    "tabs",
    "choice",
    "overview",
    "warnings",
    "large-drawing",
    "viewport",
    "picture",
    "boxes",
    "diagram",
    "details",
    "search",
    "tree-rows",
    "tree-grid",
    "module-columns",
    "diagram-tab",
    "modules-tab",
    "texts",
    "record",
    "printing",
    "main",
)
_SLOT = re.compile(r"\{\{(\w+)\}\}")
# They would turn the rest of a line around, or not be seen: they are shown as their codes.
_INVISIBLE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# A browser complains of styles that the page's policy does not know as soon as it reads a picture;
# the page has the same colours in its own. No tag that the engine wrote has a bare < or > in it.
_STYLES = re.compile(r"<style\b[^>]*>.*?</style>", re.DOTALL)
_STYLED = re.compile(r'(<\w[^<>]*?)\sstyle="[^"]*"')


@dataclass(frozen=True)
class Shown:
    """A text or a picture that a visualizer made.

    Attributes:
        name: The artifact's name, like `"torchview"`.
        root: Path of the module that it shows.
        content: The text, or the SVG.
    """

    name: str
    root: str
    content: str


@dataclass(frozen=True)
class PageContent:
    """Everything that is on the page.

    Attributes:
        record: The name of the record's folder.
        manifest: The record's manifest.
        graph: What was seen of the step; None where nothing was watched.
        depth: The depth of the diagram that the page begins with.
        diagrams: SVG of our diagram by depth.
        texts: The libraries' texts and ours.
        pictures: SVG of the libraries' pictures.
        tracebacks: The record's tracebacks, by the name of their file.
        notes: What is missing in the page, in words.
    """

    record: str
    manifest: Mapping[str, Any]
    graph: ArchitectureGraph | None = None
    depth: int = 1
    diagrams: Mapping[int, str] = field(default_factory=dict)
    texts: tuple[Shown, ...] = ()
    pictures: tuple[Shown, ...] = ()
    tracebacks: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def render_page(content: PageContent) -> str:
    """Makes the page.

    Args:
        content: What is on it.

    Returns:
        HTML, the same for the same content. Whatever comes from a model is in compressed blocks
        of data, which the page's scripts show as text; the policy of the page runs no others.
    """
    style = "\n".join((*(_asset(f"css/{name}.css") for name in _SHEETS), palette_rules()))
    scripts = [*map(_asset, _VENDORED), _own_script()]
    slots = {
        "policy": _policy(style, scripts),
        "title": html.escape(_title(content)),
        "style": style,
        "blocks": "\n".join(_blocks(content)),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return _SLOT.sub(lambda match: slots[match[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (files("modelviz_callbacks.draw.page") / "assets" / name).read_text(encoding="utf-8")


def _own_script() -> str:
    parts = "\n".join(_asset(f"js/{name}.js") for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _policy(style: str, scripts: list[str]) -> str:
    """Allows what is in the page by its hash, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _title(content: PageContent) -> str:
    name = str(content.manifest.get("model", {}).get("class", "")).rpartition(".")[2]
    return _INVISIBLE.sub("\ufffd", f"{name or 'Model'} – {content.record}")


def _blocks(content: PageContent) -> Iterator[str]:
    yield _block("facts", _facts(content))
    for depth, svg in sorted(content.diagrams.items()):
        yield _block(f"diagram-{depth}", _without_styles(svg))
    for number, picture in enumerate(content.pictures):
        yield _block(f"picture-{number}", _without_styles(picture.content))


def _without_styles(svg: str) -> str:
    return _STYLED.sub(r"\1", _STYLES.sub("", svg))


def _block(name: str, text: str) -> str:
    """Packs a text; base64 has no letter that HTML would take for its own."""
    packed = base64.b64encode(zlib.compress(text.encode("utf-8", "backslashreplace"), 9)).decode()
    return f'<script type="application/octet-stream" id="block-{name}">{packed}</script>'


def _facts(content: PageContent) -> str:
    graph = content.graph
    facts = {
        "record": content.record,
        "manifest": content.manifest,
        "warnings": warnings_of(content.manifest, content.graph, content.tracebacks, content.notes),
        "families": families(),
        "modules": modules_of(graph) if graph is not None else [],
        "nodes": nodes_of(graph) if graph is not None else [],
        "failure": None if graph is None or graph.failure is None else vars(graph.failure),
        "depth": content.depth,
        "views": {
            depth: boxes_of(graph, depth) for depth in sorted(content.diagrams) if graph is not None
        },
        "texts": [vars(text) for text in content.texts],
        "pictures": [
            {"name": picture.name, "root": picture.root, "block": f"picture-{number}"}
            for number, picture in enumerate(content.pictures)
        ],
    }
    written = json.dumps(facts, ensure_ascii=False, default=vars, separators=(",", ":"))
    return _INVISIBLE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", written)
