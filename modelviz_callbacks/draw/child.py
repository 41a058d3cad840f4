"""A child process of ours: where it runs, and how it ends."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import modelviz_callbacks
from modelviz_callbacks.draw.fonts import write_fontconfig

_PACKAGE_PARENT = str(Path(str(modelviz_callbacks.__file__)).parent.parent)
_STDERR = "stderr.txt"
_MOST_STDERR = 2_000
# The longest wait in seconds for a killed process.
_TO_DIE_S = 5.0


class Child:
    """Runs a module of this package on a folder. It can be stopped from any thread."""

    def __init__(self, module: str) -> None:
        """Prepares the child; nothing is started.

        Args:
            module: What is run, with the folder as its only argument.
        """
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopped = False

    @property
    def code(self) -> int | None:
        """Its exit status; below zero the signal that killed it; None before its end."""
        return None if self._process is None else self._process.returncode

    def start(self, folder: Path) -> bool:
        """Starts the child, unless it was stopped before.

        Args:
            folder: Its working directory, with all that it reads and leaves.

        Returns:
            Whether it runs.
        """
        with self._lock, (folder / _STDERR).open("wb") as errors:
            if self._stopped:
                return False
            self._process = subprocess.Popen(
                self._command(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                # In a folder of its own no file of the user's can pass for a module.
                cwd=folder,
                env=_environment(folder),
            )
        return True

    def ends_within(self, limit_s: float) -> bool:
        """Waits for its end for so many seconds, and tells whether it came."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(limit_s)
            return True
        return False

    def kill(self) -> None:
        """Kills the child, and waits a little until it is gone."""
        if self._process is not None:
            self._process.kill()
            # A process that waits for a dead file system cannot even be killed.
            self.ends_within(_TO_DIE_S)

    def stop(self) -> None:
        """Kills the child at once, or keeps it from being started."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                # It may have ended by itself just now.
                with contextlib.suppress(OSError):
                    self._process.kill()

    def _command(self, folder: Path) -> list[str]:
        return [sys.executable, "-m", self._module, str(folder)]


def first_words(folder: Path) -> str:
    """Gives the beginning of what a child wrote to stderr."""
    with (folder / _STDERR).open(encoding="utf-8", errors="replace") as file:
        return file.read(_MOST_STDERR)


def last_words(folder: Path) -> str:
    """Gives the last line that a child wrote to stderr, or nothing."""
    said = (folder / _STDERR).read_text(encoding="utf-8", errors="replace")[-_MOST_STDERR:]
    return " ".join([line.strip() for line in said.splitlines() if line.strip()][-1:])


def _environment(folder: Path) -> dict[str, str]:
    """Gives ours, with this package, a font and no way to open files that a graph names."""
    path = os.pathsep.join(filter(None, [_PACKAGE_PARENT, os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONUTF8": "1",
        "FONTCONFIG_FILE": str(write_fontconfig(folder)),
        # Graphviz then opens no file that a graph names (its web server mode).
        "SERVER_NAME": "modelviz",
        "GV_FILE_PATH": str(folder),
    }
