"""Programs of the tests that run many processes and leave what they saw as `results.json`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def results_of(module: str, folder: Path) -> dict[str, Any]:
    """Runs a module of the tests on a folder, and gives the results that it leaves there."""
    subprocess.run(
        [sys.executable, "-m", module, str(folder)],
        check=True,
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=240,
    )
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found
