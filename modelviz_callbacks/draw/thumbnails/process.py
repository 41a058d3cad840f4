"""Painting many small pictures in child processes that may be killed at any of them."""

import time
from pathlib import Path

from modelviz_callbacks.draw.child import Child, last_words

# The most seconds for one picture.
EACH_S = 10.0
AT = "at.txt"


def paint_all(folder: Path, limit_s: float) -> dict[str, str]:
    """Paints every `NAME.svg` in a folder as `NAME.png`.

    Args:
        folder: The folder; nobody else writes there.
        limit_s: Seconds for all of them.

    Returns:
        Why there is no picture, by name, where there is none.
    """
    end = time.monotonic() + limit_s
    failed: dict[str, str] = {}
    while left_in(folder) and (left_s := end - time.monotonic()) > 0:
        before = len(left_in(folder))
        _run(folder, left_s)
        if len(left_in(folder)) == before:
            # It came to no end with the very first one, nor could it say why.
            (folder / f"{left_in(folder)[0].stem}.txt").write_text("it could not be painted")
    for svg in folder.glob("*.svg"):
        if not svg.with_suffix(".png").is_file():
            failed[svg.stem] = _why(svg)
    return failed


def left_in(folder: Path) -> list[Path]:
    """Gives the pictures of which nothing is known yet, in order."""
    known = {file.stem for kind in ("*.png", "*.txt") for file in folder.glob(kind)}
    return sorted(svg for svg in folder.glob("*.svg") if svg.stem not in known)


def _run(folder: Path, limit_s: float) -> None:
    child = Child("modelviz_callbacks.draw.thumbnails.worker")
    try:
        child.start(folder)
        ended = child.ends_within(limit_s)
    finally:
        # Also after Ctrl+C, which is not for the child.
        child.kill()
    if ended and child.code != 0 and (folder / AT).is_file():
        at = (folder / AT).read_text(encoding="utf-8")
        if not (folder / f"{at}.png").is_file():
            (folder / f"{at}.txt").write_text(_how_it_died(child, folder), encoding="utf-8")


def _how_it_died(child: Child, folder: Path) -> str:
    if child.code is not None and child.code < 0:
        return f"its process was killed by signal {-child.code}, or took over {EACH_S:.3g} s"
    return last_words(folder)[:300] or f"its process ended with status {child.code}"


def _why(svg: Path) -> str:
    told = svg.with_suffix(".txt")
    return told.read_text(encoding="utf-8") if told.is_file() else "there was no time for it"
