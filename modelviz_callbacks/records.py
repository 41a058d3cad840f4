"""The archive for programs: open a record by any name of its place, find those of many runs."""

import os

from modelviz_callbacks.archive.locate import record_at
from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.archive.search import find_records
from modelviz_callbacks.checkpoint.opening import is_checkpoint, open_checkpoint
from modelviz_callbacks.checkpoint.own_record import own_record
from modelviz_callbacks.comparison.record_diff import RecordDiff, compare_records
from modelviz_callbacks.errors import CheckpointError, RecordError

__all__ = ["diff_records", "find_records", "load_record"]


def load_record(place: str | os.PathLike[str]) -> Record:
    """Opens a record. Nothing of it is run, and torch is needed for what `torch.save` wrote alone.

    Args:
        place: A record's folder; the folder of a run, of whose records the latest is taken; or a
            checkpoint that was written with a `ModelVizCallback`: its own record is taken, also
            after the run's folder has been moved. A path or an fsspec URL.

    Returns:
        The record: `record.manifest` says what is in it, `record.graph()` reads what was seen.

    Raises:
        RecordError: If there is none, or none that can be read; the message says why.

    Example:
        >>> load_record("runs/exp1").manifest.totals["parameters"]
        11689512
    """
    given = os.fspath(place)
    try:
        return own_record(open_checkpoint(given)) if is_checkpoint(given) else record_at(given)
    except CheckpointError as e:
        raise RecordError(str(e)) from e


def diff_records(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> RecordDiff:
    """Compares two records. Nothing of them is run.

    Args:
        old: The earlier record, or anything else that `load_record` takes.
        new: The later one.

    Returns:
        What is another: true where the architectures differ. `diff.graph` says in what (None where
        a record has no graph: then `diff.differ` names the fingerprints that differ);
        `diff.totals`, `diff.parts`, `diff.inputs` and `diff.environment` say the rest.

    Raises:
        RecordError: If one of them cannot be read; the message says why.

    Example:
        >>> diff = diff_records("runs/exp1", "runs/exp2")
        >>> [(move.old, move.new) for move in diff.graph.moved]
        [('encoder', 'backbone')]
    """
    return compare_records(load_record(old), load_record(new))
