"""`modelviz draw`: which pictures, where they go, and what is never touched."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import modelviz_callbacks
from modelviz_callbacks.cli import draw_command, drawing
from modelviz_callbacks.cli.main import main
from modelviz_callbacks.draw.child import Child
from modelviz_callbacks.draw.job import Drawn
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph_drafts import residual_stack
from tests.written_records import files_in, small_graph, write_record

SLEEP = "import time; time.sleep(60)"
STARTS = {"svg": b"<?xml", "pdf": b"%PDF-", "png": b"\x89PNG"}


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run with a record; one stands in another folder."""
    run = tmp_path / "exp1"
    write_record(run, residual_stack(3)[0].build())
    elsewhere = tmp_path / "here"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return run


@pytest.fixture
def quick(monkeypatch):
    """Pictures that are not really drawn, with as many sheets as wanted; gives the jobs."""
    jobs = []

    def waited_for(job, timeout_s):
        jobs.append((job, timeout_s))
        files = {suffix: STARTS[suffix] for suffix in job.formats}
        more = (b"two", b"three") if "png" in files else ()
        return Drawn(job, "ok", files, more_sheets=more)

    monkeypatch.setattr(drawing, "_waited_for", waited_for)
    return jobs


def test_every_format_is_drawn_without_torch(run) -> None:
    """As files beside where one stands, named by the run; their paths are what is printed."""
    script = (
        "import sys; from modelviz_callbacks.cli.main import main;"
        f"code = main(['draw', {str(run)!r}, '--depth', '2', '--format', 'svg,pdf,png']);"
        "sys.exit(code or 7 * bool({'torch', 'lightning'} & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(modelviz_callbacks.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, env=env)
    assert (done.returncode, done.stdout.split()) == (
        0,
        [b"exp1-depth2.svg", b"exp1-depth2.pdf", b"exp1-depth2.png"],
    ), done.stderr
    assert b"3 \xc3\x97 Block blocks.0" in done.stderr
    written = {name.rpartition(".")[2]: content for name, content in files_in(Path()).items()}
    assert written.keys() == STARTS.keys()
    assert all(written[suffix].startswith(start) for suffix, start in STARTS.items())


def test_a_png_is_light_and_an_svg_follows_the_system(run) -> None:
    """Wherever the PNG is shown."""
    assert main(["draw", str(run), "--format", "svg,png", "-o", "net"]) == 0
    assert b"prefers-color-scheme: dark" in Path("net.svg").read_bytes()
    corner = Image.open(io.BytesIO(Path("net.png").read_bytes())).convert("RGB").getpixel((1, 1))
    assert corner == (255, 255, 255)


@pytest.mark.parametrize(
    ("given", "files"),
    [
        ([], ["exp1-depth3.svg"]),
        (["-o", "net.pdf"], ["net.pdf"]),
        (["-o", "net.v2", "--format", "pdf"], ["net.v2.pdf"]),
        (["-o", "net.svg", "--format", "pdf,svg"], ["net.pdf", "net.svg"]),
        (["-o", "out/", "--depth", "1"], ["out/exp1-depth1.svg"]),
        (["-o", "net.png"], ["net.png", "net-2.png", "net-3.png"]),
    ],
)
def test_names_are_the_users_or_made_of_the_runs(given, files, run, quick, capsys) -> None:
    """A format may be told by the ending alone; a large PNG goes on in further files."""
    Path("out").mkdir()
    assert main(["draw", str(run), *given]) == 0
    assert capsys.readouterr().out.split() == files
    assert all(Path(file).is_file() for file in files)


def test_later_records_of_a_run_have_other_names(run, quick, capsys) -> None:
    """Else one would stand in the other's place."""
    (run / "architecture").rename(run / "architecture-2")
    assert main(["draw", str(run / "architecture-2")]) == 0
    assert capsys.readouterr().out == "exp1-architecture-2-depth3.svg\n"


def test_a_file_that_nobody_named_is_not_replaced(run, quick, capsys) -> None:
    """Two runs may have the same name; what the user names is replaced, as by any command."""
    Path("exp1-depth3.svg").write_text("mine")
    assert main(["draw", str(run)]) == 2
    assert "--force" in capsys.readouterr().err
    assert (quick, Path("exp1-depth3.svg").read_text()) == ([], "mine")
    assert main(["draw", str(run), "--force"]) == 0
    assert Path("exp1-depth3.svg").read_bytes() == STARTS["svg"]
    assert main(["draw", str(run), "-o", "exp1-depth3.svg"]) == 0


def test_a_later_sheet_does_not_replace_a_file_either(run, quick) -> None:
    """And then nothing is written at all."""
    Path("exp1-depth3-2.png").write_text("mine")
    assert main(["draw", str(run), "--format", "png"]) == 2
    assert files_in(Path()) == {"exp1-depth3-2.png": b"mine"}


@pytest.mark.parametrize("inside", [".", "errors"])
@pytest.mark.parametrize("more", [[], ["--force"], ["-o", "architecture.svg"]])
def test_nothing_is_written_into_a_record(inside, more, run, quick, monkeypatch, capsys) -> None:
    """It is evidence, also where one stands in it and asks for it."""
    record = run / "architecture"
    (record / "errors").mkdir()
    (record / "architecture.svg").write_text("as it was recorded")
    before = files_in(record)
    monkeypatch.chdir(record / inside)
    assert main(["draw", str(run), *more]) == 2
    assert "stays as it was recorded" in capsys.readouterr().err
    assert (quick, files_in(record), files_in(record / "errors")) == ([], before, {})


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("no/such/net.svg", "there is no such folder"),
        ("/dev/null", "no regular file"),
        ("s3://bucket/net.svg", "a path on this machine"),
        ("", "a path on this machine"),
        ("net.png", "--format says svg"),
        ("x" * 300 + ".svg", "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_is_said_before_anything_is_drawn(
    output, reason, run, quick, capsys
) -> None:
    """In one line; a device stays a device."""
    assert main(["draw", str(run), "--format", "svg", "-o", output]) == 2
    said = capsys.readouterr()
    assert reason in said.err
    assert said.err.count("\n") == 1
    assert (said.out, quick, files_in(Path())) == ("", [], {})


def test_a_write_that_fails_is_an_error_and_leaves_what_was_there(
    run, quick, monkeypatch, capsys
) -> None:
    """No half picture."""

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    Path("net.svg").write_text("old")
    monkeypatch.setattr(os, "replace", full)
    assert main(["draw", str(run), "-o", "net.svg"]) == 2
    assert "No space left" in capsys.readouterr().err
    assert files_in(Path()) == {"net.svg": b"old"}


def test_a_format_that_is_not_drawn_is_said(run, quick, capsys) -> None:
    """Nobody is served by `net.gif.svg`; an ending that is none belongs to the name."""
    assert main(["draw", str(run), "-o", "net.gif"]) == 2
    assert "only svg, pdf, png can be drawn" in capsys.readouterr().err
    assert main(["draw", str(run), "-o", "net.v2"]) == 0
    assert Path("net.v2.svg").exists()


def test_one_picture_goes_to_stdout(run, capfdbinary) -> None:
    """As it is, with all that is to be said on stderr."""
    assert main(["draw", str(run), "--format", "pdf", "-o", "-"]) == 0
    said = capfdbinary.readouterr()
    assert said.out.startswith(b"%PDF-")
    assert b"note: " in said.err
    assert files_in(Path()) == {}


def test_stdout_holds_one_picture(run, quick, capsys) -> None:
    """Neither several formats nor several sheets."""
    assert main(["draw", str(run), "--format", "svg,pdf", "-o", "-"]) == 2
    assert main(["draw", str(run), "--format", "png", "-o", "-"]) == 2
    said = capsys.readouterr()
    assert "one format" in said.err
    assert "3 sheets" in said.err
    assert said.out == ""


def test_a_terminal_is_sent_no_binary(run, quick, monkeypatch, capsys) -> None:
    """It would be garbled."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["draw", str(run), "--format", "pdf", "-o", "-"]) == 2
    assert "terminal" in capsys.readouterr().err


def test_without_typst_a_pdf_is_refused_early(run, quick, monkeypatch, capsys) -> None:
    """With the command that installs it; other formats are drawn."""
    monkeypatch.setattr(draw_command, "find_spec", lambda _name: None)
    assert main(["draw", str(run), "--format", "svg,pdf"]) == 2
    assert 'pip install "modelviz-callbacks[pdf]"' in capsys.readouterr().err
    assert quick == []
    assert main(["draw", str(run), "--format", "svg"]) == 0


def test_a_drawing_that_fails_is_an_error_with_its_reason(run, capsys) -> None:
    """And what was tried is told."""
    assert main(["draw", str(run), "--timeout", "0.01"]) == 2
    assert "not drawn within 0.01 s" in capsys.readouterr().err
    assert files_in(Path()) == {}


def test_a_missing_format_is_an_error_and_the_others_are_kept(run, monkeypatch, capsys) -> None:
    """The reason is told."""

    def waited_for(job, _timeout_s):
        return Drawn(job, "ok", {"svg": b"<svg/>"}, ("not all pictures: ValueError: no",))

    monkeypatch.setattr(drawing, "_waited_for", waited_for)
    assert main(["draw", str(run), "--format", "svg,png", "-o", "net"]) == 2
    said = capsys.readouterr()
    assert said.out == "net.svg\n"
    assert "not all pictures: ValueError: no" in said.err


def test_ctrl_c_ends_the_child(run, monkeypatch) -> None:
    """Nothing goes on in the background, and no folder is left."""
    ended = []

    class Interrupted(drawing.Drawing):
        def wait(self, timeout_s=None):
            if timeout_s is None:
                raise KeyboardInterrupt
            ended.append(super().wait(timeout_s))
            return ended[-1]

    monkeypatch.setattr(drawing, "Drawing", Interrupted)
    monkeypatch.setattr(Child, "_command", lambda *_: [sys.executable, "-c", SLEEP])
    assert main(["draw", str(run)]) == 130
    assert ended == [True]


@pytest.mark.parametrize("graph", [None, ArchitectureGraph()])
def test_a_record_without_anything_seen_is_a_clear_error(
    graph, tmp_path, monkeypatch, capsys
) -> None:
    """One line."""
    monkeypatch.chdir(tmp_path)
    write_record(tmp_path / "run", graph)
    assert main(["draw", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "architecture.json" in said or "no data flow" in said


@pytest.mark.parametrize(
    "given", [["--depth", "-1"], ["--depth", "x"], ["--format", "gif"], ["--timeout", "0"]]
)
def test_wrong_values_are_refused(given, run, capsys) -> None:
    """As argparse has it."""
    with pytest.raises(SystemExit) as ended:
        main(["draw", str(run), *given])
    assert ended.value.code == 2
    assert given[1] in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", 'a"b\\N{c|d}', "\x1b[31mred\n\u202eabc", "end]; evil"]
)
def test_hostile_names_are_drawn_and_told_as_text(name, tmp_path, monkeypatch, capsys) -> None:
    """No control character reaches the terminal, no tag the picture."""
    monkeypatch.chdir(tmp_path)
    draft = small_graph(name, name)
    draft.call("head", 1, 2)
    write_record(tmp_path / "run", draft.build())
    assert main(["draw", "run", "--format", "svg,pdf", "-o", "net"]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.err + said.out
    assert b"<script" not in Path("net.svg").read_bytes()
