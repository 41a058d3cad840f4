"""`index.html`: a record as one page that needs nothing else, neither a network nor a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from modelviz_callbacks.draw.page.facts import boxes_of, families, modules_of, nodes_of
from modelviz_callbacks.draw.page.warnings import warnings_of
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.webpage.document import (
    PANZOOM,
    Design,
    as_facts,
    as_picture,
    render_document,
    scripts,
    shared_scripts,
    shared_sheets,
    sheets,
)

_OWN = files("modelviz_callbacks.draw.page") / "assets"
# What is built upon comes first, what overrides last.
_DESIGN = Design(
    body=_OWN / "page.html",
    sheets=(
        *shared_sheets("base", "controls", "overview", "warnings", "tabs", "pictures", "rows"),
        *sheets(_OWN, "search", "trees", "details", "texts", "narrow", "print"),
    ),
    scripts=(
        *shared_scripts(
            "dom",
            "begin",
            "paper",
            "format",
            "blocks",
            "architecture",
            "geometry",
            "clean-svg",
            "theme",
            "tabs",
            "outcome",
            "warnings",
            "large-drawing",
            "viewport",
            "picture",
            "boxes",
            "diagram",
            "row-grid",
        ),
        *scripts(
            _OWN,
            "choice",
            "overview",
            "picture-tab",
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
        ),
    ),
    vendored=(PANZOOM,),
)


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
    blocks = {"facts": as_facts(_facts(content))}
    for depth, svg in sorted(content.diagrams.items()):
        blocks[f"diagram-{depth}"] = as_picture(svg)
    for number, picture in enumerate(content.pictures):
        blocks[f"picture-{number}"] = as_picture(picture.content)
    return render_document(_DESIGN, _title(content), blocks)


def _title(content: PageContent) -> str:
    name = str(content.manifest.get("model", {}).get("class", "")).rpartition(".")[2]
    return f"{name or 'Model'} – {content.record}"


def _facts(content: PageContent) -> dict[str, Any]:
    graph = content.graph
    return {
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
