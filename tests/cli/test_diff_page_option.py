"""`modelviz diff A B --page FILE`: what it writes besides what is printed, and refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelviz_callbacks.cli.main import main
from tests.draw.page.test_render import facts
from tests.report.archives import net, write_record


@pytest.fixture
def runs(tmp_path) -> Path:
    """Two runs whose architectures differ."""
    for name, width in (("a", 4), ("b", 5)):
        write_record(tmp_path / name / "architecture", net(width))
    return tmp_path


def test_the_page_comes_besides_the_text(runs, capsys) -> None:
    """What is printed and the exit code are as without it; where the page is goes to stderr."""
    places = [str(runs / "a"), str(runs / "b")]
    assert main(["diff", *places]) == 1
    printed = capsys.readouterr().out
    assert main(["diff", *places, "--page", str(runs / "diff.html")]) == 1
    told = capsys.readouterr()
    assert told.out == printed
    assert "the page is" in told.err
    (change,) = facts((runs / "diff.html").read_text("utf-8"))["changes"]
    assert change["subject"] == "fc"


def test_equal_architectures_have_a_page_as_well(runs) -> None:
    """And the exit code of what is the same."""
    assert main(["diff", str(runs / "a"), str(runs / "a"), "--page", str(runs / "x.html")]) == 0
    assert facts((runs / "x.html").read_text("utf-8"))["changes"] == []


@pytest.mark.parametrize("output", ["s3://bucket/x.html", "", ".", "missing/x.html"])
def test_where_it_cannot_be_written_is_told_before_anything_is_read(
    runs, monkeypatch, capsys, output
) -> None:
    """Nobody waits for a drawing to learn that."""
    monkeypatch.chdir(runs)
    monkeypatch.setattr("modelviz_callbacks.records.load_record", None)
    assert main(["diff", "a", "b", "--page", output]) == 2
    assert "modelviz diff: " in capsys.readouterr().err


def test_it_needs_no_torch(runs) -> None:
    """On a machine that trains nothing."""
    given = ["diff", *(str(runs / name) for name in "ab"), "--page", str(runs / "x.html")]
    script = (
        f"import sys; from modelviz_callbacks.cli.main import main; main({given!r});"
        "print({'torch', 'lightning', 'numpy', 'pygraphviz'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
