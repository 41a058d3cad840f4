"""Drawing beside the training: children, time limits, and their ends."""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from modelviz_callbacks.draw import attempt as attempt_module
from modelviz_callbacks.draw import supervisor as supervisor_module
from modelviz_callbacks.draw.attempt import Attempt, Outcome
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.ladder import RUNGS, rungs_for
from modelviz_callbacks.draw.supervisor import Drawing

CHAIN = "digraph { a -> b }"


def draw(
    dot: str = CHAIN, formats: tuple[str, ...] = ("svg", "png"), timeout_s: float = 30
) -> Drawn:
    drawn: list[Drawn] = []
    drawing = Drawing([DrawJob("a graph", dot, formats)], timeout_s, drawn.append)
    drawing.start()
    assert drawing.wait(60)
    return drawn[0]


@pytest.fixture
def sleeping_worker(monkeypatch):
    """Children that hang instead of drawing."""
    code = "import time; time.sleep(60)"
    start = attempt_module.subprocess.Popen
    started = []

    def popen(_command, **options):
        process = start([sys.executable, "-c", code], **options)
        started.append(process)
        return process

    monkeypatch.setattr(attempt_module.subprocess, "Popen", popen)
    return started


def test_a_graph_becomes_svg_and_png() -> None:
    """Both pictures come back as they are, without notes."""
    drawn = draw()
    assert (drawn.status, drawn.notes, drawn.error) == ("ok", (), None)
    assert drawn.files["svg"].startswith(b"<?xml")
    assert drawn.files["png"].startswith(b"\x89PNG")
    assert drawn.seconds > 0


def test_only_the_wanted_formats_are_made() -> None:
    """PNG is not painted for someone who wants SVG."""
    assert set(draw(formats=("svg",)).files) == {"svg"}


def test_a_png_may_use_the_time_that_is_left_once_there_is_an_svg(monkeypatch, tmp_path) -> None:
    """On a busy machine the picture comes late, not never."""
    code = (
        "import sys, time, pathlib; f = pathlib.Path(sys.argv[1]);"
        "(f / 'picture.svg').write_text('<svg/>'); time.sleep(1);"
        "(f / 'picture.png').write_text('png')"
    )
    start = attempt_module.subprocess.Popen
    monkeypatch.setattr(
        attempt_module.subprocess,
        "Popen",
        lambda command, **options: start([sys.executable, "-c", code, command[-1]], **options),
    )
    job = DrawJob("g", CHAIN, ("svg", "png"))
    assert set(Attempt(job, RUNGS[0], limit_s=0.5, longest_s=20).run().files) == {"svg", "png"}
    late = Attempt(job, RUNGS[0], limit_s=0.5).run()
    assert (set(late.files), late.timed_out) == ({"svg"}, True)


def test_start_does_not_wait() -> None:
    """Starting takes no time worth speaking of, however long the drawing takes."""
    drawing = Drawing([DrawJob("g", CHAIN, ("svg",))], 30, lambda _drawn: None)
    drawing.start()
    assert not drawing.wait(0)
    assert drawing.wait(30)


def test_invalid_dot_fails_with_a_reason_and_no_second_try() -> None:
    """A syntax error is told; simpler drawings are not tried in vain."""
    drawn = draw("digraph { a -> ")
    assert drawn.status == "failed"
    assert drawn.error
    assert len(drawn.notes) == 1


def test_a_hanging_child_is_killed_and_simpler_drawings_are_tried(sleeping_worker) -> None:
    """Each rung has its share of the time; then the graph is given up, and every child is dead."""
    drawn = draw(timeout_s=1.0)
    assert drawn.status == "failed"
    assert "not drawn within" in drawn.error
    # What came of nothing is not said to be drawn in a simpler way.
    assert [note.split(": not drawn")[0] for note in drawn.notes] == [
        "full drawing",
        "layout limits",
        "layout limits and straight lines",
    ]
    assert len(sleeping_worker) == len(RUNGS)
    assert all(process.poll() is not None for process in sleeping_worker)
    assert drawn.seconds < 10


def test_a_killed_child_costs_only_its_picture(sleeping_worker) -> None:
    """SIGKILL from outside is a failure with that reason; the next graph is drawn."""
    drawn: list[Drawn] = []
    drawing = Drawing([DrawJob(n, CHAIN, ("svg",)) for n in "ab"], 60, drawn.append)
    drawing.start()
    for count in (1, 2):
        while len(sleeping_worker) < count:
            time.sleep(0.01)
        os.kill(sleeping_worker[count - 1].pid, signal.SIGKILL)
    assert drawing.wait(30)
    assert [d.job.name for d in drawn] == ["a", "b"]
    assert all("killed by signal 9" in d.error for d in drawn)


