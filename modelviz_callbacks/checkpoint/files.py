"""Opening the files of a checkpoint, here or in a store."""

import os
import stat
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from modelviz_callbacks.archive.confined import plain_file
from modelviz_callbacks.archive.places import absolute, is_url, joined
from modelviz_callbacks.checkpoint.limits import quoted
from modelviz_callbacks.errors import CheckpointError, one_line
from modelviz_callbacks.graph.versioned_json import read_object


def open_file(place: str) -> AbstractContextManager[BinaryIO]:
    """Opens a file for reading.

    Args:
        place: A path or an fsspec URL.

    Raises:
        CheckpointError: If there is none.
    """
    try:
        return _remote(place) if is_url(place) else _local(place)
    except Exception as e:  # stores raise whatever they like
        raise CheckpointError(f"{place}: this file cannot be read ({one_line(e)}).") from e


def is_folder(place: str) -> bool:
    """Whether there is a folder at a place.

    Raises:
        CheckpointError: If there is nothing at all, or nothing that can be asked.
    """
    try:
        if is_url(place):
            files, path = _store(place)
            return bool(files.info(path)["type"] == "directory")
        return stat.S_ISDIR(os.stat(absolute(place)).st_mode)  # noqa: PTH116 - `~` is known
    except Exception as e:  # stores raise whatever they like
        raise CheckpointError(
            f"{place}: there is no checkpoint here ({one_line(e)}). Give a checkpoint's file, or "
            "the folder of one that is sharded."
        ) from e


def in_folder(folder: str, name: str) -> str:
    """Gives the place of a file in a folder.

    Raises:
        CheckpointError: If the name would lead elsewhere.
    """
    if not name or name in {".", ".."} or any(c in name for c in "/\\\0") or is_url(name):
        raise CheckpointError(f"{folder}: {quoted(name)} is no name of a file in this folder.")
    return joined(folder, name)


def damaged(place: str, why: Exception) -> CheckpointError:
    """Gives the error for a checkpoint that cannot be read to its end."""
    return CheckpointError(
        f"{place}: this checkpoint is damaged, or a part of one only ({one_line(why)})."
    )


def json_object(place: str, content: bytes, kind: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        place: Where it comes from, for the messages.
        content: The text.
        kind: What it should be, for the messages.

    Raises:
        CheckpointError: If it is none, or has a name twice.
    """
    try:
        return read_object(content.decode("utf-8"), kind)
    except ValueError as e:
        raise CheckpointError(f"{place}: {e}.") from e


def _local(place: str) -> BinaryIO:
    # A named pipe that nobody writes to would make us wait for ever.
    return plain_file(os.open(absolute(place), os.O_RDONLY | os.O_NONBLOCK), "this")


def _remote(place: str) -> BinaryIO:
    files, path = _store(place)
    opened: BinaryIO = files.open(path, "rb")
    return opened


def _store(place: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    files: Any
    files, path = url_to_fs(place)
    return files, str(path)
