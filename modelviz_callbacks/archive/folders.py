"""What is in a folder, for whoever looks for records: no link is followed."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.archive.layout import LAYOUT

# Large folders in which no record lies.
_NEVER = frozenset({"checkpoints", "node_modules", "site-packages", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Listing:
    """What a search needs to know of a folder.

    Attributes:
        folders: Names of the folders to look into, sorted.
        linked: Names of the folders that are links.
        files: Names of the files that were asked for.
    """

    folders: tuple[str, ...]
    linked: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def has_manifest(self) -> bool:
        """Whether it may be a record."""
        return LAYOUT.manifest in self.files


def list_folder(path: str, is_wanted: Callable[[str], bool] = LAYOUT.manifest.__eq__) -> Listing:
    """Reads what is in a folder.

    Args:
        path: The folder.
        is_wanted: Which files to tell of, by their names. One that is a link is never told of.

    Raises:
        OSError: If it cannot be read.
    """
    folders: list[str] = []
    linked: list[str] = []
    files: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_symlink():
                if entry.is_dir():
                    linked.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                if may_hold_records(entry.name):
                    folders.append(entry.name)
            elif is_wanted(entry.name):
                files.append(entry.name)
    return Listing(tuple(sorted(folders)), tuple(linked), tuple(files))


def may_hold_records(name: str) -> bool:
    """Whether a folder of this name is looked into: hidden ones and those of weights are not."""
    return name not in _NEVER and not name.startswith(".")


def leads_out(link: Path, roots: Iterable[str]) -> bool:
    """Whether a link leads out of where records are looked for; else they are found without it.

    Args:
        link: The link.
        roots: The real paths of the folders that are looked into.
    """
    try:
        real = link.resolve()
    except (OSError, RuntimeError):
        return False
    return not any(real.is_relative_to(root) for root in roots)
