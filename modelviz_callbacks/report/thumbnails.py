"""A small picture for each architecture, of what its records hold."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing
from modelviz_callbacks.draw.thumbnails.process import paint_all
from modelviz_callbacks.errors import ModelVizError, RecordError
from modelviz_callbacks.graph.plain_text import many
from modelviz_callbacks.report.runs import Archive

MOST_THUMBNAILS = 60
_MOST_BYTES = 6 * 2**20
_PICTURE = LAYOUT.picture("", "architecture", "svg")
# Records of an architecture that are asked for a picture.
_MOST_ASKED = 3
_MOST_DRAWN = 10
_DRAW_S = 8.0
# What is kept for painting of the time for all.
_FOR_PAINTING = 0.5


@dataclass
class Thumbnails:
    """Small pictures.

    Attributes:
        pictures: PNG by the architecture's place.
        notes: What was left out, and why.
    """

    pictures: dict[int, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def make_thumbnails(archive: Archive, most: int, limit_s: float) -> Thumbnails:
    """Makes small pictures of the architectures, those of the newest runs first.

    Args:
        archive: The archive.
        most: For how many architectures.
        limit_s: Seconds for all of them.

    Returns:
        The pictures, in bounds of number, bytes and time.
    """
    made = Thumbnails()
    chosen = range(min(most, len(archive.architectures)))
    if not chosen:
        return made
    if len(chosen) < len(archive.architectures):
        without = len(archive.architectures) - len(chosen)
        made.notes.append(
            f"Pictures are of the {many(len(chosen), 'architecture')} with the newest runs; "
            f"there are none here of {without:,} more."
        )
    end = time.monotonic() + limit_s
    with tempfile.TemporaryDirectory(prefix="modelviz-", ignore_cleanup_errors=True) as folder:
        gathering = _Gathering(archive, Path(folder), end - _FOR_PAINTING * limit_s)
        missing = [at for at in chosen if not gathering.find(at)]
        failed = paint_all(Path(folder), end - time.monotonic())
        made.notes += _told(len(missing), failed, gathering.out_of_time)
        made.notes += _collect(Path(folder), made.pictures)
    return made


class _Gathering:
    """Puts the SVG of each architecture into a folder: one of a record, or one drawn anew."""

    def __init__(self, archive: Archive, folder: Path, end: float) -> None:
        self._archive = archive
        self._folder = folder
        self._end = end
        self._drawn = 0
        self.out_of_time = False

    def find(self, at: int) -> bool:
        if time.monotonic() > self._end:
            self.out_of_time = True
            return False
        runs = self._archive.architectures[at].runs[:_MOST_ASKED]
        records = [self._archive.runs[place] for place in runs]
        for svg in self._candidates(records):
            (self._folder / f"{at:06}.svg").write_text(svg, "utf-8", errors="backslashreplace")
            return True
        return False

    def _candidates(self, records: Sequence[FoundRecord]) -> Iterator[str]:
        for record in records:
            yield from _picture_of(record)
        yield from self._draw(records[0])

    def _draw(self, record: FoundRecord) -> Iterator[str]:
        if self._drawn >= _MOST_DRAWN:
            return
        self._drawn += 1
        try:
            graph = open_record(record.directory).graph()
            dot = architecture_dot(graph, 1, headed=False)[0]
        except (ModelVizError, RecursionError):
            return
        drawn: list[Drawn] = []
        drawing = Drawing([DrawJob("thumbnail", dot, ("svg",), depth=1)], _DRAW_S, drawn.append)
        drawing.start()
        try:
            drawing.wait()
        finally:
            drawing.cancel()
        for one in drawn:
            if "svg" in one.files:
                yield one.files["svg"].decode("utf-8")


def _picture_of(record: FoundRecord) -> Iterator[str]:
    try:
        opened = open_record(record.directory)
        if _PICTURE in opened.manifest.files:
            yield opened.read(_PICTURE).decode("utf-8")
    except (RecordError, UnicodeDecodeError):
        # It was drawn once and is not there now, or is too large: another one will do.
        return


def _told(missing: int, failed: dict[str, str], out_of_time: bool) -> Iterator[str]:  # noqa: FBT001
    if out_of_time:
        yield "There was no time to look for more pictures; choose a larger --time-limit."
    elif missing:
        have, their = ("has", "its") if missing == 1 else ("have", "their")
        what = many(missing, "architecture")
        yield f"{what} {have} no picture in {their} records that could be shown."
    if failed:
        example = next(iter(failed.values()))
        yield f"{many(len(failed), 'picture')} could not be made small: {example}"


def _collect(folder: Path, pictures: dict[int, bytes]) -> Iterator[str]:
    """Reads what was painted, as long as there is room."""
    room = _MOST_BYTES
    left_out = 0
    for file in sorted(folder.glob("*.png")):
        png = file.read_bytes()
        if len(png) > room:
            left_out += 1
            continue
        room -= len(png)
        pictures[int(file.stem)] = png
    if left_out:
        yield f"{many(left_out, 'more picture')} would make this page too large."
