"""What is in a folder, read again only when it has changed."""

import time
from pathlib import Path

from modelviz_callbacks.archive.folders import Listing, list_folder
from modelviz_callbacks.archive.layout import LAYOUT

# What TensorBoard takes for a file of events.
_EVENTS = "tfevents"
# A folder that changed just before it was read may have changed after it in the same tick.
_SETTLED_NS = 2_000_000_000


class FolderCache:
    """Listings by path."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._known: dict[str, tuple[int, int, Listing]] = {}
        self._used: set[str] = set()

    def listing(self, path: str) -> Listing:
        """Gives what is in a folder; of its files the manifest, and what TensorBoard reads.

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
        listing = list_folder(path, _is_telling)
        self._known[path] = changed_ns, read_ns, listing
        return listing

    def forget_unused(self) -> None:
        """Forgets the folders that nobody has asked for since the last time."""
        self._known = {path: known for path, known in self._known.items() if path in self._used}
        self._used = set()


def has_events(listing: Listing) -> bool:
    """Whether a folder is a run of TensorBoard's."""
    return any(_EVENTS in name for name in listing.files)


def _is_telling(name: str) -> bool:
    return name == LAYOUT.manifest or _EVENTS in name
