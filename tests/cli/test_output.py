"""What printing does where nobody reads it, or no such characters are known."""

import os
import subprocess
import sys

SCRIPT = """
import os
from modelviz_callbacks.cli.output import console
try:
    console().print("x" * 100_000)
except BrokenPipeError:
    os._exit(7)
"""


def test_a_reader_that_has_gone_is_mains_to_judge() -> None:
    """Rich would end the program with an error."""
    read, given = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", SCRIPT], stdout=given, check=False)
    os.close(given)
    assert done.returncode == 7


def test_characters_that_an_encoding_lacks_are_escaped(tmp_path) -> None:
    """Rather than a traceback, in a terminal of ASCII alone."""
    command = [sys.executable, "-m", "modelviz_callbacks", "list", str(tmp_path / "é")]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert b"\\xe9" in done.stderr
    assert b"Traceback" not in done.stderr
