"""One attempt at a picture: a child process, its folder, its end."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import modelviz_callbacks
from modelviz_callbacks.draw.fonts import write_fontconfig
from modelviz_callbacks.draw.job import DrawJob
from modelviz_callbacks.draw.ladder import Rung

_PACKAGE_PARENT = str(Path(str(modelviz_callbacks.__file__)).parent.parent)
_MOST_STDERR = 2_000
# The longest wait in seconds for a killed process.
_TO_DIE_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """What an attempt left.

    Attributes:
        files: Content of each picture by format.
        more_sheets: Content of the PNG sheets after the first.
        notes: What was simplified or scaled.
        error: What went wrong, in one line; pictures made before it are there all the same.
        timed_out: Whether it was stopped at its time limit.
        too_large: Whether it had no memory left, or was killed as if it had none.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    more_sheets: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    timed_out: bool = False
    too_large: bool = False


class Attempt:
    """A child process that draws one graph in one way. It can be stopped from any thread."""

    def __init__(
        self,
        job: DrawJob,
        rung: Rung,
        limit_s: float,
        longest_s: float | None = None,
    ) -> None:
        """Prepares the attempt; nothing is started.

        Args:
            job: What to draw.
            rung: In which way.
            limit_s: Seconds until there must be an SVG.
            longest_s: Seconds until all must be done once there is one; by default the same.
        """
        self._job = job
        self._rung = rung
        self._limit_s = limit_s
        self._longest_s = limit_s if longest_s is None else longest_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def run(self) -> Outcome:
        """Draws, and waits for the end or the time limit.

        Returns:
            What was left, whatever happened to the child.
        """
        try:
            with tempfile.TemporaryDirectory(
                prefix="modelviz-", ignore_cleanup_errors=True
            ) as folder:
                return self._run_in(Path(folder))
        except Exception as error:  # noqa: BLE001 - a missing interpreter, a full disk, …
            return Outcome(error=f"the drawing process could not run ({error})")

    def stop(self) -> None:
        """Kills the child at once, or keeps it from being started."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                # It may have ended by itself just now.
                with contextlib.suppress(OSError):
                    self._process.kill()

    def _run_in(self, folder: Path) -> Outcome:
        content = {
            "job": asdict(self._job),
            "detail": self._rung.detail,
            "attributes": dict(self._rung.attributes),
            "limit_s": self._longest_s,
        }
        (folder / "job.json").write_text(json.dumps(content), encoding="utf-8")
        with (folder / "stderr.txt").open("wb") as errors:
            if not self._start(folder, errors.fileno()):
                return Outcome(error="the drawing was cancelled")
            timed_out = self._wait(folder)
        return self._collect(folder, timed_out=timed_out)

    def _start(self, folder: Path, errors: int) -> bool:
        with self._lock:
            if self._stopped:
                return False
            self._process = subprocess.Popen(
                [sys.executable, "-m", "modelviz_callbacks.draw.worker", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                # In a folder of its own no file of the user's can pass for a module.
                cwd=folder,
                env=child_environment(folder),
            )
        return True

    def _wait(self, folder: Path) -> bool:
        process = self._process
        if process is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self._limit_s)
            return False
        # On a busy machine the layout may just have been done: it is not thrown away.
        if (folder / "picture.svg").is_file():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._longest_s - self._limit_s)
                return False
        process.kill()
        # A process that waits for a dead file system cannot even be killed.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TO_DIE_S)
        return True

    def _collect(self, folder: Path, *, timed_out: bool) -> Outcome:
        files = {
            suffix: file.read_bytes()
            for suffix in self._job.formats
            if (file := folder / f"picture.{suffix}").is_file()
        }
        # They are written in order, each as a whole.
        names = (f"picture-{number}.png" for number in itertools.count(2))
        more = itertools.takewhile(Path.is_file, (folder / name for name in names))
        pages = tuple(file.read_bytes() for file in more)
        notes, error = _result(folder)
        too_large = error is not None and error.startswith(MemoryError.__name__)
        said = self._graphviz_errors(folder)
        if said and error is not None:
            error = f"{error}: {said}"
        elif said:
            notes = (*notes, f"Graphviz reported: {said}")
        if timed_out:
            error = f"not drawn within {self._limit_s:.3g} s"
        elif error is None and set(files) != set(self._job.formats):
            error, too_large = self._how_it_died(folder)
        return Outcome(files, pages, notes, error, timed_out, too_large)

    def _graphviz_errors(self, folder: Path) -> str:
        with (folder / "stderr.txt").open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_STDERR).splitlines()
        return " ".join(line for line in lines if line.startswith("Error:"))[:300]

    def _how_it_died(self, folder: Path) -> tuple[str, bool]:
        """Gives a reason, and whether it is one of memory."""
        code = self._process.returncode if self._process is not None else None
        if code is not None and code < 0:
            # Out of memory, or of stack in a deep recursion: nobody else kills it.
            return f"the drawing process was killed by signal {-code}", True
        said = (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")
        last = [line.strip() for line in said[-_MOST_STDERR:].splitlines() if line.strip()][-1:]
        error = f"the drawing process ended with status {code}: {' '.join(last) or 'no message'}"
        return error, "memory" in said


def child_environment(folder: Path) -> dict[str, str]:
    """Gives the environment of a child process that draws.

    Args:
        folder: Its own folder, for what it leaves behind.

    Returns:
        Ours, with this package, a font and no way to open files that a graph names.
    """
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


def _result(folder: Path) -> tuple[tuple[str, ...], str | None]:
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the child did not come so far
        return (), None
    error = result["error"]
    return tuple(result["notes"]), None if error is None else " ".join(str(error).split())[:300]
