"""Writing a local file as a whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path


def temporary_name(name: str) -> str:
    """Names a file that is to be renamed: hidden, and different every time."""
    return f".{name}.{uuid.uuid4().hex}.tmp"


def write_whole(target: Path, content: bytes) -> None:
    """Writes a file under a temporary name beside it, and renames it when all is on disk.

    Args:
        target: The file; one that is there is replaced, by a link's own name.
        content: Its content.

    Raises:
        OSError: If it cannot be written; what was there before is still there, and nothing else.
    """
    temporary = target.with_name(temporary_name(target.name))
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105 - the name that tests and readers know
    except BaseException as e:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(e, OSError) and e.filename is not None:
            # The temporary name says nothing to whoever named the file.
            e.filename, e.filename2 = str(target), None
        raise
