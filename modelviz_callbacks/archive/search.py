"""Finding the records below a folder or in a store, one after the other."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelviz_callbacks.archive.filters import RecordFilter
from modelviz_callbacks.archive.folders import leads_out, list_folder, may_hold_records
from modelviz_callbacks.archive.found import FoundRecord, looked_at
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.locate import record_number
from modelviz_callbacks.archive.places import is_url, last_part
from modelviz_callbacks.errors import RecordError, one_line

# A store answers in tens of milliseconds, and many at once.
_READERS = 16
_READ_AHEAD = 64


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        folders: How many folders were looked into.
        records: How many records were found, whatever they are filtered by.
        linked: How many links lead out of the root; they are not followed.
        unreadable: How many folders could not be read.
    """

    folders: int = 0
    records: int = 0
    linked: int = 0
    unreadable: int = 0


def find_records(
    root: str | os.PathLike[str],
    *,
    class_name: str | None = None,
    fingerprint: str | None = None,
    name: str | None = None,
    on_progress: Callable[[SearchProgress], None] | None = None,
) -> Iterator[FoundRecord]:
    """Finds the records below a folder; each is given as it is found, sorted by its place.

    No link is followed, and hidden folders, `checkpoints` and the like are not looked into, nor
    are records themselves. In filters, capitals do not matter. A record of ours that cannot be
    read is given with its `problem`: it may be what is asked for. Only `name` leaves it out.

    Args:
        root: The folder, a path or an fsspec URL.
        class_name: The model's class, like `"ResNet"`, `"torchvision.models.resnet.ResNet"` or
            `"*former*"`.
        fingerprint: How a fingerprint of any kind begins, like `"sha256:1f4c"` or `"1f4c"`.
        name: A part of the run's path below the root, or a pattern for all of it: `"*/version_?"`.
        on_progress: Called with how far the search is, after each folder.

    Returns:
        The records, searched for as they are asked for.

    Raises:
        SettingsError: If a filter cannot match anything.
        RecordError: If the root cannot be read.

    Example:
        >>> for record in find_records("lightning_logs", class_name="*resnet*"):
        ...     print(record.name, record.parameters)
    """
    chosen = RecordFilter(class_name, fingerprint, name)
    # Path.expanduser() raises for users that there are none of.
    search = _Search(os.path.expanduser(os.fspath(root)), chosen, on_progress)  # noqa: PTH111
    return search.run()


