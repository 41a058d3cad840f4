"""Which files of a record are handed out, and as what: a record is data that anybody may have made.

A page is run in a frame without an origin of its own, and loads nothing: whatever it holds, it
reaches neither TensorBoard nor the network. The same is said in the answer's headers, for a page
that is opened outside of our tab.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from modelviz_callbacks.archive.confined import read_below
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.tensorboard_plugin.found import LogdirRecord

MOST_BYTES = 64 * 2**20
_TYPES = {
    ".json": "application/json",
    ".txt": "text/plain",
    ".gv": "text/plain",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_STILL = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
# The page's own policy names its script by its hash; what counts here is where it can reach.
_LIVELY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Served:
    """A file as it is handed out.

    Attributes:
        content: Its bytes.
        content_type: Its media type.
        policy: Its `Content-Security-Policy`.
    """

    content: bytes
    content_type: str
    policy: str


def served_names(manifest: Manifest | None) -> frozenset[str]:
    """Gives the names of the files that may be asked for; each must be given exactly so."""
    own = (LAYOUT.manifest, LAYOUT.page)
    if manifest is None:
        return frozenset(own)
    return frozenset((*own, *(name for a in manifest.artifacts for name in listed_files(a))))


def listed_files(artifact: Artifact) -> list[str]:
    """Gives the names that an artifact lists; what is no text is none."""
    names: tuple[Any, ...] = artifact.files
    return [name for name in names if isinstance(name, str)]


def serve(record: LogdirRecord, name: str) -> Served:
    """Reads a file of a record.

    Args:
        record: The record.
        name: The file's name, as the manifest lists it.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is none that is handed out.
    """
    if name not in served_names(record.manifest):
        raise ValueError(f"{name!r} is no file that the manifest lists")
    if name == LAYOUT.page:
        content_type, policy = "text/html", _LIVELY
    elif (suffix := PurePosixPath(name).suffix) in _TYPES:
        content_type, policy = _TYPES[suffix], _STILL
    else:
        raise ValueError(f"{name!r} is of no kind that a record holds")
    path = f"{record.folder}/{name}" if record.folder else name
    return Served(read_below(record.root.path, path, MOST_BYTES), content_type, policy)
