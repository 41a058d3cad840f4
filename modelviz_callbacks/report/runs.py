"""The runs that a report is about, and which of them have the same architecture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.table.columns import shorten

# What stands between a page that opens and one that does not.
MOST_RUNS = 50_000
_MOST_NAME = 300


@dataclass(frozen=True)
class Architecture:
    """Runs with the same modules and the same data flow.

    Attributes:
        class_name: The model's class.
        structure: The fingerprint of the modules.
        dataflow: The fingerprint of the step; None where it was not seen to its end.
        runs: Places of the runs in the archive's, newest first.
    """

    class_name: str
    structure: str
    dataflow: str | None
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Archive:
    """What was found below a root.

    Attributes:
        runs: Records that can be read, newest first.
        broken: Those that cannot, by name.
        architectures: The different ones, that of the newest run first.
        left_out: How many more runs there are.
    """

    runs: tuple[FoundRecord, ...] = ()
    broken: tuple[FoundRecord, ...] = ()
    architectures: tuple[Architecture, ...] = ()
    left_out: int = 0

    def architecture_of(self) -> dict[int, int]:
        """Gives the place of each run's architecture, by the run's."""
        return {run: at for at, one in enumerate(self.architectures) for run in one.runs}


@dataclass
class _Group:
    first: FoundRecord
    runs: list[int] = field(default_factory=list)


def read_archive(found: Iterable[FoundRecord], most: int = MOST_RUNS) -> Archive:
    """Sorts what a search finds.

    Args:
        found: The records, in any order.
        most: How many runs to keep; the rest is counted, for memory has an end.

    Returns:
        The archive.
    """
    kept: list[FoundRecord] = []
    left_out = 0
    for record in found:
        if len(kept) < most:
            kept.append(record)
        else:
            left_out += 1
    readable = sorted(
        (record for record in kept if record.problem is None), key=_by_date, reverse=True
    )
    broken = sorted((record for record in kept if record.problem is not None), key=_by_name)
    return Archive(tuple(readable), tuple(broken), _architectures(readable), left_out)


def class_of(record: FoundRecord) -> str:
    """Gives a record's class in a bounded length."""
    return shorten(record.class_name or "", _MOST_NAME)


def _by_date(record: FoundRecord) -> tuple[str, str, int]:
    return record.created_at or "", record.run, record.number or 0


def _by_name(record: FoundRecord) -> tuple[str, int]:
    return record.run, record.number or 0


def _architectures(runs: Sequence[FoundRecord]) -> tuple[Architecture, ...]:
    groups: dict[tuple[str, str | None], _Group] = {}
    for place, record in enumerate(runs):
        if structure := record.fingerprints.get("structure"):
            key = structure, record.fingerprints.get("dataflow")
            groups.setdefault(key, _Group(record)).runs.append(place)
    return tuple(
        Architecture(class_of(group.first), structure, dataflow, tuple(group.runs))
        for (structure, dataflow), group in groups.items()
    )
