"""Finding the record in a place that somebody names: a record's folder, or its run's."""

import os
import re
from collections.abc import Iterator
from typing import Any

from modelviz_callbacks.archive.layout import LAYOUT, record_folder_name
from modelviz_callbacks.archive.places import absolute, holder, is_url, joined, last_part
from modelviz_callbacks.archive.reader import Record, open_record
from modelviz_callbacks.errors import RecordError, one_line

_RECORD_NAME = re.compile(rf"{record_folder_name(1)}(?:-(\d{{1,9}}))?", re.ASCII)


def record_number(name: str) -> int | None:
    """Tells which of its run's records a folder is by its name: 1, 2, …; None if it is none."""
    match = _RECORD_NAME.fullmatch(name)
    return None if match is None else int(match[1] or 1)


def record_at(place: str) -> Record:
    """Opens the record that lies at a place.

    Args:
        place: A record's folder, its manifest, or the folder of a run, of whose records the
            latest is taken; a path or an fsspec URL.

    Raises:
        RecordError: If there is none, or none that can be read; the message says why.
    """
    if last_part(place) == LAYOUT.manifest:
        return open_record(holder(place))
    names = names_in(place)
    if LAYOUT.manifest in names:
        return open_record(place)
    for number in sorted(filter(None, map(record_number, names)), reverse=True):
        folder = joined(place, record_folder_name(number))
        # A run that has only just begun, or was killed then, has a folder and no record yet.
        if LAYOUT.manifest in names_in(folder):
            return open_record(folder)
    raise RecordError(
        f"{place}: there is no record here. Give a record's folder (with a {LAYOUT.manifest} "
        f"in it) or a run's (with {record_folder_name(1)}/ in it)."
    )


def names_in(place: str) -> set[str]:
    """Gives the names of what lies in a folder.

    Raises:
        RecordError: If it cannot be read.
    """
    try:
        return set(_remote_names(place) if is_url(place) else _local_names(place))
    except Exception as e:  # stores raise whatever they like
        raise RecordError(f"{place}: this folder cannot be read ({one_line(e)}).") from e


def _local_names(place: str) -> Iterator[str]:
    with os.scandir(absolute(place)) as entries:
        for entry in entries:
            yield entry.name


def _remote_names(place: str) -> Iterator[str]:
    from fsspec.core import url_to_fs

    files: Any
    files, path = url_to_fs(place)
    for found in files.ls(path, detail=False):
        yield last_part(str(found))
