"""The child process that draws one graph: `python -m modelviz_callbacks.draw.worker FOLDER`.

It reads `job.json` in FOLDER, and leaves `picture.svg`, `picture.png` and `result.json` there. The
SVG is complete before the PNG is begun, so that a failing PNG never costs the SVG.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from modelviz_callbacks.draw.engine import layout, rasterize

MEMORY_LIMIT_BYTES = 4 * 1024**3
_PR_SET_PDEATHSIG = 1
_NICENESS = 10


def main(folder: Path) -> int:
    """Draws the job in `folder`.

    Returns:
        The exit status: 0 if every picture was made.
    """
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    limit_resources(float(job["limit_s"]))
    result: dict[str, Any] = {"notes": [], "error": None}
    try:
        _draw(job, folder, result["notes"])
    except Exception as error:  # noqa: BLE001 - the parent tells the user
        result["error"] = f"{type(error).__name__}: {error}"
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0 if result["error"] is None else 1


def _draw(job: dict[str, Any], folder: Path, notes: list[str]) -> None:
    svg = layout(job["dot"], job["attributes"])
    unfinished = folder / "unfinished.svg"
    unfinished.write_text(svg, encoding="utf-8")
    unfinished.replace(folder / "picture.svg")
    if "png" not in job["formats"]:
        return
    raster = rasterize(svg)
    unfinished = folder / "unfinished.png"
    unfinished.write_bytes(raster.png)
    unfinished.replace(folder / "picture.png")
    if raster.scale < 1:
        notes.append(f"PNG scaled to {raster.scale:.0%} of its natural size; the SVG is full size")


def limit_resources(limit_s: float) -> None:
    """Keeps this process small, in the background, and never alive without its parent."""
    # Ctrl+C in a terminal is meant for the training, which may go on after it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        return
    import resource

    limits = {
        resource.RLIMIT_AS: MEMORY_LIMIT_BYTES,
        resource.RLIMIT_CPU: int(limit_s) + 5,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
