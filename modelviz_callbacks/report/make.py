"""Making the report: sort → compare → paint → put together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.archive.manifest import timestamp
from modelviz_callbacks.archive.places import absolute
from modelviz_callbacks.report.evolution import MOST_COMPARED, Lineage, lineages
from modelviz_callbacks.report.facts import facts_of
from modelviz_callbacks.report.links import Links
from modelviz_callbacks.report.page import render_report
from modelviz_callbacks.report.runs import Archive, read_archive
from modelviz_callbacks.report.thumbnails import make_thumbnails


@dataclass(frozen=True)
class Made:
    """What came of making a report.

    Attributes:
        html: The page.
        archive: What it is about.
        notes: What it leaves out.
    """

    html: str
    archive: Archive
    notes: tuple[str, ...]


def make_report(
    root: str,
    found: Iterable[FoundRecord],
    folder: Path,
    *,
    most_thumbnails: int,
    limit_s: float,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Made:
    """Makes a report.

    Args:
        root: Where the runs lie, as the reader is told.
        found: The records.
        folder: The folder in which the report will lie: links are relative to it.
        most_thumbnails: How many architectures are shown with a picture.
        limit_s: Seconds for comparing graphs, and again for pictures.
        on_stage: Called with what is being done.

    Returns:
        The report; it is written by whoever asked for it.
    """
    archive = read_archive(found)
    on_stage("comparing architectures")
    evolution = lineages(archive.runs, limit_s)
    on_stage("painting pictures")
    thumbnails = make_thumbnails(archive, most_thumbnails, limit_s)
    notes = (*_notes(archive, evolution), *thumbnails.notes)
    facts = facts_of(archive, evolution, Links(absolute(str(folder))))
    head = {"root": root, "made_at": timestamp(), "notes": notes}
    return Made(render_report(head | facts, thumbnails.pictures), archive, notes)


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
