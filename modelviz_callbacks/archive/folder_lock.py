"""Keeping other processes from writing the same manifest at the same moment."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

# Nobody waits longer: to lose a note costs less than to hold up a training.
_MOST_S = 1.0
_AGAIN_S = 0.005


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder's lock, which ends with the process, and leaves nothing on disk.

    Goes on without it where the file system has none, and where another process does not let go.

    Args:
        folder: The folder.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        # Whoever writes into it will say so.
        yield
        return
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    end = time.monotonic() + _MOST_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return
            time.sleep(_AGAIN_S)
        except OSError:
            return
        else:
            return
