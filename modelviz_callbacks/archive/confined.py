"""Reading a file that must lie below a folder: no link is followed on the way to it."""

import os
import stat

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
    # A folder's descriptor makes no file object, which would close it.
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(f"{path!r} is no file")
    with os.fdopen(descriptor, "rb") as file:
        # What is too long takes no memory; a file that tells no size may be too long, too.
        content = b"" if status.st_size > most_bytes else file.read(most_bytes + 1)
    if max(status.st_size, len(content)) > most_bytes:
        raise OSError(f"{path!r} is longer than {most_bytes:,} bytes")
    return content
