"""The command's exit codes and what it costs to start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelviz_callbacks.cli.main import main
from modelviz_callbacks.errors import RecordError
from tests.written_records import small_graph, write_record

HEAVY = {"torch", "lightning", "tensorboard", "numpy", "fsspec", "rich"}


def test_help_imports_nothing_heavy() -> None:
    """It is there at once."""
    script = (
        "import sys, json, contextlib, io\n"
        "from modelviz_callbacks.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        f"print(json.dumps(sorted({HEAVY!r} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert json.loads(done.stdout) == []


def test_what_cannot_be_read_is_one_line_and_an_error(tmp_path, capsys) -> None:
    """A script sees the status, a person the reason."""
    assert main(["show", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("modelviz show: ")
    assert said.count("\n") == 1
    assert str(tmp_path) in said


@pytest.mark.parametrize("given", [[], ["shwo"], ["show"]])
def test_wrong_usage_is_an_error(given) -> None:
    """As argparse has it."""
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2


def test_the_package_is_the_command() -> None:
    """Where the script is not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "modelviz_callbacks", "--version"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"modelviz ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "given", [["show"], ["show", "--json"], ["diff"], ["list"], ["export", "--to", "dot"]]
)
def test_output_that_cannot_be_written_is_an_error(tmp_path, given) -> None:
    """Status 1 would say "different", and a traceback nothing."""
    record = str(write_record(tmp_path / "run", small_graph().build()))
    records = [record, record] if given == ["diff"] else [record]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "modelviz_callbacks", *given, *records],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


def test_a_fault_of_ours_is_an_error_and_not_a_difference(tmp_path, capsys, monkeypatch) -> None:
    """With its traceback, for whoever reports it."""
    monkeypatch.setattr("modelviz_callbacks.records.load_record", _fault)
    assert main(["show", str(tmp_path)]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def _fault(_place: str) -> None:
    raise ZeroDivisionError


def test_an_error_cannot_steer_the_terminal(tmp_path, capsys, monkeypatch) -> None:
    """It may quote what somebody wrote, of any length."""

    def refuse(_place: str) -> None:
        raise RecordError("\x1b[31mred\u202e\nsecond line" + "x" * 10_000)

    monkeypatch.setattr("modelviz_callbacks.records.load_record", refuse)
    assert main(["show", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("modelviz show: \\x1b[31mred\\u202e second line")
    assert said.count("\n") == 1
    assert len(said) < 2_100
