"""The child process that draws one graph: `python -m modelviz_callbacks.draw.worker FOLDER`.

It reads `job.json` in FOLDER, and leaves `picture.svg`, `picture.png`, `picture-2.png`, …,
`picture.pdf` and `result.json` there. The SVG is complete before the others are begun, so that
what fails there never costs the SVG.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from modelviz_callbacks.draw.engine import layout
from modelviz_callbacks.draw.job import DrawJob
from modelviz_callbacks.draw.paint.raster import rasterize
from modelviz_callbacks.draw.pdf import to_pdf
from modelviz_callbacks.draw.source import source

MEMORY_LIMIT_BYTES = 4 * 1024**3
_PR_SET_PDEATHSIG = 1
NICENESS = 10
_TITLES = {
    "architecture": "Diagram of the model's architecture",
    "torchview": "Diagram of the model by torchview",
    "autograd": "Autograd graph of the model by torchviz",
}


def main(folder: Path) -> int:
    """Draws the job in `folder`.

    Returns:
        The exit status: 0 if every picture was made.
    """
    order = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    limit_resources(float(order["limit_s"]))
    error = None
    notes: list[str] = []
    try:
        _draw(order, folder, notes)
    except Exception as raised:  # noqa: BLE001 - the parent tells the user
        error = f"{type(raised).__name__}: {raised}"
    _tell(folder, notes, error)
    return 0 if error is None else 1


def _draw(order: dict[str, Any], folder: Path, notes: list[str]) -> None:
    job = DrawJob(**order["job"])
    dot, simplified = source(job, order["detail"])
    notes += simplified
    svg = layout(dot, order["attributes"], _TITLES[job.kind])
    # The SVG is kept if this process is killed while it paints; so is what is to be said of it.
    _tell(folder, notes, None)
    _leave(folder, "picture.svg", svg.encode())
    if "png" in job.formats:
        raster = rasterize(svg)
        for number, png in enumerate(raster.sheets, start=1):
            _leave(folder, "picture.png" if number == 1 else f"picture-{number}.png", png)
        notes += raster.notes
    if "pdf" in job.formats:
        pdf, scaled = to_pdf(svg, _TITLES[job.kind])
        _leave(folder, "picture.pdf", pdf)
        notes += scaled


def _tell(folder: Path, notes: list[str], error: str | None) -> None:
    result = json.dumps({"notes": notes, "error": error})
    _leave(folder, "result.json", result.encode())


def _leave(folder: Path, name: str, content: bytes) -> None:
    unfinished = folder / "unfinished"
    unfinished.write_bytes(content)
    unfinished.replace(folder / name)


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
        os.nice(NICENESS)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
