"""`index.html`: a record as one page that needs nothing else, neither a network nor a server."""

from importlib.resources import files
from typing import Any

from modelviz_callbacks.draw.page.content import PageContent
from modelviz_callbacks.draw.page.facts import boxes_of, families, modules_of, nodes_of
from modelviz_callbacks.draw.page.warnings import warnings_of
from modelviz_callbacks.webpage.document import (
    BASE_SCRIPTS,
    BASE_SHEETS,
    DIAGRAM_SCRIPTS,
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
        *BASE_SHEETS,
        *shared_sheets("tabs", "pictures", "rows"),
        *sheets(_OWN, "search", "trees", "details", "texts", "narrow", "print"),
        *shared_sheets("paper"),
    ),
    scripts=(
        *BASE_SCRIPTS,
        *DIAGRAM_SCRIPTS,
        *shared_scripts("tabs", "row-grid"),
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
