"""Drawing a record's graphs while the training goes on."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from modelviz_callbacks.draw.attempt import Attempt, Outcome
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.ladder import rungs_for

_LOG = logging.getLogger("modelviz_callbacks")
# Beyond the limits themselves: starting and ending the children.
_SLACK_S = 5.0


class Drawing:
    """Draws some graphs, one after another, each attempt in a child process.

    A thread waits for the children; it does no work of its own while the training runs.
    """

    def __init__(
        self,
        jobs: Sequence[DrawJob],
        timeout_s: float,
        on_drawn: Callable[[Drawn], None],
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepares the drawing; nothing is started.

        Args:
            jobs: What to draw, in order.
            timeout_s: Seconds that one graph may take, all attempts together.
            on_drawn: Called once for each graph, from the drawing's thread, also if it failed;
                not after `cancel()`.
            then: Called after the last graph, from the drawing's thread; not after `cancel()`.
        """
        self._jobs = tuple(jobs)
        self._timeout_s = timeout_s
        self._on_drawn = on_drawn
        self._then = then
        self._cancelled = threading.Event()
        self._attempt: Attempt | None = None
        # Not Thread.join(): when Ctrl+C comes in it, the thread counts as over in Python 3.11.
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelviz-drawing", daemon=True)

    def start(self) -> None:
        """Starts drawing and returns at once."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the end.

        Args:
            timeout_s: The longest wait in seconds; None waits as long as the drawing may take.

        Returns:
            Whether all drawing is over.
        """
        longest_s = (len(self._jobs) + 1) * (self._timeout_s + _SLACK_S)
        return self._over.wait(longest_s if timeout_s is None else timeout_s)

    def cancel(self) -> None:
        """Kills the child at work; graphs that are not drawn yet are not reported."""
        self._cancelled.set()
        attempt = self._attempt
        if attempt is not None:
            attempt.stop()

    def _run(self) -> None:
        try:
            self._draw_all()
        finally:
            self._over.set()

    def _draw_all(self) -> None:
        for job in self._jobs:
            drawn = self._draw(job)
            if self._cancelled.is_set():
                return
            try:
                self._on_drawn(drawn)
            except Exception:  # noqa: BLE001 - the next picture is drawn all the same
                _LOG.exception("a picture of %s was drawn but not filed", job.name)
        if self._cancelled.is_set():
            return
        try:
            self._then()
        except Exception:  # noqa: BLE001 - nobody is there to catch it
            _LOG.exception("what follows the drawing failed")

    def _draw(self, job: DrawJob) -> Drawn:
        started = time.perf_counter()
        outcome = Outcome(error="the drawing was cancelled")
        words = ""
        tried: list[dict[str, Any]] = []
        for rung in rungs_for(job):
            if self._cancelled.is_set():
                break
            begun = time.perf_counter()
            left_s = self._timeout_s - (begun - started)
            if left_s <= 0:
                break
            words = rung.words
            limit_s = min(left_s, rung.share * self._timeout_s)
            self._attempt = Attempt(job, rung, limit_s, left_s)
            outcome = self._attempt.run()
            tried.append(_told(rung.name, limit_s, _since(begun), outcome))
            # What is no matter of size will not go better in a simpler drawing.
            if outcome.files or not (outcome.timed_out or outcome.too_large):
                break
        error = outcome.error
        if outcome.timed_out:
            error = f"not drawn within {self._timeout_s:.3g} s"
        notes = (*_told_of(tried, words), *outcome.notes)
        if outcome.files and outcome.error is not None:
            notes = (*notes, f"not all pictures: {outcome.error}")
        return Drawn(
            job,
            status="ok" if outcome.files else "failed",
            files=outcome.files,
            notes=notes,
            error=None if outcome.files else error,
            seconds=_since(started),
            rungs=tuple(tried),
            more_sheets=outcome.more_sheets,
        )


def _since(started: float) -> float:
    return time.perf_counter() - started


def _told(rung: str, limit_s: float, seconds: float, outcome: Outcome) -> dict[str, Any]:
    if outcome.files:
        how = "ok"
    else:
        how = "timed out" if outcome.timed_out else f"failed: {outcome.error}"
    return {
        "rung": rung,
        "limit_s": round(limit_s, 3),
        "seconds": round(seconds, 3),
        "outcome": how,
    }


def _told_of(tried: Sequence[dict[str, Any]], words: str) -> tuple[str, ...]:
    """Says in words why a picture is simpler than it could be, or that there is none."""
    failed = ", ".join(_why(rung) for rung in tried if rung["outcome"] != "ok")
    if not failed:
        return ()
    if tried[-1]["outcome"] == "ok":
        return (f"simplified: drawn {words}, after {failed}",)
    return (f"no picture: {failed}",)


def _why(rung: dict[str, Any]) -> str:
    if rung["outcome"] == "timed out":
        return f"{rung['rung']}: not drawn within {rung['limit_s']:.3g} s"
    return f"{rung['rung']}: {rung['outcome']}"
