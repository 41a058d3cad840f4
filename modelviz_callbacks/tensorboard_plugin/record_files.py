"""Which files of a record are handed out, and as what: a record is data that anybody may have made.

A page is run in a frame without an origin of its own, and loads nothing: whatever it holds, it
reaches neither TensorBoard nor the network. The same is said in the answer's headers, for a page
that is opened outside of our tab.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from modelviz_callbacks.archive.confined import read_below
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.manifest import Manifest
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
    return frozenset((*own, *manifest.files))


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
    places = (name,) if record.manifest is None else record.manifest.places(name)
    return Served(_content(record, *places), content_type, policy)


def _content(record: LogdirRecord, place: str, *others: str) -> bytes:
    path = f"{record.folder}/{place}" if record.folder else place
    try:
        return read_below(record.root.path, path, MOST_BYTES)
    except FileNotFoundError:
        if not others:
            raise
        return _content(record, *others)
