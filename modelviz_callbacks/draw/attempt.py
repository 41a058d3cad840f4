"""One attempt at a picture: a child process, its folder, its end."""

import itertools
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from modelviz_callbacks.draw.child import Child, first_words, last_words
from modelviz_callbacks.draw.job import DrawJob
from modelviz_callbacks.draw.ladder import Rung


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
        self._child = Child("modelviz_callbacks.draw.worker")

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
        self._child.stop()

    def _run_in(self, folder: Path) -> Outcome:
        content = {
            "job": asdict(self._job),
            "detail": self._rung.detail,
            "attributes": dict(self._rung.attributes),
            "limit_s": self._longest_s,
        }
        (folder / "job.json").write_text(json.dumps(content), encoding="utf-8")
        if not self._child.start(folder):
            return Outcome(error="the drawing was cancelled")
        return self._collect(folder, timed_out=self._is_over_time(folder))

    def _is_over_time(self, folder: Path) -> bool:
        if self._child.ends_within(self._limit_s):
            return False
        # On a busy machine the layout may just have been done: it is not thrown away.
        left_s = self._longest_s - self._limit_s
        if (folder / "picture.svg").is_file() and self._child.ends_within(left_s):
            return False
        self._child.kill()
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
        said = _graphviz_errors(folder)
        if said and error is not None:
            error = f"{error}: {said}"
        elif said:
            notes = (*notes, f"Graphviz reported: {said}")
        if timed_out:
            error = f"not drawn within {self._limit_s:.3g} s"
        elif error is None and set(files) != set(self._job.formats):
            error, too_large = self._how_it_died(folder)
        return Outcome(files, pages, notes, error, timed_out, too_large)

    def _how_it_died(self, folder: Path) -> tuple[str, bool]:
        """Gives a reason, and whether it is one of memory."""
        code, said = self._child.code, last_words(folder)
        if code is not None and code < 0:
            # Out of memory, or of stack in a deep recursion: nobody else kills it.
            return f"the drawing process was killed by signal {-code}", True
        error = f"the drawing process ended with status {code}: {said or 'no message'}"
        return error, "memory" in said


def _graphviz_errors(folder: Path) -> str:
    lines = first_words(folder).splitlines()
    return " ".join(line for line in lines if line.startswith("Error:"))[:300]


def _result(folder: Path) -> tuple[tuple[str, ...], str | None]:
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the child did not come so far
        return (), None
    error = result["error"]
    return tuple(result["notes"]), None if error is None else " ".join(str(error).split())[:300]
