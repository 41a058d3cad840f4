"""What a process that was killed while it wrote has left: files that no reader looks at."""

import contextlib
import os
import re
import time
from collections.abc import Collection
from pathlib import Path

_LEFT = re.compile(r"\..+\.[0-9a-f]{32}\.tmp", re.DOTALL)
# Nobody writes one file as long as that, on whatever disk.
_OLD_S = 24 * 3600.0


def sweep(folder: Path, keep: Collection[str]) -> None:
    """Removes the temporary files of writers that are long gone.

    Args:
        folder: A record's folder; folders in it are looked into as well.
        keep: Paths from there of those that stay, with `/`.
    """
    before = time.time() - _OLD_S
    for inner in ("", *_folders(folder)):
        with contextlib.suppress(OSError), os.scandir(folder / inner) as entries:
            for entry in entries:
                path = f"{inner}/{entry.name}" if inner else entry.name
                if _LEFT.fullmatch(entry.name) and path not in keep:
                    _remove_if_older(entry, before)


def _folders(folder: Path) -> list[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _remove_if_older(entry: "os.DirEntry[str]", before: float) -> None:
    with contextlib.suppress(OSError):
        if entry.stat(follow_symlinks=False).st_mtime < before:
            Path(entry.path).unlink()
