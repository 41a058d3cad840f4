"""Making the page of a diff: mark → list → draw → put together."""

from dataclasses import dataclass

from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.comparison.record_diff import ComparedRecord, RecordDiff
from modelviz_callbacks.diff_page.changes import changes_of
from modelviz_callbacks.diff_page.drawings import draw_sides
from modelviz_callbacks.diff_page.page import render_diff_page
from modelviz_callbacks.diff_page.sides import Side, choose_depths
from modelviz_callbacks.graph.compare import GraphPair
from modelviz_callbacks.graph.diff_marks import GraphMarks, diff_marks
from modelviz_callbacks.graph.model import ArchitectureGraph


@dataclass(frozen=True)
class DiffPage:
    """A page, which is written by whoever asked for it.

    Attributes:
        html: The page.
        notes: What is not drawn in it, in words.
    """

    html: str
    notes: tuple[str, ...]


def make_diff_page(old: Record, new: Record, diff: RecordDiff, limit_s: float) -> DiffPage:
    """Makes the page of two records.

    Args:
        old: The earlier record.
        new: The later one.
        diff: What `compare_records` found between them.
        limit_s: Seconds that their diagrams may take.

    Returns:
        The page.

    Raises:
        RecordError: If a graph cannot be read.
    """
    pair = GraphPair(old.graph(), new.graph())
    marks = diff_marks(pair)
    sides = _side(diff.old, pair.old, marks[0]), _side(diff.new, pair.new, marks[1])
    changes = changes_of(*sides, pair.diff, diff.parts)
    depths = choose_depths(sides, (place for change in changes for place in change["places"]))
    drawings = draw_sides(sides, depths, limit_s)
    notes = (*depths.notes, *drawings.notes)
    page = render_diff_page(sides, changes, depths, drawings, diff=diff, graph=pair.diff)
    return DiffPage(page, notes)


def _side(record: ComparedRecord, graph: ArchitectureGraph, marks: GraphMarks) -> Side:
    return Side(record.directory, graph, marks, record.class_name, record.created_at)
