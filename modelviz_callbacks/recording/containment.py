"""How failures of ours end, and how long we hold the training thread."""

import contextlib
import threading
import time
from collections.abc import Iterator

from modelviz_callbacks.errors import contained
from modelviz_callbacks.replay.user_modes import outside_user_modes


class Containment:
    """Runs our own work so that it neither stops the training nor is seen by the user's modes.

    Attributes:
        held_s: Seconds that the training thread was held, in all.
    """

    def __init__(self, on_error: str) -> None:
        """Makes warnings of failures, or lets them out if `on_error` is `"raise"`."""
        self.held_s = 0.0
        self.lock = threading.RLock()
        self._reraise = on_error == "raise"

    @contextlib.contextmanager
    def on_training_thread(self, task: str) -> Iterator[None]:
        """Runs its body contained, timed, under the lock and outside of the user's modes."""
        with self.watching(task), self.lock, outside_user_modes():
            yield

    @contextlib.contextmanager
    def locked(self, limit_s: float) -> Iterator[None]:
        """Runs its body under the lock, if that is to be had in time.

        Args:
            limit_s: The longest wait in seconds.

        Raises:
            TimeoutError: If another thread keeps the lock: a logger or a disk does not answer it.
        """
        if not self.lock.acquire(timeout=limit_s):
            raise TimeoutError(f"a logger or a disk has not answered for {limit_s:g} s")
        try:
            yield
        finally:
            self.lock.release()

    @contextlib.contextmanager
    def watching(self, task: str) -> Iterator[None]:
        """Runs its body contained and timed, among the user's modes."""
        started = time.perf_counter()
        try:
            with self.contained(task):
                yield
        finally:
            self.held_s += time.perf_counter() - started

    @contextlib.contextmanager
    def contained(self, task: str) -> Iterator[None]:
        """Turns what its body raises into a warning.

        Args:
            task: What could not be done then, like `"write the record"`.
        """
        with contained(task, reraise=self._reraise):
            yield

    def reraise_if_asked(self, error: Exception | None) -> None:
        """Lets a failure out that has become a result already, for debugging."""
        if error is not None and self._reraise:
            raise error
