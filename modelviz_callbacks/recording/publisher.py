"""Showing a record in the loggers, and its pictures as they are drawn."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modelviz_callbacks.archive.layout import numbered
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing
from modelviz_callbacks.errors import is_interrupt
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.page_maker import PageMaker
from modelviz_callbacks.recording.process_end import (
    call_at_process_end,
    ends_by_exception,
    ends_by_interrupt,
)
from modelviz_callbacks.recording.record_book import RecordBook
from modelviz_callbacks.recording.record_text import pictures_text, record_text
from modelviz_callbacks.settings import Settings

if TYPE_CHECKING:
    from modelviz_callbacks.sinks.base import Sink

# The longest wait in seconds for what should be over at once.
_TO_END_S = 1.0
_SCALARS = ("parameters", "trainable_parameters", "flops_forward")


class Publisher:
    """Publishes one record; a logger that fails costs only what it would show."""

    def __init__(self, book: RecordBook, settings: Settings, containment: Containment) -> None:
        """Publishes `book` nowhere yet."""
        self.sinks: Sequence[Sink] = ()
        self._book = book
        self._settings = settings
        self._containment = containment
        self._drawing: Drawing | None = None
        self._last: DrawJob | None = None
        self._page = PageMaker(book, settings, containment)
        self._told = False
        self._forget_end: Callable[[], object] = lambda: None

    def publish(self, graph: ArchitectureGraph | None) -> None:
        """Shows texts, numbers and the graph.

        Args:
            graph: What was seen in the step, if it was watched.
        """
        totals, drift = self._book.manifest.totals, self._book.manifest.drift
        for sink in self.sinks:
            with self._containment.contained(f"publish to {type(sink).__name__}"):
                for name in _SCALARS:
                    if totals.get(name) is not None:
                        sink.scalar(self._book.tag(name), totals[name])
                self._tell_of_record(sink)
                for tag, content, notes in self._book.texts():
                    sink.text(tag, content, notes)
                if drift:
                    sink.text(self._book.tag("drift"), "\n".join(drift), ())
                if graph is not None and graph.nodes:
                    sink.graph(graph)
                sink.flush()

    def start_drawing(self) -> None:
        """Starts to draw the record's graphs and to make its page; the training does not wait."""
        formats = tuple(self._settings.formats)
        if not self._draws:
            return
        jobs = list(self._book.pending(formats, self._settings.depth))
        self._book.mark_pending()
        # The autograd graph of a large model takes a minute; the others are there in a second.
        jobs.sort(key=lambda job: len(job.dot))
        self._last = jobs[-1] if jobs else None
        self._drawing = Drawing(
            jobs, self._settings.draw_timeout_s, self._on_drawn, self._on_all_drawn
        )
        self._drawing.start()
        # A short script ends before its pictures are there.
        self._forget_end = call_at_process_end(self._process_ends)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the pictures.

        Args:
            timeout_s: The longest wait in seconds; None waits as long as the drawing may take.

        Returns:
            Whether all drawing is over.
        """
        return self._drawing is None or self._drawing.wait(timeout_s)

    def finish(self, timeout_s: float | None = None) -> None:
        """Waits for the pictures for a limited time, then does without them.

        Args:
            timeout_s: The longest wait in seconds; None stands for `draw_timeout_s`.
        """
        self._forget_end()
        limit_s = self._settings.draw_timeout_s if timeout_s is None else timeout_s
        if self._drawing is not None and not self.wait(limit_s):
            self._drawing.cancel()
            self._page.stop()
            self._drawing.wait(_TO_END_S)
            # A picture may be on its way to a logger that does not answer.
            give_up = self._containment.contained("give up the drawing")
            with give_up, self._containment.locked(_TO_END_S):
                within = f"within {limit_s:g} s" if limit_s else "before the process ended"
                self._book.give_up_pending(f"not drawn {within}; the DOT is kept")
                self._book.save()
                self._page.make_last(in_haste=not limit_s)
                self._tell_of_pictures()
        self._page.close()
        self._drawing = None

    def finish_after(self, error: BaseException) -> None:
        """Finishes after what a training raised; waits for nothing where somebody waits for it.

        Args:
            error: What it raised.
        """
        if is_interrupt(error):
            # Whoever interrupts a training does not want to wait for pictures.
            self.finish(0.0)
        elif not self._is_waited_for():
            self.finish()

    def _process_ends(self) -> None:
        waited_for = ends_by_interrupt() or (ends_by_exception() and self._is_waited_for())
        self.finish(0.0 if waited_for else None)

    def _is_waited_for(self) -> bool:
        # Other ranks wait until this process is gone; what it draws meanwhile is kept.
        return bool(self._book.manifest.environment.get("world_size", 1) > 1)

    def _on_drawn(self, drawn: Drawn) -> None:
        """Files one picture; runs on the drawing's thread."""
        with self._containment.contained("file a picture"), self._containment.lock:
            tag = self._book.add_drawn(drawn)
            self._book.save()
            if (png := drawn.files.get("png")) is not None:
                for sheet, content in enumerate((png, *drawn.more_sheets), start=1):
                    self._show(numbered(tag, sheet), content)
        self._page.add(drawn, more_to_come=drawn.job is not self._last)

    def _on_all_drawn(self) -> None:
        """Makes the page and tells how the pictures came out; runs on the drawing's thread."""
        self._page.make()
        with self._containment.contained("tell of the pictures"), self._containment.lock:
            self._tell_of_pictures()

    @property
    def _draws(self) -> bool:
        return bool(self._settings.formats) and self._book.has_anything

    def _tell_of_record(self, sink: "Sink") -> None:
        if (directory := self._book.directory) is not None:
            pictures = self._book.tag("pictures") if self._draws else None
            told = record_text(self._book.manifest, directory, pictures)
            sink.markdown(self._book.tag("record"), told)

    def _tell_of_pictures(self) -> None:
        """Tells once, when no picture is to come any more."""
        manifest, directory = self._book.manifest, self._book.directory
        drawing = any(artifact.status == "pending" for artifact in manifest.artifacts)
        if self._told or drawing or directory is None:
            return
        self._told = True
        for sink in self.sinks:
            with self._containment.contained(f"publish to {type(sink).__name__}"):
                sink.markdown(self._book.tag("pictures"), pictures_text(manifest, directory))
                sink.flush()

    def _show(self, tag: str, png: bytes) -> None:
        for sink in self.sinks:
            with self._containment.contained(f"publish to {type(sink).__name__}"):
                sink.picture(tag, png)
                sink.flush()
