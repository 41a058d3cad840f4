"""`modelviz report`: what it writes, prints and refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelviz_callbacks.cli.main import main
from tests.draw.page.test_render import blocks, facts
from tests.report.archives import SVG, net, write_record


@pytest.fixture
def runs(tmp_path) -> Path:
    """Two runs and a broken record."""
    root = tmp_path / "runs"
    write_record(root / "a" / "architecture", net(4), "2026-01-01T00:00:00Z", svg=SVG)
    write_record(root / "b" / "architecture", net(5), "2026-01-02T00:00:00Z", svg=SVG)
    (root / "c" / "architecture").mkdir(parents=True)
    (root / "c" / "architecture" / "manifest.json").write_text("{")
    return root


def test_it_writes_one_file_and_says_what_is_in_it(runs, capsys) -> None:
    """What cannot be read is told on stderr, and is no failure."""
    file = runs / "report.html"
    assert main(["report", str(runs), "-o", str(file)]) == 0
    told = capsys.readouterr()
    assert told.out == f"{file}: 2 runs, 2 architectures\n"
    assert "1 record cannot be read" in told.err
    assert [run[0] for run in facts(file.read_text("utf-8"))["runs"]] == ["b", "a"]
    assert sorted(path.name for path in runs.iterdir()) == ["a", "b", "c", "report.html"]


def test_links_are_seen_from_where_the_report_lies(runs, tmp_path, monkeypatch) -> None:
    """Also where only its name is given."""
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert main(["report", str(runs), "-o", "all.html"]) == 0
    told = facts((tmp_path / "deep" / "all.html").read_text("utf-8"))
    assert told["runs"][0][7] == "../runs/b/architecture/index.html"


@pytest.mark.parametrize("output", ["s3://bucket/report.html", "", ".", "missing/report.html"])
def test_where_it_cannot_be_written_is_told_before_the_search(
    runs, monkeypatch, capsys, output
) -> None:
    """Nobody waits for ten thousand records to learn that."""
    monkeypatch.chdir(runs)
    monkeypatch.setattr("modelviz_callbacks.records.find_records", None)
    assert main(["report", str(runs), "-o", output]) == 2
    assert "modelviz report: " in capsys.readouterr().err


def test_an_earlier_report_stays_when_the_new_one_fails(runs, monkeypatch) -> None:
    """It is written as a whole or not at all."""
    file = runs / "report.html"
    file.write_text("earlier")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert main(["report", str(runs), "-o", str(file)]) == 2
    assert file.read_text() == "earlier"
    assert sorted(path.name for path in runs.iterdir()) == ["a", "b", "c", "report.html"]


def test_without_pictures(runs) -> None:
    """`--thumbnails 0` starts no process."""
    file = runs / "report.html"
    assert main(["report", str(runs), "-o", str(file), "--thumbnails", "0"]) == 0
    assert blocks(file.read_text("utf-8"))["block-thumbnails"] == "{}"


def test_it_needs_no_torch(runs) -> None:
    """On a machine that trains nothing."""
    script = (
        "import sys; from modelviz_callbacks.cli.main import main;"
        f"main(['report', {str(runs)!r}, '-o', {str(runs / 'report.html')!r}]);"
        "print({'torch', 'lightning', 'numpy', 'pygraphviz'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
