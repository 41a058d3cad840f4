"""Files that a command writes where its user says, never among those of a record."""

import sys
from collections.abc import Iterable
from pathlib import Path

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.places import is_url
from modelviz_callbacks.archive.whole_file import write_whole
from modelviz_callbacks.errors import ModelVizError, one_line

STDOUT = "-"


def local_path(output: str) -> Path:
    """Gives the path that `-o` names.

    Raises:
        ModelVizError: If it is a URL, or something else than a folder, a file or nothing.
    """
    if is_url(output) or not output:
        raise ModelVizError(f"-o {output!r}: give a path on this machine.")
    target = Path(output)
    try:
        is_usable = not target.exists() or target.is_dir() or target.is_file()
    # A name that is too long, or in a folder that cannot be looked into.
    except OSError as e:
        raise ModelVizError(f"{target} cannot be written ({one_line(e)}).") from e
    if not is_usable:
        raise ModelVizError(f"{target} is no regular file. Give another name, or - for stdout.")
    return target


def check_file(output: str) -> Path:
    """Gives the file that `-o` names, if it can be written.

    Raises:
        ModelVizError: If not, or if it would lie in a record.
    """
    target = local_path(output)
    check_writable(target)
    return target


def check_writable(target: Path) -> None:
    """Checks what can be known before a long drawing: a file can be written there.

    Raises:
        ModelVizError: If not, or if it would lie in a record.
    """
    folder = target.parent
    if local_path(str(target)).is_dir():
        raise ModelVizError(f"{target} is a folder. Give a file.")
    if not folder.is_dir():
        raise ModelVizError(f"{folder}: there is no such folder. Make it, or give another one.")
    if record := next(filter(_is_record, _with_those_around(folder)), None):
        raise ModelVizError(
            f"{target} would lie in the record {record}, which stays as it was recorded. "
            f"Give another place with -o."
        )


def write_file(target: Path, content: bytes) -> None:
    """Writes a file as a whole or not at all, in place of one that is there.

    Raises:
        ModelVizError: If it cannot be written.
    """
    check_writable(target)
    try:
        write_whole(target, content)
    except OSError as e:
        raise ModelVizError(f"{target} cannot be written ({one_line(e)}).") from e


def write_stdout(content: bytes) -> None:
    """Writes to stdout as it is, also what is no text."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def _with_those_around(folder: Path) -> Iterable[Path]:
    whole = folder.resolve()
    return whole, whole.parent


def _is_record(folder: Path) -> bool:
    return (folder / LAYOUT.manifest).is_file() and any(
        (folder / name).exists() for name in (LAYOUT.graph, LAYOUT.page, LAYOUT.errors)
    )
