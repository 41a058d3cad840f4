"""A record that a search came upon: what is told of it before it is opened."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelviz_callbacks.archive.places import last_part
from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.errors import RecordError


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record, without all that is in it.

    Attributes:
        directory: Its folder, a path or an fsspec URL; `load_record` opens it.
        run: Its run's path, from where the search began; `"."` is that folder itself.
        number: Which of its run's records it is: 1, 2, …; None where its folder has another name.
        is_latest: Whether no later record is in the same run, so that the run's folder opens it.
        class_name: The model's class, with its defining module.
        parameters: How many there are, shared ones once.
        flops_forward: Floating-point operations of the first step's forward.
        fingerprints: Hashes by kind: `structure`, `dataflow`, `trainable`.
        status: `"complete"`, `"failed_step"` or `"partial"`; None if it cannot be read.
        created_at: When it was begun, in UTC, like `"2026-01-31T12:00:00Z"`.
        problem: Why it cannot be read; where it lies is all that is known then.
    """

    directory: str
    run: str
    number: int | None
    is_latest: bool
    class_name: str | None = None
    parameters: int | None = None
    flops_forward: int | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    status: str | None = None
    created_at: str | None = None
    problem: str | None = None

    @property
    def name(self) -> str:
        """The shortest path, from where the search began, that opens this record."""
        if self.is_latest:
            return self.run
        folder = last_part(self.directory)
        return folder if self.run == "." else f"{self.run}/{folder}"


def looked_at(place: FoundRecord) -> FoundRecord | None:
    """Reads what is told of a record.

    Args:
        place: Where it lies.

    Returns:
        The record, also one that cannot be read; None if that is because it is none: others have
        files of the manifest's name, too.
    """
    try:
        manifest = open_record(place.directory).manifest
    except RecordError as error:
        if place.number is None:
            return None
        return replace(place, problem=str(error).removeprefix(f"{place.directory}: "))
    return replace(
        place,
        class_name=_text(manifest.model.get("class")),
        parameters=_count(manifest.totals.get("parameters")),
        flops_forward=_count(manifest.totals.get("flops_forward")),
        fingerprints={
            sys.intern(kind): text
            for kind, value in manifest.fingerprints.items()
            if (text := _text(value)) is not None
        },
        status=manifest.status,
        created_at=manifest.created_at,
    )


def _text(value: Any) -> str | None:
    # Thousands of runs have a few models between them.
    return sys.intern(value) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
