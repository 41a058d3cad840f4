"""The archive for programs: open a record by any name of its place, find those of many runs."""

import os

from modelviz_callbacks.archive.locate import record_at
from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.archive.search import find_records

__all__ = ["find_records", "load_record"]


def load_record(place: str | os.PathLike[str]) -> Record:
    """Opens a record. Nothing of it is run or unpickled, and torch is not needed.

    Args:
        place: A record's folder, or the folder of a run, of whose records the latest is taken; a
            path or an fsspec URL.

    Returns:
        The record: `record.manifest` says what is in it, `record.graph()` reads what was seen.

    Raises:
        RecordError: If there is none, or none that can be read; the message says why.

    Example:
        >>> load_record("runs/exp1").manifest.totals["parameters"]
        11689512
    """
    return record_at(os.fspath(place))
