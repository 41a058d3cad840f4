"""Writing a record: atomically, to a local folder or any fsspec URL."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from modelviz_callbacks.archive.folder_lock import locked
from modelviz_callbacks.archive.layout import record_folder_name
from modelviz_callbacks.archive.leftovers import sweep
from modelviz_callbacks.archive.places import absolute, is_url, joined
from modelviz_callbacks.archive.whole_file import temporary_name, write_whole
from modelviz_callbacks.errors import SettingsError

_MOST_RECORDS = 10_000


class RecordWriter(Protocol):
    """Writes files into one record's folder."""

    @property
    def directory(self) -> str:
        """The record's folder, a path or a URL."""

    def is_gone(self) -> bool:
        """Whether somebody has removed the record's folder."""

    def write(self, name: str, content: str | bytes) -> None:
        """Writes one file as a whole or not at all.

        Args:
            name: Its path relative to the record's folder, with `/`.
            content: Its content; text is stored as UTF-8.

        Raises:
            OSError: If it cannot be written; nothing of it is left then. A store may raise
                something else.
        """

    def stage(self, name: str, content: str | bytes) -> str:
        """Writes the new content of a file beside it.

        Args:
            name: The file's path relative to the record's folder.
            content: Its content.

        Returns:
            The path of the new content, to be moved to the file's.

        Raises:
            OSError: Likewise.
        """

    def move(self, staged: str, name: str) -> None:
        """Puts a file that was staged in its place; at every moment it is in one of the two.

        Raises:
            OSError: If it cannot be moved.
        """

    def locked(self) -> AbstractContextManager[None]:
        """Keeps other processes from rewriting the manifest meanwhile, where that is possible."""

    def sweep(self, keep: Collection[str]) -> None:
        """Removes what killed processes left there long ago, but for the paths in `keep`."""

    def remove(self) -> None:
        """Removes the record's folder with all that is in it."""


def claim_record(run_dir: str) -> RecordWriter:
    """Makes a new record folder in a run directory; an existing record is never touched.

    Args:
        run_dir: A path or an fsspec URL; made if it does not exist.

    Returns:
        The writer of `<run_dir>/architecture`, or of `architecture-2` and so on if that is taken.

    Raises:
        OSError: If the folder cannot be made.
    """
    if is_url(run_dir):
        return _claim_remote(run_dir)
    folder = Path(absolute(run_dir))
    folder.mkdir(parents=True, exist_ok=True)
    return _LocalWriter(_first_free(folder))


def open_writer(directory: str) -> RecordWriter:
    """Gives the writer of a record that is there."""
    return _RemoteWriter(directory) if is_url(directory) else _LocalWriter(Path(directory))


def check_run_dir(run_dir: str | os.PathLike[str], option: str) -> str:
    """Checks early what can be known of a run directory.

    Args:
        run_dir: A path or an fsspec URL.
        option: The option's name, for the message.

    Returns:
        The path or URL as text; a path is absolute, since the working directory may change.

    Raises:
        SettingsError: If it is a file, or cannot be made or written.
    """
    try:
        text = os.fspath(run_dir)
    except TypeError as e:
        raise SettingsError(f"{option}={run_dir!r}: give a folder, a path or a URL.") from e
    if not text:
        raise SettingsError(f"{option}={run_dir!r}: give a folder.")
    if is_url(text):
        return text
    try:
        existing = _nearest_existing(Path(absolute(text)))
    except OSError as e:
        raise SettingsError(f"{option}={text!r}: {e.strerror}. Give another one.") from e
    if not existing.is_dir():
        raise SettingsError(f"{option}={text!r}: {existing} is a file. Give a folder.")
    if not _is_writable(existing):
        raise SettingsError(f"{option}={text!r}: {existing} cannot be written. Give another one.")
    return absolute(text)


def _nearest_existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _is_writable(folder: Path) -> bool:
    probe = folder / f".modelviz-{uuid.uuid4().hex}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


class _LocalWriter:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def directory(self) -> str:
        return str(self._folder)

    def is_gone(self) -> bool:
        return not self._folder.is_dir()

    def write(self, name: str, content: str | bytes) -> None:
        target = self._folder / name
        if target.parent != self._folder:
            # The record's own folder is not made anew: without its other files it says little.
            target.parent.mkdir(exist_ok=True)
        try:
            write_whole(target, encoded(content))
        except BaseException:
            self._remove_if_empty(target.parent)
            raise

    def stage(self, name: str, content: str | bytes) -> str:
        staged = _beside(name)
        self.write(staged, content)
        return staged

    def move(self, staged: str, name: str) -> None:
        os.replace(self._folder / staged, self._folder / name)  # noqa: PTH105 - as in whole_file

    def locked(self) -> AbstractContextManager[None]:
        return locked(self._folder)

    def sweep(self, keep: Collection[str]) -> None:
        sweep(self._folder, keep)

    def _remove_if_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            folder.rmdir()
            if folder != self._folder:
                self._folder.rmdir()

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _first_free(run_dir: Path) -> Path:
    for number in range(1, _MOST_RECORDS):
        folder = run_dir / record_folder_name(number)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{run_dir} holds {_MOST_RECORDS - 1:,} records already")


def _claim_remote(run_dir: str) -> "_RemoteWriter":
    for number in range(1, _MOST_RECORDS):
        writer = _RemoteWriter(joined(run_dir, record_folder_name(number)))
        if writer.is_gone():
            writer.make()
            return writer
    raise FileExistsError(f"{run_dir} holds {_MOST_RECORDS - 1:,} records already")


class _RemoteWriter:
    def __init__(self, directory: str) -> None:
        from fsspec.core import url_to_fs

        self._files: Any
        self._files, path = url_to_fs(directory)
        self._folder = PurePosixPath(path)

    def make(self) -> None:
        self._files.makedirs(str(self._folder), exist_ok=True)

    def is_gone(self) -> bool:
        return not self._files.exists(str(self._folder))

    @property
    def directory(self) -> str:
        return str(self._files.unstrip_protocol(str(self._folder)))

    def write(self, name: str, content: str | bytes) -> None:
        target = str(self._folder / name)
        temporary = f"{target}.{uuid.uuid4().hex}.tmp"
        try:
            self._files.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            self._files.pipe_file(temporary, encoded(content))
            self._files.mv(temporary, target)
        except BaseException:
            with contextlib.suppress(Exception):
                self._files.rm_file(temporary)
            raise

    def stage(self, name: str, content: str | bytes) -> str:
        staged = _beside(name)
        self._files.pipe_file(str(self._folder / staged), encoded(content))
        return staged

    def move(self, staged: str, name: str) -> None:
        self._files.mv(str(self._folder / staged), str(self._folder / name))

    def locked(self) -> AbstractContextManager[None]:
        # Stores have no locks.
        return contextlib.nullcontext()

    def sweep(self, keep: Collection[str]) -> None:
        """Leaves everything: what stores tell of the age of a file differs."""

    def remove(self) -> None:
        with contextlib.suppress(Exception):
            self._files.rm(str(self._folder), recursive=True)


def _beside(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(temporary_name(path.name)))


def encoded(content: str | bytes) -> bytes:
    """Gives the bytes of a file."""
    # Names from models may hold lone surrogates, which UTF-8 refuses.
    return content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
