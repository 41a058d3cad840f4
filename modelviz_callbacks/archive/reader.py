"""Opens a record. Nothing of it is run or unpickled, whoever wrote it."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.archive.places import is_url
from modelviz_callbacks.errors import RecordError, one_line
from modelviz_callbacks.graph.model import ArchitectureGraph

# Far above what a record of the largest model holds, and far below what fills a machine.
MOST_MANIFEST_BYTES = 16 * 2**20
MOST_GRAPH_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Record:
    """A record on disk or in a store.

    Attributes:
        directory: Its folder, a path or an fsspec URL.
        manifest: What is in it, and how it went.
    """

    directory: str
    manifest: Manifest

    def graph(self) -> ArchitectureGraph:
        """Reads the architecture graph.

        Raises:
            RecordError: If there is none, or none that can be read.
        """
        text = read_text(self.directory, LAYOUT.graph, MOST_GRAPH_BYTES)
        try:
            return ArchitectureGraph.from_json(text)
        except ValueError as e:
            raise RecordError(f"{self.directory}: {LAYOUT.graph}: {e}") from e


def open_record(directory: str) -> Record:
    """Opens a record.

    Args:
        directory: Its folder, a path or an fsspec URL.

    Raises:
        RecordError: If there is none, or none that can be read; the message says why.
    """
    text = read_text(directory, LAYOUT.manifest, MOST_MANIFEST_BYTES)
    try:
        return Record(directory, Manifest.from_json(text))
    except ValueError as e:
        raise RecordError(f"{directory}: {LAYOUT.manifest}: {e}") from e


def read_text(directory: str, name: str, most_bytes: int) -> str:
    """Reads a text file of a record.

    Args:
        directory: The record's folder, a path or an fsspec URL.
        name: The file's path in it.
        most_bytes: How long it may be.

    Raises:
        RecordError: If there is none, it is longer, or it is no text.
    """
    try:
        content = (_remote if is_url(directory) else _local)(directory, name, most_bytes)
    except Exception as e:  # stores raise whatever they like
        raise RecordError(f"{directory}: {name} cannot be read ({one_line(e)})") from e
    if len(content) > most_bytes:
        raise RecordError(f"{directory}: {name} is longer than {most_bytes:,} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as e:
        raise RecordError(f"{directory}: {name} is no UTF-8 text") from e


def _local(directory: str, name: str, most_bytes: int) -> bytes:
    # A named pipe that nobody writes to would make us wait for ever.
    descriptor = os.open(Path(directory) / name, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("this is no file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most_bytes + 1)
    finally:
        os.close(descriptor)


def _remote(directory: str, name: str, most_bytes: int) -> bytes:
    from fsspec.core import url_to_fs

    files: Any
    files, path = url_to_fs(directory)
    with files.open(f"{path.rstrip('/')}/{name}", "rb") as file:
        return bytes(file.read(most_bytes + 1))
