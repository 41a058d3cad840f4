"""Making the report: compare → paint → put together."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.archive.manifest import timestamp
from modelviz_callbacks.archive.places import absolute
from modelviz_callbacks.graph.plain_text import many
from modelviz_callbacks.report.evolution import Lineage, lineages
from modelviz_callbacks.report.facts import facts_of
from modelviz_callbacks.report.links import Links
from modelviz_callbacks.report.page import render_report
from modelviz_callbacks.report.runs import Archive
from modelviz_callbacks.report.thumbnails import make_thumbnails

_MOST_REASONS = 5


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
    reasons = Counter(step.note for one in evolution for step in one.steps if step.note)
    # Each record that cannot be read is a reason of its own.
    for reason, count in reasons.most_common(_MOST_REASONS):
        notes.append(f"What changed is not said of {many(count, 'change')}: {reason}.")
    left = sum(reasons.values()) - sum(count for _, count in reasons.most_common(_MOST_REASONS))
    if left:
        notes.append(
            f"What changed is not said of {many(left, 'more change')}; each says why, under "
            "Evolution."
        )
    return notes
