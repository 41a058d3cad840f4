"""The record that a run has already, and whether it needs another one."""

from collections.abc import Mapping
from typing import Any

from modelviz_callbacks.archive.reference import RecordReference
from modelviz_callbacks.errors import warn
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.record_book import RecordBook
from modelviz_callbacks.recording.resume import Resume


class Precedent:
    """An earlier record in the run's folder: of an earlier fit, or of the checkpoint.

    Attributes:
        kept: The record that is kept as long as nothing is another; None if there is none.
    """

    def __init__(
        self, resume: Resume | None = None, earlier: RecordReference | None = None
    ) -> None:
        """Knows of what was before.

        Args:
            resume: The checkpoint that the run goes on from.
            earlier: What an earlier fit of the same callback recorded in the run's folder.
        """
        self.kept: RecordReference | None = None
        self._resume = resume
        self._earlier = earlier

    def begin(self, found: Mapping[str, str]) -> bool:
        """Keeps an earlier record if it is one of the same modules.

        Args:
            found: The fingerprints of the modules before the first step.

        Returns:
            Whether nothing needs to be watched either.
        """
        if self._earlier is not None and self._earlier.describes(found):
            self.kept = self._earlier
            return True
        if self._resume is not None:
            self.kept = self._resume.kept(found)
            if self.kept is not None:
                self._resume.note(compared=found)
        return False

    def tells(self, seen: Mapping[str, str], note: str | None) -> bool:
        """Whether a record is kept that tells what was seen, too.

        Args:
            seen: The fingerprints of the watched step.
            note: Why less was seen than one might expect.
        """
        if self.kept is None or self._resume is None or not self.kept.describes(seen):
            return False
        self._resume.note(compared=seen, note=note)
        return True

    def origin(self) -> dict[str, Any] | None:
        """Gives what a new record says of where the run came from."""
        return None if self._resume is None else self._resume.origin()

    def tell_drift(
        self, book: RecordBook, graph: ArchitectureGraph, seen: Mapping[str, str]
    ) -> None:
        """Says in a new record and in a warning what is another than in the checkpoint's record.

        Args:
            book: The new record.
            graph: What was seen of the run, or its modules alone.
            seen: The graph's fingerprints.
        """
        kept, self.kept = self.kept, None
        if self._resume is None:
            return
        if kept is not None:
            self._resume.note(compared=seen, directory=book.directory)
        drift = self._resume.drift(graph, seen)
        if drift is not None:
            origin = {**self._resume.origin(), "differ": list(drift.differ)}
            book.update(resumed_from=origin, drift=drift.lines())
            book.save()
            warn(drift.as_resume_warning(book.directory))
