"""How far a search for records is, on a terminal, and what was left out, at its end."""

import time
from types import TracebackType
from typing import TYPE_CHECKING

from modelviz_callbacks.archive.search import SearchProgress
from modelviz_callbacks.cli.output import console
from modelviz_callbacks.graph.plain_text import many

if TYPE_CHECKING:
    from rich.status import Status

# Nobody needs to be told of what is over in a moment, nor more often than can be read.
_PATIENCE_S = 1.0
_PAUSE_S = 0.2


class ShownProgress:
    """Shows the progress of `find_records` on stderr, where that is a terminal.

    Example:
        >>> with ShownProgress() as progress:
        ...     records = list(find_records(root, on_progress=progress))
    """

    def __init__(self) -> None:
        """Shows nothing yet."""
        self.last = SearchProgress()
        self._next_s = time.monotonic() + _PATIENCE_S
        self._status: Status | None = None

    def __enter__(self) -> "ShownProgress":
        """Begins."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Takes away what was shown."""
        if self._status is not None:
            self._status.stop()

    def __call__(self, progress: SearchProgress) -> None:
        """Takes how far the search is."""
        self.last = progress
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + _PAUSE_S
        text = f"{many(progress.folders, 'folder')}, {many(progress.records, 'record')}"
        if self._status is None:
            self._status = console(stderr=True).status(text)
            self._status.start()
        self._status.update(text)

    def left_out(self) -> list[str]:
        """Tells what was not searched, a line for each reason."""
        lines = []
        if self.last.linked:
            lines.append(
                f"{many(self.last.linked, 'folder')} not searched: links that lead elsewhere are "
                "not followed."
            )
        if self.last.unreadable:
            lines.append(f"{many(self.last.unreadable, 'folder')} could not be read.")
        return lines
