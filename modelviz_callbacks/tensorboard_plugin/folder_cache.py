"""What is in a folder, read again only when it has changed."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.archive.layout import LAYOUT

# What TensorBoard takes for a file of events.
_EVENTS = "tfevents"
# Large folders in which no record lies.
_NEVER = frozenset({"checkpoints", "node_modules", "site-packages", "__pycache__"})
# A folder that changed just before it was read may have changed after it in the same tick.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True)
class Listing:
    """What a search needs to know of a folder.

    Attributes:
        folders: Names of the folders to look into, sorted.
        has_events: Whether it is a run of TensorBoard's.
        has_manifest: Whether it may be a record.
        linked: Names of the folders that are links.
    """

    folders: tuple[str, ...]
    has_events: bool
    has_manifest: bool
    linked: tuple[str, ...]


class FolderCache:
    """Listings by path."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._known: dict[str, tuple[int, int, Listing]] = {}
        self._used: set[str] = set()

    def listing(self, path: str) -> Listing:
        """Gives what is in a folder.

        Raises:
            OSError: If it cannot be read.
        """
        self._used.add(path)
        changed_ns = Path(path).stat(follow_symlinks=False).st_mtime_ns
        if path in self._known:
            known_ns, read_ns, listing = self._known[path]
            if known_ns == changed_ns and read_ns - changed_ns > _SETTLED_NS:
                return listing
        read_ns = time.time_ns()
        listing = _read(path)
        self._known[path] = changed_ns, read_ns, listing
        return listing

    def forget_unused(self) -> None:
        """Forgets the folders that nobody has asked for since the last time."""
        self._known = {path: known for path, known in self._known.items() if path in self._used}
        self._used = set()


def _read(path: str) -> Listing:
    folders: list[str] = []
    linked: list[str] = []
    has_events = has_manifest = False
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_symlink():
                if entry.is_dir():
                    linked.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                if entry.name not in _NEVER and not entry.name.startswith("."):
                    folders.append(entry.name)
            elif entry.name == LAYOUT.manifest:
                has_manifest = True
            elif _EVENTS in entry.name:
                has_events = True
    return Listing(tuple(sorted(folders)), has_events, has_manifest, tuple(linked))
