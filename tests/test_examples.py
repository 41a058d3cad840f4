"""The examples run as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import find_record, read_manifest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lightning_resnet18", ["--epochs", "1"]),
        ("plain_pytorch", ["--epochs", "1"]),
        ("notebook_or_script", []),
    ],
)
def test_an_example_leaves_a_complete_record(name, options, tmp_path) -> None:
    """From any folder; every artifact of the record is ok."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(find_record(tmp_path))
    assert manifest["status"] == "complete"
    assert {a["status"] for a in manifest["artifacts"]} == {"ok"}
    assert "architecture" in done.stdout
