"""The files of one record: readers see what its manifest lists, and it changes all at once."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from modelviz_callbacks.archive.layout import LAYOUT, record_folder_name
from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.archive.places import last_part
from modelviz_callbacks.archive.reader import read_manifest_text
from modelviz_callbacks.archive.writer import RecordWriter, claim_record
from modelviz_callbacks.errors import RecordError, one_line, warn


class RecordFolder:
    """Writes files into one record's folder.

    A file that readers know of is not overwritten: its new content lies beside it until the
    manifest that belongs to it is there. After the first failed write nothing more is written:
    one warning, no half file.

    Attributes:
        name: The folder's name.
    """

    def __init__(self, run_dir: str) -> None:
        """Prepares a record in `run_dir`, a path or an fsspec URL."""
        self.name = record_folder_name(1)
        self._run_dir = run_dir
        self._writer: RecordWriter | None = None
        # What readers have been told of.
        self._known: frozenset[str] = frozenset()
        self._staged: dict[str, str] = {}
        self._is_kept_by_others = False

    @property
    def directory(self) -> str | None:
        """The folder, or None where nothing can be written."""
        return self._writer.directory if self._writer is not None else None

    def open(self) -> None:
        """Makes the folder; a new one each time."""
        self._known, self._staged, self._is_kept_by_others = frozenset(), {}, False
        try:
            self._writer = claim_record(self._run_dir)
            self.name = last_part(self._writer.directory)
        except Exception as error:  # noqa: BLE001 - stores raise whatever they like
            warn(
                f"The architecture record cannot be written to {self._run_dir} "
                f"({one_line(error)}). Give a writable folder. The training goes on without it."
            )

    def is_gone(self) -> bool:
        """Whether somebody has removed the folder since it was made."""
        if self._writer is None:
            return False
        try:
            return self._writer.is_gone()
        except Exception:  # noqa: BLE001 - a store that cannot be asked is told of when writing
            return False

    def withdraw(self) -> None:
        """Removes the folder; nothing more is written."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.remove()

    def write(self, name: str, content: str | bytes) -> bool:
        """Writes one file, if writing is still possible. It belongs to the record once it is saved.

        Args:
            name: Its path relative to the record's folder.
            content: Its content.

        Returns:
            Whether it is there now.
        """
        if name not in self._known:
            return self._done(name, lambda writer: writer.write(name, content))
        if name in self._staged:
            return self._done(name, lambda writer: writer.write(self._staged[name], content))
        return self._done(name, lambda writer: self._stage(writer, name, content))

    def save(self, manifest: Manifest) -> None:
        """Writes the manifest: from now on readers see the files that it lists.

        Files with new contents are in their places a moment later; until then the manifest tells
        where they lie.

        Args:
            manifest: The manifest; resumes are added to it by the runs that go on.
        """
        self._write_manifest(manifest)
        if self._staged:
            for name in tuple(self._staged):
                self._done(name, partial(self._move, name))
            self._write_manifest(manifest)

    # The steps of the above.

    def _stage(self, writer: RecordWriter, name: str, content: str | bytes) -> None:
        self._staged[name] = writer.stage(name, content)

    def _move(self, name: str, writer: RecordWriter) -> None:
        writer.move(self._staged[name], name)
        del self._staged[name]

    def _write_manifest(self, manifest: Manifest) -> None:
        if self._done(LAYOUT.manifest, lambda writer: self._rewrite(writer, manifest)):
            self._known = frozenset(manifest.files)
            # No run keeps a record before its first step is over.
            self._is_kept_by_others = manifest.status == "complete"

    def _rewrite(self, writer: RecordWriter, manifest: Manifest) -> None:
        with writer.locked():
            resumes = manifest.resumes
            if self._is_kept_by_others:
                resumes = _noted_resumes(writer.directory) or resumes
            told = replace(manifest, staged=dict(self._staged), resumes=resumes)
            writer.write(LAYOUT.manifest, told.to_json())

    def _done(self, name: str, action: Callable[[RecordWriter], Any]) -> bool:
        if self._writer is None:
            return False
        try:
            action(self._writer)
        except Exception as error:  # noqa: BLE001 - stores raise whatever they like
            directory, self._writer = self._writer.directory, None
            warn(
                f"The architecture record in {directory} is incomplete: {name} cannot be written "
                f"({one_line(error)}). Free some space or give another folder. "
                "The training goes on."
            )
            return False
        return True


def _noted_resumes(directory: str) -> tuple[dict[str, Any], ...]:
    """Gives the resumes that other runs have noted meanwhile."""
    try:
        return Manifest.from_json(read_manifest_text(directory)).resumes
    except (RecordError, ValueError):
        # Whoever damaged or removed it: a whole one is written now.
        return ()