def test_a_slow_full_drawing_ends_in_a_simpler_one_that_says_so(monkeypatch) -> None:
    """The first rung times out, the second draws, and the notes tell both."""
    outcomes = iter(
        [Outcome(error="not drawn within 1 s", timed_out=True), Outcome({"svg": b"<svg/>"})]
    )
    monkeypatch.setattr(supervisor_module.Attempt, "run", lambda _self: next(outcomes))
    drawn = draw(formats=("svg",))
    assert drawn.status == "ok"
    assert drawn.notes == ("full drawing: not drawn within 1 s", "drawn with layout limits")


def test_a_failing_png_keeps_the_svg(monkeypatch) -> None:
    """A picture that is there is never lost to one that is not."""
    outcome = Outcome({"svg": b"<svg/>"}, error="PanicException: too large")
    monkeypatch.setattr(supervisor_module.Attempt, "run", lambda _self: outcome)
    drawn = draw()
    assert drawn.status == "ok"
    assert set(drawn.files) == {"svg"}
    assert "too large" in drawn.notes[-1]


@pytest.mark.parametrize("executable", ["/nowhere/python", "", None])
def test_a_missing_interpreter_costs_only_the_picture(monkeypatch, executable) -> None:
    """An embedded Python has no executable: a reason, no exception."""
    monkeypatch.setattr(sys, "executable", executable)
    drawn = draw()
    assert drawn.status == "failed"
    assert "could not run" in drawn.error


def test_a_missing_engine_costs_only_the_picture(monkeypatch, tmp_path) -> None:
    """Without pygraphviz the reason names it."""
    (tmp_path / "pygraphviz.py").write_text("raise ImportError('no pygraphviz here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "no pygraphviz here" in draw().error


def test_files_in_the_users_folder_are_not_taken_for_modules(monkeypatch, tmp_path) -> None:
    """A json.py beside the training script does not end up in the child."""
    (tmp_path / "json.py").write_text("raise SystemExit('taken for a module')")
    monkeypatch.chdir(tmp_path)
    assert draw().status == "ok"


def test_cancelling_kills_the_child_and_reports_nothing(sleeping_worker) -> None:
    """After cancel() the thread ends at once and on_drawn is not called."""
    drawn: list[Drawn] = []
    drawing = Drawing([DrawJob("g", CHAIN, ("svg",))], 60, drawn.append)
    drawing.start()
    while not sleeping_worker:
        time.sleep(0.01)
    drawing.cancel()
    assert drawing.wait(10)
    assert drawn == []
    assert sleeping_worker[0].poll() is not None


def test_an_attempt_that_was_stopped_starts_no_child(sleeping_worker) -> None:
    """A stop that comes before the start wins."""
    attempt = Attempt(DrawJob("g", CHAIN, ("svg",)), RUNGS[0], 5)
    attempt.stop()
    assert "cancelled" in attempt.run().error
    assert sleeping_worker == []


def test_a_failing_callback_does_not_stop_the_next_picture(caplog) -> None:
    """on_drawn of one graph raises; the next one is drawn, and the log has the error."""
    names = []

    def on_drawn(drawn: Drawn) -> None:
        names.append(drawn.job.name)
        raise RuntimeError("disk full")

    drawing = Drawing([DrawJob(n, CHAIN, ("svg",)) for n in "ab"], 30, on_drawn)
    drawing.start()
    assert drawing.wait(60)
    assert names == ["a", "b"]
    assert "disk full" in caplog.text


def test_no_temporary_file_is_left(monkeypatch, tmp_path) -> None:
    """The child's folder goes with it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert draw().status == "ok"
    assert list(Path(tmp_path).iterdir()) == []


def test_a_very_large_graph_begins_with_straight_lines() -> None:
    """Time is not spent on curves that will not come; the note tells why."""
    edges = ";".join(f"a{i} -> a{i + 1}" for i in range(3_000))
    (rung,) = rungs_for(f"digraph {{ {edges} }}")
    assert rung.attributes["splines"] == "line"
    assert "large" in rung.simplified
    assert sum(rung.share for rung in RUNGS) == pytest.approx(1)


def test_the_drawing_thread_never_keeps_the_program_alive() -> None:
    """It is a daemon thread."""
    drawing = Drawing([], 1, lambda _drawn: None)
    drawing.start()
    assert drawing.wait(5)
    assert all(t.daemon for t in threading.enumerate() if t.name == "modelviz-drawing")
