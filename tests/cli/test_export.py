"""`modelviz export`: to stdout or a file, without torch, never into a record."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import modelviz_callbacks
from modelviz_callbacks.cli.main import main
from tests.graph_drafts import residual_stack
from tests.written_records import files_in, small_graph, write_record

STARTS = {"model-explorer": '{"label": "exp1"', "mermaid": "%%{init", "dot": "digraph"}


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run with a record; one stands in another folder."""
    run = tmp_path / "exp1"
    write_record(run, residual_stack(3)[0].build())
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return run


@pytest.mark.parametrize("to", STARTS)
def test_it_goes_to_stdout_or_to_a_file(to, run, capsys) -> None:
    """The same; what was folded is told on stderr."""
    assert main(["export", str(run), "--to", to]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(STARTS[to])
    assert ("3 × Block" in said.err) == (to != "model-explorer")
    assert main(["export", str(run), "--to", to, "-o", "it"]) == 0
    assert capsys.readouterr().out == ""
    assert files_in(Path()) == {"it": said.out.encode()}


@pytest.mark.parametrize("to", STARTS)
def test_torch_is_not_needed(to, run) -> None:
    """Nor anything else that is slow to start."""
    script = (
        "import sys; from modelviz_callbacks.cli.main import main;"
        f"code = main(['export', {str(run)!r}, '--to', {to!r}, '-o', 'it']);"
        "sys.exit(code or 7 * bool({'torch', 'numpy', 'pygraphviz', 'rich'} & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(modelviz_callbacks.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", script], check=False, env=env)
    assert done.returncode == 0


def test_a_depth_is_kept(run, capsys) -> None:
    """Of DOT and Mermaid; Model Explorer has every level and takes none."""
    sizes = []
    for to, depth in [("dot", "0"), ("dot", "2"), ("mermaid", "0"), ("mermaid", "2")]:
        assert main(["export", str(run), "--to", to, "--depth", depth]) == 0
        sizes.append(len(capsys.readouterr().out))
    assert sizes[0] < sizes[1]
    assert sizes[2] < sizes[3]
    assert main(["export", str(run), "--to", "model-explorer", "--depth", "2"]) == 2
    assert "it has all" in capsys.readouterr().err


def test_a_file_of_a_record_is_never_replaced(run, capsys) -> None:
    """It is evidence."""
    record = run / "architecture"
    before = files_in(record)
    assert main(["export", str(run), "--to", "dot", "-o", str(record / "architecture.json")]) == 2
    assert "stays as it was recorded" in capsys.readouterr().err
    assert files_in(record) == before


def test_a_write_that_fails_is_an_error_and_leaves_what_was_there(run, monkeypatch, capsys) -> None:
    """No half file."""

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    Path("it").write_text("old")
    monkeypatch.setattr(os, "replace", full)
    assert main(["export", str(run), "--to", "dot", "-o", "it"]) == 2
    assert "No space left" in capsys.readouterr().err
    assert files_in(Path()) == {"it": b"old"}


def test_a_lone_surrogate_costs_nothing(tmp_path, capfdbinary) -> None:
    """A name may hold what no encoding has."""
    write_record(tmp_path / "run", small_graph("Net", "\ud800").build())
    for to in STARTS:
        assert main(["export", str(tmp_path / "run"), "--to", to]) == 0
        capfdbinary.readouterr().out.decode("utf-8")


def test_a_record_without_a_graph_is_a_clear_error(tmp_path, capsys) -> None:
    """One line."""
    write_record(tmp_path / "run", None)
    assert main(["export", str(tmp_path / "run"), "--to", "dot"]) == 2
    said = capsys.readouterr().err
    assert "architecture.json" in said
    assert said.count("\n") == 1
