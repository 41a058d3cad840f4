"""Looking for records below the logdirs: near ones first, within limits, nothing read twice."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from modelviz_callbacks.archive.confined import read_below
from modelviz_callbacks.archive.folders import Listing, leads_out
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.locate import record_number
from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.archive.reader import MOST_MANIFEST_BYTES
from modelviz_callbacks.tensorboard_plugin.folder_cache import FolderCache, has_events
from modelviz_callbacks.tensorboard_plugin.found import LogdirRecord
from modelviz_callbacks.tensorboard_plugin.log_roots import LogRoot


@dataclass(frozen=True)
class Limits:
    """How far a search goes.

    Attributes:
        folders: How many folders are looked into.
        seconds: How long it takes.
        records: How many records are found.
    """

    folders: int = 20_000
    seconds: float = 20.0
    records: int = 2_000


class Search:
    """Searches the same roots again and again; what has not changed is not read again."""

    def __init__(self, roots: Iterable[LogRoot], limits: Limits = Limits()) -> None:
        """Prepares to search `roots`; nothing is read yet."""
        self._roots = tuple(roots)
        self._limits = limits
        self._folders = FolderCache()
        # By path: what its files' changes are known by, and what was read then.
        self._records: dict[Path, tuple[object, LogdirRecord]] = {}

    def run(self, on_found: Callable[[LogdirRecord], None]) -> tuple[str, ...]:
        """Searches once.

        Args:
            on_found: Called with each record, as it is found.

        Returns:
            What a reader should know: what was not searched, and why.
        """
        self._end_s = time.monotonic() + self._limits.seconds
        self._looked = self._outside = self._unreadable = 0
        self._kept: dict[Path, tuple[object, LogdirRecord]] = {}
        notes = [note for root in self._roots if (note := self._search(root, on_found))]
        self._records = self._kept
        self._folders.forget_unused()
        return tuple(dict.fromkeys((*notes, *self._left_out())))

    def _search(self, root: LogRoot, on_found: Callable[[LogdirRecord], None]) -> str:
        if root.is_remote:
            return f"{root.path} is not on this machine: records there are not shown."
        real_roots = [other.path for other in self._roots]
        waiting: deque[tuple[str, str | None]] = deque([("", None)])
        while waiting:
            if reason := self._spent():
                return f"{reason} Records further down are not shown: give a narrower --logdir."
            folder, run = waiting.popleft()
            path = Path(root.path, folder)
            listing = self._listing(path)
            if listing is None:
                continue
            self._outside += sum(leads_out(path / name, real_roots) for name in listing.linked)
            record = self._record(LogdirRecord(root, folder, run)) if listing.has_manifest else None
            if record is not None:
                on_found(record)
                continue
            own = root.run_name(folder) if has_events(listing) else None
            inside = f"{folder}/" if folder else ""
            waiting.extend((f"{inside}{name}", own) for name in listing.folders)
        return ""

    def _spent(self) -> str:
        if self._looked >= self._limits.folders:
            return f"The search ended after {self._looked:,} folders."
        if len(self._kept) >= self._limits.records:
            return f"The search ended after {len(self._kept):,} records."
        if time.monotonic() > self._end_s:
            return f"The search ended after {self._limits.seconds:g} s."
        return ""

    def _left_out(self) -> Iterable[str]:
        if self._outside:
            yield (
                f"{_folders(self._outside)} not searched: links that lead out of the logdir are "
                "not followed."
            )
        if self._unreadable:
            yield f"{_folders(self._unreadable)} could not be read."

    def _listing(self, path: Path) -> Listing | None:
        self._looked += 1
        try:
            listing = self._folders.listing(str(path))
        except OSError:
            # It may have been removed since its folder was read.
            self._unreadable += path.is_dir()
            return None
        return listing

    def _record(self, place: LogdirRecord) -> LogdirRecord | None:
        """Reads a record; None where a folder is none."""
        path = Path(place.root.path, place.folder)
        page = _mark(path / LAYOUT.page)
        marks = _mark(path / LAYOUT.manifest), page, place.run
        known, record = self._records.get(path, (None, place))
        if known != marks:
            record = replace(_read(place), page=page)
        # Others have manifests as well.
        if record.manifest is None and record_number(path.name) is None:
            return None
        self._kept[path] = marks, record
        return record


def _folders(count: int) -> str:
    return "1 folder" if count == 1 else f"{count:,} folders"


def _mark(path: Path) -> str | None:
    """Gives what changes with a file: each new version of a record's files is a new file."""
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _read(place: LogdirRecord) -> LogdirRecord:
    name = f"{place.folder}/{LAYOUT.manifest}" if place.folder else LAYOUT.manifest
    try:
        text = read_below(place.root.path, name, MOST_MANIFEST_BYTES).decode("utf-8")
        return replace(place, manifest=Manifest.from_json(text))
    except (OSError, ValueError) as error:
        return replace(place, problem=f"{LAYOUT.manifest}: {error}")
