"""Making the page in a process of its own, from a folder of material."""

import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.draw.attempt import child_environment

# The most seconds for starting, and for putting the page together, beyond the diagrams' limit.
_TOGETHER_S = 20.0
# The longest wait in seconds for a killed process.
_TO_DIE_S = 5.0


@dataclass(frozen=True)
class MadePage:
    """What came of making the page.

    Attributes:
        html: The page, or None.
        notes: What is missing in it.
        error: Why there is none, in one line.
    """

    html: bytes | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None


class PageProcess:
    """A child process that makes the page. It can be stopped from any thread."""

    def __init__(self, folder: Path, limit_s: float, together_s: float = _TOGETHER_S) -> None:
        """Prepares the process; nothing is started.

        Args:
            folder: The material, as `page_material` leaves it.
            limit_s: Seconds that its diagrams may take.
            together_s: Seconds that everything else may take.
        """
        self._folder = folder
        self._limit_s = limit_s + together_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def run(self) -> MadePage:
        """Makes the page, and waits for the end or the time limit."""
        try:
            if not self._start():
                return MadePage(error="the making of the page was cancelled")
            return self._end()
        except Exception as error:  # noqa: BLE001 - a missing interpreter, a full disk, …
            return MadePage(error=f"the process that makes the page could not run ({error})")

    def stop(self) -> None:
        """Kills the child at once, or keeps it from being started."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                # It may have ended by itself just now.
                with contextlib.suppress(OSError):
                    self._process.kill()

    def _start(self) -> bool:
        with self._lock, (self._folder / "stderr.txt").open("wb") as errors:
            if self._stopped:
                return False
            for left in ("index.html", "result.json"):
                (self._folder / left).unlink(missing_ok=True)
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._folder,
                env=child_environment(self._folder),
            )
        return True

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "modelviz_callbacks.draw.page.worker", str(self._folder)]

    def _end(self) -> MadePage:
        process = self._process
        if process is None:
            return MadePage(error="nothing was started")
        try:
            process.wait(self._limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_TO_DIE_S)
            return MadePage(error=f"the page was not made within {self._limit_s:.3g} s")
        page = self._folder / "index.html"
        if process.returncode == 0 and page.is_file():
            result = json.loads((self._folder / "result.json").read_text(encoding="utf-8"))
            return MadePage(page.read_bytes(), tuple(result["notes"]))
        return MadePage(error=self._how_it_died(process.returncode))

    def _how_it_died(self, code: int) -> str:
        if code < 0:
            return f"the process that makes the page was killed by signal {-code}"
        said = (self._folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")
        last = " ".join(said.strip().splitlines()[-1:])[:300]
        return f"the page could not be made: {last or f'status {code}'}"
