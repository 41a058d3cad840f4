"""The command's exit codes and what it costs to start."""

import json
import subprocess
import sys

import pytest

from modelviz_callbacks.cli.main import main

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
