"""The page of a diff as one HTML file."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from modelviz_callbacks.comparison.record_diff import RecordDiff
from modelviz_callbacks.diff_page.drawings import Drawings
from modelviz_callbacks.diff_page.sides import Depths, Side
from modelviz_callbacks.draw.page.facts import boxes_of
from modelviz_callbacks.graph.diff import GraphDiff
from modelviz_callbacks.graph.diff_items import diff_items
from modelviz_callbacks.graph.diff_marks import GraphMarks
from modelviz_callbacks.graph.model import ArchitectureGraph
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

# What no box can show.
_WITHOUT_PLACE = {"reordered", "flow changed", "rewired"}
_OWN = files("modelviz_callbacks.diff_page") / "assets"
_DESIGN = Design(
    body=_OWN / "diff.html",
    sheets=(
        *BASE_SHEETS,
        *shared_sheets("pictures", "rows"),
        *sheets(_OWN, "marks", "sides", "changes", "narrow", "print"),
        *shared_sheets("paper"),
    ),
    scripts=(
        *BASE_SCRIPTS,
        *DIAGRAM_SCRIPTS,
        *shared_scripts("gradual"),
        *scripts(_OWN, "kinds", "box-marks", "side", "changes", "head", "printing", "main"),
    ),
    vendored=(PANZOOM,),
)


def render_diff_page(
    sides: tuple[Side, Side],
    changes: Sequence[Mapping[str, Any]],
    depths: Depths,
    drawings: Drawings,
    *,
    diff: RecordDiff,
    graph: GraphDiff,
) -> str:
    """Makes the page.

    Args:
        sides: The old architecture and the new one.
        changes: What is listed, as `changes_of` gives it.
        depths: The depths of the diagrams.
        drawings: The diagrams.
        diff: What is another in the records.
        graph: What is another in their graphs.

    Returns:
        HTML, the same for the same content.
    """
    facts = {
        "sides": [
            _side(side, [d for d in depths.drawn if (place, d) in drawings.diagrams])
            for place, side in enumerate(sides)
        ],
        "changes": changes,
        "said": [item.subject for item in diff_items(graph) if item.kind in _WITHOUT_PLACE],
        "totals": {total.name: [total.old, total.new] for total in diff.totals},
        "at_least": {total.name: [total.old_at_least, total.new_at_least] for total in diff.totals},
        "same_input": not diff.inputs,
        "differences": [
            {"title": title, "rows": [[c.name, c.old, c.new] for c in changes]}
            for title, changes in (("Input", diff.inputs), ("Environment", diff.environment))
            if changes
        ],
        "depth": depths.first,
        "depths": depths.drawn,
        "notes": [*diff.notes, *depths.notes, *drawings.notes],
    }
    blocks = {"facts": as_facts(facts)}
    for (place, depth), svg in sorted(drawings.diagrams.items()):
        blocks[f"diagram-{place}-{depth}"] = as_picture(svg)
    return render_document(_DESIGN, f"{sides[0].name} → {sides[1].name}", blocks)


def _side(side: Side, depths: Sequence[int]) -> dict[str, Any]:
    graph = side.graph
    return {
        "name": side.name,
        "class": side.class_name,
        "created_at": side.created_at,
        "modules": _modules(graph),
        "nodes": _nodes(graph),
        "views": {depth: boxes_of(graph, depth) for depth in depths},
        "marks": _marks(side.marks),
    }


def _modules(graph: ArchitectureGraph) -> list[dict[str, Any]]:
    return [
        {"path": entry.path, "class": entry.class_name, "tied_to": entry.tied_to}
        for entry in graph.modules
    ]


def _nodes(graph: ArchitectureGraph) -> list[dict[str, Any]]:
    return [
        {
            "id": node.id,
            "kind": node.kind,
            "name": node.name,
            "path": node.path,
            "parent": node.parent,
            "outputs": [{"shape": spec.shape} if spec.shape else {} for spec in node.outputs],
        }
        for node in graph.nodes
    ]


def _marks(marks: GraphMarks) -> Mapping[str, Any]:
    return {
        "modules": {path: _pairs(found) for path, found in marks.modules.items()},
        "nodes": {node: _pairs(found) for node, found in marks.nodes.items()},
        "others": {path: other for path, other in marks.other_paths.items() if path != other},
    }


def _pairs(marks: Sequence[Any]) -> list[list[str]]:
    return [[mark.kind, mark.text] for mark in marks]
