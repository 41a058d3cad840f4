"""Making the page in a process of its own, from a folder of material."""

import json
from dataclasses import dataclass
from pathlib import Path

from modelviz_callbacks.draw.child import Child, last_words

# The most seconds for starting, and for putting the page together, beyond the diagrams' limit.
_TOGETHER_S = 20.0


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
        self._child = Child("modelviz_callbacks.draw.page.worker")

    def run(self) -> MadePage:
        """Makes the page, and waits for the end or the time limit."""
        try:
            for left in ("index.html", "result.json"):
                (self._folder / left).unlink(missing_ok=True)
            if not self._child.start(self._folder):
                return MadePage(error="the making of the page was cancelled")
            return self._end()
        except Exception as error:  # noqa: BLE001 - a missing interpreter, a full disk, …
            return MadePage(error=f"the process that makes the page could not run ({error})")

    def stop(self) -> None:
        """Kills the child at once, or keeps it from being started."""
        self._child.stop()

    def _end(self) -> MadePage:
        if not self._child.ends_within(self._limit_s):
            self._child.kill()
            return MadePage(error=f"the page was not made within {self._limit_s:.3g} s")
        page = self._folder / "index.html"
        if self._child.code == 0 and page.is_file():
            result = json.loads((self._folder / "result.json").read_text(encoding="utf-8"))
            return MadePage(page.read_bytes(), tuple(result["notes"]))
        return MadePage(error=self._how_it_died(self._child.code))

    def _how_it_died(self, code: int | None) -> str:
        if code is not None and code < 0:
            return f"the process that makes the page was killed by signal {-code}"
        said = last_words(self._folder)[:300]
        return f"the page could not be made: {said or f'status {code}'}"
