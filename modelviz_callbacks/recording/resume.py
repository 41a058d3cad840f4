"""A run that goes on from a checkpoint: its record is kept, or what is another is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.manifest import Manifest, timestamp, with_resume
from modelviz_callbacks.archive.places import are_same, holder, last_part
from modelviz_callbacks.archive.reader import Record, read_manifest_text
from modelviz_callbacks.archive.reference import RecordReference, find_record
from modelviz_callbacks.archive.writer import open_writer
from modelviz_callbacks.errors import one_line, warn
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.drift import Drift
from modelviz_callbacks.watch.module_entries import describe_modules


@dataclass(frozen=True)
class Checkpoint:
    """What a run goes on from.

    Attributes:
        path: Where it lies, a path or an fsspec URL.
        epoch: The epoch in which it was written.
        global_step: The optimizer steps until then.
        state: What it keeps of its record, as `RecordReference.to_state` made it; anything else
            if it keeps nothing.
    """

    path: str
    epoch: int | None = None
    global_step: int | None = None
    state: object = None

    @property
    def origin(self) -> dict[str, Any]:
        """What records say of it."""
        return {"checkpoint": self.path, "epoch": self.epoch, "global_step": self.global_step}


class Resume:
    """Compares a run with the record of the checkpoint that it goes on from.

    A record that lies in the run's own folder and tells the same architecture is kept, and the
    resume is noted in it.
    """

    def __init__(self, checkpoint: Checkpoint, run_dir: str) -> None:
        """Looks for the checkpoint's record.

        Args:
            checkpoint: The checkpoint.
            run_dir: The folder of the run that goes on, a path or an fsspec URL.
        """
        self._checkpoint = checkpoint
        self._run_dir = run_dir
        self._reference = RecordReference.from_state(checkpoint.state)
        self._record: Record | None = None
        if self._reference is not None:
            self._record = find_record(self._reference, checkpoint.path, run_dir)
        self._note: dict[str, Any] = {
            "at": timestamp(),
            **checkpoint.origin,
            "compared": [],
            "record": None,
            "note": None,
        }

    def kept(self, found: Mapping[str, str]) -> RecordReference | None:
        """Gives the record that this run keeps, if it is one of these modules.

        Args:
            found: The fingerprints of the modules before the first step.
        """
        record, reference = self._record, self._reference
        if record is None or reference is None or not reference.describes(found):
            return None
        if record.manifest.status != "complete":
            return None
        if not are_same(holder(record.directory), self._run_dir):
            return None
        return replace(reference, directory=record.directory)

    def note(
        self, compared: Iterable[str], note: str | None = None, directory: str | None = None
    ) -> None:
        """Notes the resume in the kept record, or what came of it.

        Args:
            compared: The fingerprints that were compared.
            note: What a reader should know.
            directory: The record that the run wrote after all.
        """
        if self._record is None:
            return
        written = None if directory is None else last_part(directory)
        self._note |= {"compared": sorted(compared), "note": note, "record": written}
        kept = self._record.directory
        try:
            writer = open_writer(kept)
            with writer.locked():
                text = with_resume(read_manifest_text(kept), self._note)
                writer.write(LAYOUT.manifest, text)
            writer.sweep(keep=Manifest.from_json(text).staged.values())
        except Exception as error:  # noqa: BLE001 - stores raise whatever they like
            self._record = None
            warn(
                f"The architecture record in {kept} is kept, but it cannot be noted there that "
                f"this run goes on from {self._checkpoint.path} ({one_line(error)}). "
                "The training goes on."
            )

    def origin(self) -> dict[str, Any]:
        """Gives what a new record says of where the run came from, before they are compared."""
        record = None if self._record is None else self._record.directory
        return {**self._checkpoint.origin, "record": record, "differ": []}

    def drift(self, graph: ArchitectureGraph, found: Mapping[str, str]) -> Drift | None:
        """Finds out what is another than in the checkpoint's record.

        Args:
            graph: What was seen of this run, or its modules alone.
            found: The graph's fingerprints.

        Returns:
            What is another; None if nothing is, or nothing is known of the record.
        """
        if self._reference is None or not (differ := self._reference.differing(found)):
            return None
        return Drift.between(self._checkpoint.path, self._record, graph, differ)

    def drift_of_modules(self, model: nn.Module) -> Drift | None:
        """Finds out whether the checkpoint's weights are those of other modules than a model's."""
        graph = ArchitectureGraph(describe_modules(model))
        found = fingerprints(graph)
        # What is trained does not matter for whether weights fit.
        return self.drift(graph, {"structure": found["structure"]})
