"""Making the report: compare → paint → put together."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.archive.manifest import timestamp
from modelviz_callbacks.archive.places import absolute
from modelviz_callbacks.report.evolution import MOST_COMPARED, Lineage, lineages
from modelviz_callbacks.report.facts import facts_of
from modelviz_callbacks.report.links import Links
from modelviz_callbacks.report.page import render_report
from modelviz_callbacks.report.runs import Archive
from modelviz_callbacks.report.thumbnails import make_thumbnails


@dataclass(frozen=True)
class Report:
    """A report, which is written by whoever asked for it.

    Attributes:
        html: The page.
        notes: What it leaves out, in words.
    """

    html: str
    notes: tuple[str, ...]


def make_report(
    root: str, archive: Archive, folder: Path, *, most_thumbnails: int, limit_s: float
) -> Report:
    """Makes a report.

    Args:
        root: Where the runs lie, as the reader is told.
        archive: The runs.
        folder: The folder in which the report will lie: links are relative to it.
        most_thumbnails: How many architectures are shown with a picture.
        limit_s: Seconds for comparing graphs, and again for pictures.

    Returns:
        The report.
    """
    evolution = lineages(archive.runs, limit_s)
    thumbnails = make_thumbnails(archive, most_thumbnails, limit_s)
    notes = (*_notes(archive, evolution), *thumbnails.notes)
    facts = facts_of(archive, evolution, Links(absolute(str(folder))))
    head = {"root": root, "made_at": timestamp(), "notes": notes}
    return Report(render_report(head | facts, thumbnails.pictures), notes)


def _notes(archive: Archive, evolution: Iterable[Lineage]) -> list[str]:
    notes = []
    if archive.left_out:
        notes.append(
            f"The page has {len(archive.runs) + len(archive.broken):,} records; "
            f"{archive.left_out:,} more were found and are not on it."
        )
    unsaid = sum(step.note is not None for lineage in evolution for step in lineage.steps)
    if unsaid:
        notes.append(
            f"What changed is not said of {unsaid:,} changes: it is said of the latest "
            f"{MOST_COMPARED}, where their graphs can be read in time."
        )
    return notes
