"""Opens a record. Nothing of it is run or unpickled, whoever wrote it."""

import contextlib
from dataclasses import dataclass
from typing import Any

from modelviz_callbacks.archive.confined import parts_below, read_below
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.manifest import Manifest, digest_of
from modelviz_callbacks.archive.places import is_url
from modelviz_callbacks.errors import RecordError, one_line
from modelviz_callbacks.graph.model import ArchitectureGraph

# Far above what a record of the largest model holds, and far below what fills a machine.
MOST_MANIFEST_BYTES = 16 * 2**20
MOST_FILE_BYTES = 64 * 2**20


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
        """Reads the architecture graph, of which the manifest's totals and fingerprints are.

        Raises:
            RecordError: If there is none, none that can be read, or another one.
        """
        if LAYOUT.graph not in self.manifest.files:
            raise RecordError(
                f"{self.directory}: {LAYOUT.manifest} lists no {LAYOUT.graph}: no first step was "
                "watched, or none to the end of its forward. Choose another record."
            )
        content = self.read(LAYOUT.graph)
        digest = self.manifest.graph_digest
        if digest is not None and digest != digest_of(content):
            raise RecordError(
                f"{self.directory}: {LAYOUT.graph} is another one than {LAYOUT.manifest} tells of: "
                "it was written anew meanwhile, or changed by hand. Open the record again; where "
                "that does not help, restore the file."
            )
        try:
            return ArchitectureGraph.from_json(_text(content))
        except ValueError as e:
            raise RecordError(f"{self.directory}: {LAYOUT.graph}: {e}") from e

    def read(self, name: str) -> bytes:
        """Reads a file of the record: one that lies in its folder, by no link.

        Args:
            name: One of `manifest.files`.

        Raises:
            RecordError: If the manifest does not list it, or it cannot be read.
        """
        if name not in self.manifest.files:
            raise RecordError(f"{self.directory}: {LAYOUT.manifest} lists no {name!r:.80}")
        *staged, place = self.manifest.places(name)
        for other in staged:
            with contextlib.suppress(RecordError):
                return _read(self.directory, other, MOST_FILE_BYTES)
        return _read(self.directory, place, MOST_FILE_BYTES)


def open_record(directory: str) -> Record:
    """Opens a record.

    Args:
        directory: Its folder, a path or an fsspec URL.

    Raises:
        RecordError: If there is none, or none that can be read; the message says why.
    """
    text = read_manifest_text(directory)
    try:
        return Record(directory, Manifest.from_json(text))
    except ValueError as e:
        raise RecordError(f"{directory}: {LAYOUT.manifest}: {e}") from e


def read_manifest_text(directory: str) -> str:
    """Reads a record's manifest as it is.

    Args:
        directory: The record's folder, a path or an fsspec URL.

    Raises:
        RecordError: If there is none, it is too long, or it is no text.
    """
    return read_text(directory, LAYOUT.manifest, MOST_MANIFEST_BYTES)


def read_text(directory: str, name: str, most_bytes: int) -> str:
    """Reads a text file that anybody may have written.

    Args:
        directory: Its folder, a path or an fsspec URL.
        name: Its path from there; no link is followed on the way.
        most_bytes: How long it may be.

    Raises:
        RecordError: If there is none, it is too long, or it is no text.
    """
    content = _read(directory, name, most_bytes)
    try:
        return _text(content)
    except ValueError as e:
        raise RecordError(f"{directory}: {name}: {e}") from e


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as e:
        raise ValueError("this is no UTF-8 text") from e


def _read(directory: str, name: str, most_bytes: int) -> bytes:
    read = _read_remote if is_url(directory) else read_below
    try:
        content = read(directory, name, most_bytes)
    except Exception as e:  # stores raise whatever they like
        raise RecordError(f"{directory}: {name} cannot be read ({one_line(e)})") from e
    return content


def _read_remote(directory: str, name: str, most_bytes: int) -> bytes:
    from fsspec.core import url_to_fs

    files: Any
    files, path = url_to_fs(directory)
    with files.open("/".join((path.rstrip("/"), *parts_below(name))), "rb") as file:
        content = bytes(file.read(most_bytes + 1))
    if len(content) > most_bytes:
        raise OSError(f"{name!r} is longer than {most_bytes:,} bytes")
    return content
