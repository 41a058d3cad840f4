"""The records of the logdirs, kept up to date in the background: no request waits for a search."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelviz_callbacks.errors import one_line
from modelviz_callbacks.tensorboard_plugin.found import LogdirRecord
from modelviz_callbacks.tensorboard_plugin.log_roots import LogRoot
from modelviz_callbacks.tensorboard_plugin.search import Search

_LOG = logging.getLogger("modelviz_callbacks")
# A search may take this share of the time, and is not begun again within so many seconds.
_SHARE = 0.2
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Snapshot:
    """What is known at one moment.

    Attributes:
        records: By id.
        notes: What was not searched, and why.
        searching: Whether more may be found.
    """

    records: Mapping[str, LogdirRecord]
    notes: tuple[str, ...]
    searching: bool


class Catalogue:
    """Searches when it is asked and what it knows is old."""

    def __init__(self, roots: Iterable[LogRoot]) -> None:
        """Prepares to search `roots`; nothing is read yet."""
        self._search = Search(roots)
        self._lock = threading.Lock()
        self._records: dict[str, LogdirRecord] = {}
        self._notes: tuple[str, ...] = ()
        self._over: threading.Event | None = None
        self._next_s = 0.0

    def snapshot(self, wait_s: float) -> Snapshot:
        """Gives what is known, searching again if that is old.

        Args:
            wait_s: How long to wait for the search's end.
        """
        with self._lock:
            if self._over is None and time.monotonic() >= self._next_s:
                self._over = threading.Event()
                threading.Thread(
                    target=self._run, args=(self._over,), name="modelviz-search", daemon=True
                ).start()
            over = self._over
        if over is not None:
            over.wait(wait_s)
        with self._lock:
            return Snapshot(dict(self._records), self._notes, self._over is not None)

    def find(self, record_id: str, wait_s: float) -> LogdirRecord | None:
        """Gives a record by its id, also right after TensorBoard has started."""
        with self._lock:
            record = self._records.get(record_id)
        return record or self.snapshot(wait_s).records.get(record_id)

    def _run(self, over: threading.Event) -> None:
        started_s = time.monotonic()
        found: dict[str, LogdirRecord] = {}

        def add(record: LogdirRecord) -> None:
            with self._lock:
                found[record.id] = self._records[record.id] = record

        try:
            notes = self._search.run(add)
        except Exception as error:  # noqa: BLE001 - TensorBoard goes on, whatever it is
            _LOG.exception("the logdir could not be searched for records")
            notes = (f"The logdir could not be searched to its end: {one_line(error)}.",)
        ended_s = time.monotonic()
        with self._lock:
            self._records, self._notes, self._over = found, notes, None
            self._next_s = ended_s + max(_PAUSE_S, (ended_s - started_s) / _SHARE)
        over.set()
