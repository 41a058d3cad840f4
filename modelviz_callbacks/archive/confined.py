"""Reading a file that must lie below a folder: no link is followed on the way to it."""

import os
import stat
from typing import BinaryIO

# A link that was put in the place of a folder or a file a moment ago is not followed either.
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe that nobody writes to would make us wait for ever.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def parts_below(path: str) -> list[str]:
    """Gives the names that a path below a folder is made of.

    Args:
        path: The path from the folder: names with `/` between them, nothing else.

    Raises:
        ValueError: If it leads elsewhere, or is another way of saying where something is.
    """
    names = path.split("/")
    if any(name in {"", ".", ".."} or "\\" in name or "\0" in name for name in names):
        raise ValueError(f"{path!r:.80} is no path below a folder")
    return names


def read_below(folder: str, path: str, most_bytes: int) -> bytes:
    """Reads a file.

    Args:
        folder: The folder that it must lie below.
        path: Its path from there: names with `/` between them, nothing else.
        most_bytes: How long it may be.

    Raises:
        OSError: If there is no such file below the folder, it is no plain file, or it is longer.
        ValueError: If the path is another way of saying where something is.
    """
    names = parts_below(path)
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names[:-1]:
            inner = os.open(name, _FOLDER, dir_fd=at)
            os.close(at)
            at = inner
        descriptor = os.open(names[-1], _FILE, dir_fd=at)
    finally:
        os.close(at)
    with plain_file(descriptor, repr(path)) as file:
        size = os.fstat(descriptor).st_size
        # What is too long takes no memory; a file that tells no size may be too long, too.
        content = b"" if size > most_bytes else file.read(most_bytes + 1)
    if max(size, len(content)) > most_bytes:
        raise OSError(f"{path!r} is longer than {most_bytes:,} bytes")
    return content


def plain_file(descriptor: int, name: str) -> BinaryIO:
    """Makes a file of a descriptor, which is closed if it is of anything else.

    Args:
        descriptor: What was opened, without waiting.
        name: What it is called, for the message.

    Raises:
        OSError: If it is a folder, a pipe or a device.
    """
    # A folder's descriptor makes no file object, which would close it.
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(f"{name} is no file")