class _Search:
    def __init__(
        self,
        root: str,
        chosen: RecordFilter,
        on_progress: Callable[[SearchProgress], None] | None,
    ) -> None:
        self._root = root
        self._chosen = chosen
        self._on_progress = on_progress
        self._done = SearchProgress()

    def run(self) -> Iterator[FoundRecord]:
        if not is_url(self._root):
            return self._below(self._root)
        try:
            from fsspec.core import url_to_fs
            from fsspec.implementations.local import LocalFileSystem

            files, path = url_to_fs(self._root)
        except Exception as e:  # stores raise whatever they like
            raise self._unreadable(e) from e
        return self._below(path) if isinstance(files, LocalFileSystem) else self._in(files, path)

    def _below(self, root: str) -> Iterator[FoundRecord]:
        """Walks through folders; what is in one comes before what is in the next."""
        real = os.path.realpath(root)
        waiting = [("", True)]
        while waiting:
            folder, is_latest = waiting.pop()
            place = _place(root, folder, last_part(folder or real), is_latest=is_latest)
            try:
                listing = list_folder(place.directory)
            except OSError as e:
                if not folder:
                    raise self._unreadable(e) from e
                # It may have been removed since its folder was read.
                self._count(unreadable=int(Path(place.directory).is_dir()))
                continue
            links = [Path(place.directory, name) for name in listing.linked]
            self._count(folders=1, linked=sum(leads_out(link, [real]) for link in links))
            if listing.has_manifest and (record := self._looked_at(place)):
                yield from self._chosen_of(record)
            else:
                waiting += reversed(_inside(folder, listing.folders))

    def _in(self, files: Any, path: str) -> Iterator[FoundRecord]:
        """Lists a store once, and reads several manifests at a time: each call may take long."""
        folders = self._record_folders(files, path)
        latest = _latest(folders)
        places = []
        for folder in folders:
            is_latest = folder in latest or record_number(last_part(folder)) is None
            name = last_part(folder or path)
            places.append(_place(self._root, folder, name, is_latest=is_latest))
        within: str | None = None
        for place, record in self._all_looked_at(places):
            # What is in a record is none.
            if within is not None and place.directory.startswith(within):
                continue
            self._count(folders=1)
            if record is not None:
                within = f"{place.directory.rstrip('/')}/"
                yield from self._chosen_of(record)

    def _all_looked_at(
        self, places: Sequence[FoundRecord]
    ) -> Iterator[tuple[FoundRecord, FoundRecord | None]]:
        readers = ThreadPoolExecutor(_READERS, "modelviz-search")
        try:
            for start in range(0, len(places), _READ_AHEAD):
                some = places[start : start + _READ_AHEAD]
                yield from zip(some, readers.map(self._looked_at, some), strict=True)
        finally:
            # Whoever has seen enough does not wait for what is not read yet.
            readers.shutdown(wait=False, cancel_futures=True)

    def _record_folders(self, files: Any, path: str) -> list[str]:
        try:
            # What was listed an hour ago may be another by now.
            files.invalidate_cache()
            found = list(_with_manifests(files.find(path), path))
            is_missing = not found and not files.exists(path)
        except Exception as e:  # stores raise whatever they like
            raise self._unreadable(e) from e
        if is_missing:
            raise self._unreadable(FileNotFoundError("there is no such folder"))
        # A folder comes right before what is in it.
        return sorted(found, key=lambda folder: folder.split("/"))

    def _looked_at(self, place: FoundRecord) -> FoundRecord | None:
        if place.number is not None and not self._chosen.takes_run(place.run):
            # It need not be read: whatever it is, it is not asked for.
            return place
        return looked_at(place)

    def _chosen_of(self, record: FoundRecord) -> Iterator[FoundRecord]:
        self._count(records=1)
        if self._chosen.takes_run(record.run) and self._chosen.takes(record):
            yield record

    def _count(self, **more: int) -> None:
        done = self._done
        self._done = replace(done, **{name: getattr(done, name) + n for name, n in more.items()})
        if self._on_progress is not None:
            self._on_progress(self._done)

    def _unreadable(self, error: Exception) -> RecordError:
        return RecordError(f"{self._root}: this cannot be searched ({one_line(error)}).")


def _place(root: str, folder: str, name: str, *, is_latest: bool) -> FoundRecord:
    """Tells where a record would be.

    Args:
        root: Where the search began.
        folder: The record's path from there; `""` is the root itself.
        name: The last part of its path.
        is_latest: Whether it is its run's latest.
    """
    between = "" if root.endswith("/") or not folder else "/"
    number = record_number(name)
    run = folder if number is None else folder.rpartition("/")[0]
    return FoundRecord(f"{root}{between}{folder}", run or ".", number, is_latest)


def _inside(folder: str, names: Sequence[str]) -> list[tuple[str, bool]]:
    """Gives the folders in a folder, with whether each would be a run's latest record."""
    latest = max(filter(None, map(record_number, names)), default=None)
    start = f"{folder}/" if folder else ""
    return [(f"{start}{name}", record_number(name) in {None, latest}) for name in names]


def _with_manifests(paths: Iterable[str], root: str) -> Iterator[str]:
    """Gives the folders that have a manifest, by their paths from the root."""
    start = f"{root.strip('/')}/".lstrip("/")
    for path in paths:
        folder, _, name = path.strip("/").removeprefix(start).rpartition("/")
        if name == LAYOUT.manifest and all(map(may_hold_records, folder.split("/"))):
            yield folder


def _latest(folders: Iterable[str]) -> set[str]:
    """Gives those folders, of those that are called like records, that are a run's latest."""
    latest: dict[str, tuple[int, str]] = {}
    for folder in folders:
        run, _, name = folder.rpartition("/")
        if number := record_number(name):
            latest[run] = max((number, folder), latest.get(run, (0, "")))
    return {folder for _, folder in latest.values()}
