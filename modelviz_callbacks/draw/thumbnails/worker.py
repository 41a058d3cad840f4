"""The child process that paints small pictures.

`python -m modelviz_callbacks.draw.thumbnails.worker FOLDER` paints each `7.svg` in FOLDER
that nothing is known of yet, and leaves `7.png`, or `7.txt` with the reason why there is none.
What it was at when it was killed is in `at.txt`.
"""

import signal
import sys
from pathlib import Path

from modelviz_callbacks.draw.thumbnails.painter import paint_thumbnail
from modelviz_callbacks.draw.thumbnails.process import AT, EACH_S, left_in
from modelviz_callbacks.draw.worker import limit_resources
from modelviz_callbacks.errors import one_line


def main(folder: Path) -> int:
    """Paints what is left in `folder`.

    Returns:
        The exit status, 0.
    """
    left = left_in(folder)
    limit_resources(EACH_S * len(left))
    for svg in left:
        (folder / AT).write_text(svg.stem, encoding="utf-8")
        _hurry()
        _paint(svg)
    return 0


def _hurry() -> None:
    """Has the system end this process when a picture takes too long; no code of ours has to run."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, EACH_S)


def _paint(svg: Path) -> None:
    try:
        png = paint_thumbnail(svg.read_text(encoding="utf-8"))
    except Exception as error:  # noqa: BLE001 - the picture may be of any kind
        svg.with_suffix(".txt").write_text(one_line(error), encoding="utf-8")
        return
    unfinished = svg.with_suffix(".unfinished")
    unfinished.write_bytes(png)
    unfinished.replace(svg.with_suffix(".png"))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
