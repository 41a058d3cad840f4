"""The record's page: its material while pictures are drawn, and when it is made."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from modelviz_callbacks.draw.job import Drawn
from modelviz_callbacks.draw.page.material import PageMaterial
from modelviz_callbacks.draw.page.process import MadePage, PageProcess
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.record_book import RecordBook
from modelviz_callbacks.settings import Settings

# The most seconds for the diagrams of a page that is made before all pictures are there.
_EARLY_S = 10.0
# The most seconds for a page at the end of a run that has waited for its pictures in vain.
_LATE_S = 5.0
_OURS = "architecture"


class PageMaker:
    """Makes the page of one record, in a child process; on the drawing's thread.

    Pictures wait for it in a temporary folder, not in the memory of the training.
    """

    def __init__(self, book: RecordBook, settings: Settings, containment: Containment) -> None:
        """Has nothing yet."""
        self._book = book
        self._settings = settings
        self._containment = containment
        self._folder: TemporaryDirectory[str] | None = None
        self._material: PageMaterial | None = None
        self._process: PageProcess | None = None
        self._stopped = False

    def add(self, drawn: Drawn, *, more_to_come: bool) -> None:
        """Keeps a picture. With our own diagram a first page is made: others may take a minute.

        Args:
            drawn: What came of drawing it; it is in the record.
            more_to_come: Whether other pictures are still to be drawn.
        """
        svg = drawn.files.get("svg")
        if svg is not None:
            with self._containment.contained("keep a picture for the page"):
                self._keep(drawn, svg)
        if drawn.job.kind == _OURS and more_to_come:
            self._make(min(_EARLY_S, self._settings.draw_timeout_s / 4))

    def make(self) -> None:
        """Makes the page when all pictures are there."""
        self._make(self._settings.draw_timeout_s)

    def make_last(self, *, in_haste: bool) -> None:
        """Makes the page once more after the drawing was given up.

        Args:
            in_haste: Whether nobody waits for it; the record then says so, unless there is one.
        """
        self._stopped = False
        if in_haste:
            self._file(MadePage(error="not made before the process ended"), 0.0)
        else:
            self._make(0.0, _LATE_S)

    def stop(self) -> None:
        """Stops what is being made, and makes nothing more but a last page."""
        self._stopped = True
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """Removes the material."""
        folder, self._folder, self._material = self._folder, None, None
        if folder is not None:
            folder.cleanup()

    def _keep(self, drawn: Drawn, svg: bytes) -> None:
        material = self._opened()
        artifact = self._book.artifact_of(drawn)
        if drawn.job.kind != _OURS:
            material.add_picture(artifact.name, artifact.root, svg)
        elif drawn.rungs and drawn.rungs[-1]["rung"] == "full":
            # What was simplified may be of another depth than it says.
            material.add_diagram(drawn.job.depth, svg)

    def _make(self, limit_s: float, *together_s: float) -> None:
        started = time.perf_counter()
        with self._containment.contained("make the page"):
            material = self._opened()
            with self._containment.lock:
                content = self._book.page_content()
            material.complete(depth=self._settings.depth, limit_s=limit_s, **content)
            self._process = PageProcess(material.folder, limit_s, *together_s)
            if not self._stopped:
                made = self._process.run()
                self._file(made, time.perf_counter() - started)

    def _file(self, made: MadePage, seconds: float) -> None:
        with self._containment.contained("file the page"), self._containment.lock:
            self._book.add_page(made, seconds)
            self._book.save()

    def _opened(self) -> PageMaterial:
        if self._material is None:
            self._folder = TemporaryDirectory(prefix="modelviz-", ignore_cleanup_errors=True)
            self._material = PageMaterial(Path(self._folder.name))
        return self._material
