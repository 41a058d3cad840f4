"""What a checkpoint keeps of its record: the fingerprints, and where it lies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelviz_callbacks.archive.places import (
    holder,
    is_url,
    joined,
    last_part,
    relative_to,
    share_a_store,
)
from modelviz_callbacks.archive.reader import Record, open_record
from modelviz_callbacks.errors import RecordError

# Checkpoints may lie in folders of folders beside the record.
_MOST_LEVELS = 4


@dataclass(frozen=True)
class RecordReference:
    """Tells a record from afar.

    Attributes:
        fingerprints: Those of the record.
        at_start: Those of the modules before the first step.
        directory: The record's folder; None where none could be written.
        place: The same as seen from the checkpoints, in a reference that a checkpoint kept.
    """

    fingerprints: Mapping[str, str]
    at_start: Mapping[str, str]
    directory: str | None
    place: str | None = None

    def to_state(self, checkpoints: str) -> dict[str, Any]:
        """Gives what a checkpoint keeps, in plain types.

        Args:
            checkpoints: The folder that the checkpoints are written to.

        Returns:
            `fingerprints`; `fingerprints_at_start`, those that were others before the first step
            (lazy modules have no shapes then); `record`, the record's folder as seen from
            `checkpoints`; `directory`, its whole path when the checkpoint was written.
        """
        known = dict(self.fingerprints)
        start = {kind: value for kind, value in self.at_start.items() if known.get(kind) != value}
        there = self.directory
        state: dict[str, Any] = {"fingerprints": known}
        if start:
            state["fingerprints_at_start"] = start
        state["record"] = None if there is None else relative_to(there, checkpoints)
        state["directory"] = there
        return state

    @classmethod
    def from_state(cls, state: object) -> "RecordReference | None":
        """Reads what a checkpoint keeps; anybody may have written that.

        Returns:
            The reference; None if `state` is none.
        """
        if not isinstance(state, Mapping):
            return None
        known = _strings(state.get("fingerprints"))
        start = known | _strings(state.get("fingerprints_at_start"))
        places = _strings({key: state.get(key) for key in ("directory", "record")})
        if "structure" not in known:
            return None
        return cls(known, start, places.get("directory"), places.get("record"))

    def describes(self, fingerprints: Mapping[str, str]) -> bool:
        """Whether modules are those of the record, as they were before or after its first step."""
        return not self.differing(fingerprints)

    def differing(self, fingerprints: Mapping[str, str]) -> tuple[str, ...]:
        """Gives the kinds of fingerprints, of those that both have, that differ."""
        return tuple(
            kind
            for kind, value in sorted(fingerprints.items())
            if kind in self.fingerprints
            and value not in (self.fingerprints[kind], self.at_start.get(kind))
        )


def find_record(reference: RecordReference, checkpoint: str, run_dir: str) -> Record | None:
    """Finds the record of a checkpoint, also after its run's folder has been moved.

    Args:
        reference: What the checkpoint keeps.
        checkpoint: Where it lies, a path or an fsspec URL.
        run_dir: The folder of the run that goes on.

    Returns:
        The record with the checkpoint's fingerprints; None if there is none to be read.
    """
    for directory in dict.fromkeys(_candidates(reference, checkpoint, run_dir)):
        try:
            record = open_record(directory)
        except RecordError:
            continue
        if reference.describes(record.manifest.fingerprints):
            return record
    return None


def _candidates(reference: RecordReference, checkpoint: str, run_dir: str) -> Iterator[str]:
    """Gives the folders in which the record may lie, the likeliest first."""
    if (place := reference.place) is not None and not is_url(place):
        folder = holder(checkpoint)
        yield joined(folder, place)
        name = last_part(place)
        for _ in range(_MOST_LEVELS):
            yield joined(folder, name)
            folder = holder(folder)
        yield joined(run_dir, name)
    if (there := reference.directory) is not None and any(
        # A checkpoint from anywhere must not make us call up any address.
        share_a_store(there, known)
        for known in (checkpoint, run_dir)
    ):
        yield there


def _strings(content: object) -> dict[str, str]:
    if not isinstance(content, Mapping):
        return {}
    return {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, str)}
