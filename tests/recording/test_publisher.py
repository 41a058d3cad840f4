"""Showing a record in loggers: what, and what a logger that fails costs."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from modelviz_callbacks import ModelVizWarning
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.publisher import Publisher
from modelviz_callbacks.recording.record_book import RecordBook
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.visualizers.base import Data, Dot, Text
from modelviz_callbacks.visualizers.run import Result
from tests.conftest import read_manifest
from tests.graph.tracing import traced
from tests.models import digits


class Logger:
    """Keeps what it is shown; raises where a test says so."""

    def __init__(self, raises: str = "") -> None:
        self.shown: list[tuple[Any, ...]] = []
        self.raises = raises

    def _show(self, *what: Any) -> None:
        if what[0] == self.raises:
            raise ConnectionError("no route")
        self.shown.append(what)

    def text(self, tag: str, content: str, notes: tuple[str, ...]) -> None:
        self._show("text", tag, content, notes)

    def markdown(self, tag: str, content: str) -> None:
        assert content.startswith(("**", "- Record"))
        self._show("markdown", tag)

    def picture(self, tag: str, png: bytes) -> None:
        self._show("picture", tag, png[:4])

    def scalar(self, tag: str, value: float) -> None:
        self._show("scalar", tag, value)

    def graph(self, graph: ArchitectureGraph) -> None:
        self._show("graph", len(graph.nodes))

    def flush(self) -> None:
        self._show("flush")

    def kinds(self) -> list[str]:
        return [what[0] for what in self.shown]


def publisher(folder: Path, *loggers: Logger, **options: Any) -> Publisher:
    """Makes one of a record with a text, a graph to draw and data."""
    book = RecordBook(str(folder))
    book.open()
    book.update(totals={"parameters": 36, "trainable_parameters": 0, "flops_forward": None})
    book.add(Result("summary", "torchinfo", "", "ok", Text("a table", ("a note",))), "")
    book.add(Result("torchview", "torchview", "", "ok", Dot("digraph { a -> b }")), "")
    book.add(Result("graph", "architecture", "", "ok", Data("{}")), "")
    made = Publisher(book, Settings(**options), Containment("warn"))
    made.sinks = loggers
    return made


def draw(made: Publisher) -> None:
    made.start_drawing()
    assert made.wait(60)
    made.finish()


GRAPH = traced(nn.Linear(8, 4), digits())


def test_numbers_texts_and_the_graph_are_shown(tmp_path) -> None:
    """Zero is a number; what is not known is left out; data is no text."""
    logger = Logger()
    publisher(tmp_path, logger).publish(GRAPH)
    assert logger.shown == [
        ("scalar", "architecture/parameters", 36),
        ("scalar", "architecture/trainable_parameters", 0),
        ("markdown", "architecture/record"),
        ("text", "architecture/summary", "a table", ("a note",)),
        ("graph", len(GRAPH.nodes)),
        ("flush",),
    ]


@pytest.mark.parametrize("graph", [None, ArchitectureGraph(GRAPH.modules)])
def test_without_a_watched_step_there_is_no_graph(graph, tmp_path) -> None:
    """Modules alone are no graph."""
    logger = Logger()
    publisher(tmp_path, logger).publish(graph)
    assert "graph" not in logger.kinds()
    assert logger.kinds()[-1] == "flush"


@pytest.mark.parametrize("kind", ["scalar", "markdown", "text", "graph", "flush"])
def test_a_logger_that_fails_costs_only_what_it_would_show(kind, tmp_path) -> None:
    """One warning with its name; the next logger has everything."""
    broken, whole = Logger(kind), Logger()
    made = publisher(tmp_path, broken, whole)
    with pytest.warns(ModelVizWarning, match="publish to Logger") as caught:
        made.publish(GRAPH)
    assert len(caught) == 1
    assert whole.kinds() == ["scalar", "scalar", "markdown", "text", "graph", "flush"]


def test_pictures_are_shown_as_they_are_drawn(tmp_path) -> None:
    """And filed; a logger that fails there leaves the file."""
    broken, whole = Logger("picture"), Logger()
    made = publisher(tmp_path, broken, whole)
    with pytest.warns(ModelVizWarning, match="no route"):
        draw(made)
    assert whole.shown == [
        ("picture", "architecture/torchview", b"\x89PNG"),
        ("flush",),
        ("markdown", "architecture/pictures"),
        ("flush",),
    ]
    (manifest,) = tmp_path.rglob("manifest.json")
    entries = {a["name"]: a for a in read_manifest(manifest.parent)["artifacts"]}
    assert entries["torchview"]["status"] == "ok"
    assert set(entries["torchview"]["files"]) == {"torchview.gv", "torchview.svg", "torchview.png"}
    assert [(r["rung"], r["outcome"]) for r in entries["torchview"]["rungs"]] == [("full", "ok")]


def test_the_child_that_draws_our_own_diagram_is_given_the_graph(tmp_path) -> None:
    """So it can make simpler ones; the others have only their DOT."""
    book = RecordBook(str(tmp_path))
    for artifact in ("torchview", "autograd", "architecture"):
        book.add(Result(artifact, "any", "", "ok", Dot("digraph { a -> b }")), "")
    book.add(Result("graph", "architecture", "", "ok", Data("seen")), "")
    jobs = list(book.pending(("svg",), 2))
    assert [(job.kind, job.graph) for job in jobs] == [
        ("torchview", ""),
        ("autograd", ""),
        ("architecture", "seen"),
    ]
    assert {(job.dot, job.formats, job.depth) for job in jobs} == {
        ("digraph { a -> b }", ("svg",), 2)
    }


def test_each_sheet_of_a_picture_is_filed_and_shown_by_itself(tmp_path, monkeypatch) -> None:
    """Where one is not enough for text that can be read."""

    def drawn(_self: Drawing, job: DrawJob) -> Drawn:
        files = {"svg": b"<svg/>", "png": b"\x89PN1"}
        return Drawn(job, "ok", files, more_sheets=(b"\x89PN2", b"\x89PN3"))

    monkeypatch.setattr(Drawing, "_draw", drawn)
    logger = Logger()
    draw(publisher(tmp_path, logger))
    pictures = [what[1:] for what in logger.shown if what[0] == "picture"]
    assert pictures == [
        ("architecture/torchview", b"\x89PN1"),
        ("architecture/torchview-2", b"\x89PN2"),
        ("architecture/torchview-3", b"\x89PN3"),
    ]
    (manifest,) = tmp_path.rglob("manifest.json")
    entries = {a["name"]: a for a in read_manifest(manifest.parent)["artifacts"]}
    names = ["gv", "svg", "png"]
    assert entries["torchview"]["files"] == [
        *(f"torchview.{suffix}" for suffix in names),
        "torchview-2.png",
        "torchview-3.png",
    ]
    assert (manifest.parent / "torchview-3.png").read_bytes() == b"\x89PN3"


def test_an_svg_alone_is_not_shown(tmp_path) -> None:
    """Loggers show pixels, and are told how the drawing went."""
    logger = Logger()
    draw(publisher(tmp_path, logger, formats=("svg",)))
    assert logger.shown == [("markdown", "architecture/pictures"), ("flush",)]


def test_without_formats_nothing_is_drawn(tmp_path, monkeypatch) -> None:
    """The DOT source stays ok, not pending for ever."""

    def start(_self: Drawing) -> None:
        raise AssertionError("drew")

    monkeypatch.setattr(Drawing, "start", start)
    made = publisher(tmp_path, formats=())
    made.start_drawing()
    assert made.wait(0)
    assert {a.status for a in made._book.manifest.artifacts} == {"ok"}


def test_what_is_not_drawn_in_time_is_given_up(tmp_path, monkeypatch) -> None:
    """The manifest says so, and finishing again is fine."""
    monkeypatch.setattr(Drawing, "start", lambda _self: None)
    monkeypatch.setattr(Drawing, "wait", lambda _self, _timeout_s=None: False)
    monkeypatch.setattr(Drawing, "cancel", lambda _self: None)
    made = publisher(tmp_path, logger := Logger())
    made.start_drawing()
    entries = {a.name: a for a in made._book.manifest.artifacts}
    assert entries["torchview"].status == "pending"
    made.finish(0.5)
    made.finish()
    assert logger.shown == [("markdown", "architecture/pictures"), ("flush",)]
    entries = {a.name: a for a in made._book.manifest.artifacts}
    assert entries["torchview"].status == "failed"
    assert entries["torchview"].error == "not drawn within 0.5 s; the DOT is kept"
    assert entries["torchview"].files == ("torchview.gv",)
    assert entries["summary"].status == "ok"


@pytest.fixture
def waits(monkeypatch) -> list[float | None]:
    """What is waited for a drawing that never ends, in seconds."""
    waits: list[float | None] = []

    def wait(_self: Drawing, timeout_s: float | None = None) -> bool:
        waits.append(timeout_s)
        return False

    monkeypatch.setattr(Drawing, "start", lambda _self: None)
    monkeypatch.setattr(Drawing, "wait", wait)
    monkeypatch.setattr(Drawing, "cancel", lambda _self: None)
    return waits


@pytest.mark.parametrize(
    ("world_size", "error", "waited"),
    [(1, ValueError(), [60.0]), (2, ValueError(), []), (2, KeyboardInterrupt(), [0.0])],
)
def test_after_an_exception_no_other_rank_is_kept_waiting(
    world_size, error, waited, waits, tmp_path
) -> None:
    """Other ranks wait until this one is gone: it goes, and the drawing goes on until then."""
    made = publisher(tmp_path)
    made._book.update(environment={"world_size": world_size})
    made.start_drawing()
    made.finish_after(error)
    # After the drawing was given up, it is waited for its thread.
    assert waits[:1] == waited
    made.finish(0.0)


@pytest.mark.parametrize(
    ("world_size", "badly", "waited"),
    [(1, True, 60.0), (2, False, 60.0), (2, True, 0.0)],
)
def test_at_the_end_of_the_process_no_other_rank_is_kept_waiting(
    world_size, badly, waited, waits, tmp_path, monkeypatch
) -> None:
    """Where it ends badly, for then the other ranks are still there."""
    monkeypatch.setattr("modelviz_callbacks.recording.publisher.ends_by_exception", lambda: badly)
    made = publisher(tmp_path)
    made._book.update(environment={"world_size": world_size})
    made.start_drawing()
    made._process_ends()
    assert waits[0] == waited
    entries = {a.name: a for a in made._book.manifest.artifacts}
    within = f"within {waited:g} s" if waited else "before the process ended"
    assert entries["torchview"].error == f"not drawn {within}; the DOT is kept"


def test_a_logger_that_hangs_holds_up_nobody_for_long(tmp_path) -> None:
    """The end of a training waits a limited time, warns, and goes on."""
    released = threading.Event()

    class Hangs(Logger):
        def picture(self, tag: str, png: bytes) -> None:
            self.shown.append(("asked",))
            released.wait(60)

    made = publisher(tmp_path, logger := Hangs(), formats=("png",))
    made.start_drawing()
    while not logger.shown:
        time.sleep(0.01)
    started = time.perf_counter()
    with pytest.warns(ModelVizWarning, match="has not answered for 1 s"):
        made.finish(0.1)
    released.set()
    assert time.perf_counter() - started < 30


def test_waiting_without_a_drawing_is_over_at_once(tmp_path) -> None:
    """Nothing was to be drawn."""
    made = publisher(tmp_path)
    assert made.wait()
    made.finish()
