"""What is another than in the record of the checkpoint that a run goes on from."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.comparison.costs_apart import total_changes
from modelviz_callbacks.comparison.record_diff import BY_CHANCE
from modelviz_callbacks.comparison.report_lines import WHAT_DIFFERS, total_words
from modelviz_callbacks.errors import one_line
from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.diff import GraphDiff
from modelviz_callbacks.graph.diff_text import describe_diff
from modelviz_callbacks.graph.model import ArchitectureGraph

# A warning is read at a glance, a manifest line by line.
_MOST_IN_WARNING = 3
_MOST_IN_MANIFEST = 50


@dataclass(frozen=True)
class Drift:
    """What is another, as far as it can be said.

    Attributes:
        checkpoint: The checkpoint that the run goes on from.
        record: The folder of that checkpoint's record, if it was found.
        differ: The fingerprints that differ, at least one.
        diff: What is another; None where the earlier graph cannot be read.
        notes: What a reader should know about it.
    """

    checkpoint: str
    record: str | None
    differ: Sequence[str]
    diff: GraphDiff | None
    notes: tuple[str, ...] = ()

    @classmethod
    def between(
        cls,
        checkpoint: str,
        record: Record | None,
        graph: ArchitectureGraph,
        differ: Sequence[str],
    ) -> "Drift":
        """Compares a record with a new graph.

        Args:
            checkpoint: The checkpoint of the record.
            record: The record, if it was found.
            graph: The new graph.
            differ: The fingerprints that differ.
        """
        if record is None:
            unknown = "more cannot be said: the checkpoint's record was not found"
            return cls(checkpoint, None, differ, None, (unknown,))
        notes = _versions(record)
        if list(differ) == ["dataflow"]:
            notes = (*notes, BY_CHANCE)
        try:
            before = record.graph()
            diff = compare(before, graph)
            gained = _gained(before, graph)
        except Exception as error:  # noqa: BLE001 - anybody may have written that file
            unknown = f"more cannot be said: {one_line(error)}"
            return cls(checkpoint, record.directory, differ, None, (unknown, *notes))
        return cls(checkpoint, record.directory, differ, diff, (*gained, *notes))

    def lines(self) -> tuple[str, ...]:
        """Gives what a record says: a line for each kind of change."""
        return (*self._said(_MOST_IN_MANIFEST), *self.notes)

    def as_weights_warning(self) -> str:
        """Gives what whoever loads the checkpoint is told when that fails."""
        return (
            f"The weights in {self.checkpoint} belong to another architecture than this model's. "
            f"{self._sentences()}{_place(' Their record', self.record)}"
        )

    def as_resume_warning(self, directory: str | None) -> str:
        """Gives what whoever trains is told.

        Args:
            directory: The new record's folder, if there is one.
        """
        return (
            f"This run resumes {self.checkpoint}, but {self._heading()} {self._sentences()}"
            f"{_place(' Record of then', self.record)}{_place(' Record of now', directory)}"
        )

    def _said(self, most: int) -> tuple[str, ...]:
        said = () if self.diff is None else describe_diff(self.diff, most)
        return said or (f"what differs: {', '.join(WHAT_DIFFERS.get(k, k) for k in self.differ)}",)

    def _heading(self) -> str:
        if "structure" in self.differ:
            return "the architecture has changed since that was saved."
        if "dataflow" in self.differ:
            return "the first step runs differently than it did then."
        return "other parameters are trained than then."

    def _sentences(self) -> str:
        said = (*self._said(_MOST_IN_WARNING), *self.notes)
        return " ".join(f"{line[0].upper()}{line[1:]}." for line in said)


def _place(what: str, directory: str | None) -> str:
    return "" if directory is None else f"{what}: {directory}."


def _gained(before: ArchitectureGraph, now: ArchitectureGraph) -> tuple[str, ...]:
    """Says how many parameters there were and are, where that is another number."""
    return tuple(
        total_words(total)
        for total in total_changes(before, now)
        if total.name == "parameters" and total.old != total.new
    )


def _versions(record: Record) -> tuple[str, ...]:
    versions = record.manifest.environment.get("versions")
    then = versions.get("torch") if isinstance(versions, dict) else None
    now = metadata.version("torch")
    if not isinstance(then, str) or then == now:
        return ()
    return (f"recorded with torch {then[:40]}, now it is torch {now}",)
