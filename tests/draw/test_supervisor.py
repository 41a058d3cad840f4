"""Drawing beside the training: children, time limits, and their ends."""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from modelviz_callbacks.draw import child as child_module
from modelviz_callbacks.draw import supervisor as supervisor_module
from modelviz_callbacks.draw.attempt import Attempt, Outcome
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.ladder import RUNGS
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
    start = child_module.subprocess.Popen
    started = []

    def popen(_command, **options):
        process = start([sys.executable, "-c", code], **options)
        started.append(process)
        return process

    monkeypatch.setattr(child_module.subprocess, "Popen", popen)
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


def test_a_png_may_use_the_time_that_is_left_once_there_is_an_svg(monkeypatch) -> None:
    """On a busy machine the picture comes late, not never."""
    code = (
        "import sys, time, pathlib; f = pathlib.Path(sys.argv[1]);"
        "(f / 'picture.svg').write_text('<svg/>'); time.sleep(1);"
        "(f / 'picture.png').write_text('png')"
    )
    _run_instead(code, monkeypatch)
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
    assert "syntax error" in drawn.error
    (rung,) = drawn.rungs
    assert (rung["rung"], rung["outcome"]) == ("full", f"failed: {drawn.error}")


def test_a_hanging_child_is_killed_and_simpler_drawings_are_tried(sleeping_worker) -> None:
    """Each rung has its share of the time; then the graph is given up, and every child is dead."""
    drawn = draw(timeout_s=1.0)
    assert drawn.status == "failed"
    assert "not drawn within" in drawn.error
    # Neither a lower depth nor folded parts can be made of this graph.
    names = ["full", "layout limits", "straight lines"]
    assert [rung["rung"] for rung in drawn.rungs] == names
    assert {rung["outcome"] for rung in drawn.rungs} == {"timed out"}
    assert sum(rung["limit_s"] for rung in drawn.rungs) <= 1.001
    assert all(0 < rung["seconds"] - rung["limit_s"] < 3 for rung in drawn.rungs)
    # What came of nothing is not said to be drawn in a simpler way.
    assert [note.startswith("no picture: full: not drawn within") for note in drawn.notes] == [True]
    assert len(sleeping_worker) == len(names)
    assert all(process.poll() is not None for process in sleeping_worker)
    assert drawn.seconds < 10


def test_a_killed_child_is_taken_for_one_without_memory(sleeping_worker) -> None:
    """SIGKILL is what a system without memory sends: a simpler drawing is tried, and told."""
    drawn: list[Drawn] = []
    drawing = Drawing([DrawJob(n, CHAIN, ("svg",)) for n in "ab"], 60, drawn.append)
    drawing.start()
    for count in range(1, 7):
        while len(sleeping_worker) < count:
            assert not drawing.wait(0.01)
        os.kill(sleeping_worker[count - 1].pid, signal.SIGKILL)
    assert drawing.wait(30)
    assert [d.job.name for d in drawn] == ["a", "b"]
    assert all("killed by signal 9" in d.error for d in drawn)
    assert {rung["outcome"] for rung in drawn[0].rungs} == {
        "failed: the drawing process was killed by signal 9"
    }


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(error="not drawn within 1 s", timed_out=True),
        Outcome(error="MemoryError: ", too_large=True),
    ],
    ids=["no time", "no memory"],
)
def test_a_drawing_that_is_too_large_ends_in_a_simpler_one_that_says_so(
    outcome, monkeypatch
) -> None:
    """The first rung has too little time or memory, the second draws, and the notes tell both."""
    drawing_too = Outcome({"svg": b"<svg/>"}, notes=("PNG scaled",))
    outcomes = iter([outcome, drawing_too])
    monkeypatch.setattr(supervisor_module.Attempt, "run", lambda _self: next(outcomes))
    drawn = draw(formats=("svg",))
    assert drawn.status == "ok"
    assert [rung["rung"] for rung in drawn.rungs] == ["full", "layout limits"]
    assert drawn.rungs[1]["outcome"] == "ok"
    simplified, scaled = drawn.notes
    assert simplified.startswith("simplified: drawn with limits on the layout, after full: ")
    assert scaled == "PNG scaled"


@pytest.mark.parametrize("code", ["raise MemoryError", "bytearray(16 * 1024**3)"])
def test_a_child_without_memory_is_known(code, monkeypatch) -> None:
    """Whether Python says so, or the limit of the child itself."""
    child = (
        "import sys, pathlib\n"
        "from modelviz_callbacks.draw import worker\n"
        f"def layout(*_): {code}\n"
        "worker.layout = layout\n"
        "sys.exit(worker.main(pathlib.Path(sys.argv[1])))"
    )
    _run_instead(child, monkeypatch)
    outcome = Attempt(DrawJob("g", CHAIN, ("svg",)), RUNGS[0], 20).run()
    assert (outcome.too_large, outcome.timed_out, dict(outcome.files)) == (True, False, {})


def test_what_was_simplified_is_told_even_if_the_painting_is_killed(monkeypatch) -> None:
    """The SVG is kept then, and so is what is to be said of it."""
    child = (
        "import os, sys, pathlib\n"
        "from modelviz_callbacks.draw import worker\n"
        "worker.source = lambda job, detail: (job.dot, ('folded',))\n"
        "worker.rasterize = lambda svg: os.abort()\n"
        "worker.main(pathlib.Path(sys.argv[1]))"
    )
    _run_instead(child, monkeypatch)
    outcome = Attempt(DrawJob("g", CHAIN, ("svg", "png")), RUNGS[0], 20).run()
    assert set(outcome.files) == {"svg"}
    assert outcome.notes == ("folded",)
    assert "killed by signal 6" in outcome.error


def _run_instead(code: str, monkeypatch) -> None:
    """Has the child run something else."""
    start = child_module.subprocess.Popen
    monkeypatch.setattr(
        child_module.subprocess,
        "Popen",
        lambda command, **options: start([sys.executable, "-c", code, command[-1]], **options),
    )


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


def test_the_drawing_thread_never_keeps_the_program_alive() -> None:
    """It is a daemon thread."""
    drawing = Drawing([], 1, lambda _drawn: None)
    drawing.start()
    assert drawing.wait(5)
    assert all(t.daemon for t in threading.enumerate() if t.name == "modelviz-drawing")


def test_a_time_limit_that_is_over_ends_the_ladder() -> None:
    """No rung has less than no time, and the reason names the user's own limit."""
    drawn = draw(timeout_s=0.001)
    assert drawn.error == "not drawn within 0.001 s"
    assert all(rung["limit_s"] >= 0 for rung in drawn.rungs)
    assert len(drawn.rungs) < len(RUNGS)
