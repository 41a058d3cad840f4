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
        ModelVizError: If it is a URL, or nothing.
    """
    if is_url(output) or not output:
        raise ModelVizError(f"-o {output!r}: give a path on this machine.")
    return Path(output)


def check_writable(target: Path) -> None:
    """Checks what can be known before a long drawing: a file can be written there.

    Raises:
        ModelVizError: If not, or if it would lie in a record.
    """
    if target.is_dir():
        raise ModelVizError(f"{target} is a folder. Give a file.")
    if target.exists() and not target.is_file():
        raise ModelVizError(f"{target} is no regular file. Give another name, or - for stdout.")
    folder = target.parent
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
