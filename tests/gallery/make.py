"""Makes `docs/gallery.md` and its pictures: `python -m tests.gallery.make`.

Each exhibit's first step is recorded as users record theirs, in a process of its own; the pictures
are those of its record, made small.
"""

import argparse
import multiprocessing
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from modelviz_callbacks.graph.units import human_count
from modelviz_callbacks.settings import VISUALIZERS
from tests.conftest import read_manifest
from tests.gallery.exhibits import EXHIBITS, Exhibit

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = Path("images/gallery")
THUMBNAIL_PX = (480, 480)
COLORS = 128
MOST_WIDTH_PX = 280
COLUMNS = 3
TIMEOUT_S = 300
OTHER_WAYS = {"torchview": "torchview, at depth 3", "autograd": "autograd, by torchviz"}
SHOWN_IN_OTHER_WAYS = "resnet18_depth3"

HEADING = """# Gallery

The diagram of the first training step of models that people know, as `ModelVizCallback` and
`ModelVizHook` leave it in each record; `python -m tests.gallery.make` made this page. A picture
leads to its SVG, which is sharp at any size. Equal blocks in sequence are drawn once, with their
number; the depth is that of the option `depth`. The FLOPs are those of the whole batch's forward
pass.
"""
OTHER_HEADING = """
## The libraries' pictures

The same ResNet-18 by torchview and by graphviz + torchviz, drawn in the same colours.
"""


@dataclass(frozen=True)
class Hung:
    """A picture on the wall.

    Attributes:
        name: Of its files.
        title: What stands below it.
        width: Of its thumbnail, in pixels.
        facts: What more stands there.
    """

    name: str
    title: str
    width: int
    facts: str = ""


def record_into(name: str, folder: Path) -> None:
    """Records an exhibit with its pictures; runs in a child process."""
    warnings.simplefilter("ignore")
    shown = ("architecture",) if name != SHOWN_IN_OTHER_WAYS else VISUALIZERS
    find_exhibit(name).record(folder, visualizers=shown)


def recorded(exhibit: Exhibit, folder: Path) -> Path:
    """Records an exhibit apart from the others.

    Returns:
        The record's folder.

    Raises:
        RuntimeError: If there is no whole record.
    """
    processes = multiprocessing.get_context("spawn")
    child = processes.Process(target=record_into, args=(exhibit.name, folder))
    child.start()
    child.join(TIMEOUT_S)
    if child.exitcode != 0:
        child.kill()
        raise RuntimeError(f"{exhibit.name} was not recorded: exit code {child.exitcode}")
    return next(folder.rglob("manifest.json")).parent


def hang(exhibit: Exhibit, docs: Path) -> Iterator[Hung]:
    """Puts an exhibit's pictures into the documents."""
    with tempfile.TemporaryDirectory() as folder:
        record = recorded(exhibit, Path(folder))
        width = copy_picture(record / "architecture", docs / PICTURES / exhibit.name)
        yield Hung(exhibit.name, exhibit.title, width, facts(read_manifest(record)))
        if exhibit.name != SHOWN_IN_OTHER_WAYS:
            return
        for way, title in OTHER_WAYS.items():
            name = f"{exhibit.name}_{way}"
            yield Hung(name, title, copy_picture(record / way, docs / PICTURES / name))


def copy_picture(source: Path, target: Path) -> int:
    """Copies an SVG as it is and its PNG as a thumbnail; both paths lack their suffix.

    Returns:
        The thumbnail's width in pixels.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source.with_suffix(".svg"), target.with_suffix(".svg"))
    with Image.open(source.with_suffix(".png")) as png:
        small = png.convert("RGB")
    small.thumbnail(THUMBNAIL_PX, Image.Resampling.LANCZOS)
    small.quantize(COLORS).save(target.with_suffix(".png"), optimize=True)
    return small.width


def facts(manifest: dict[str, Any]) -> str:
    """Tells a model's size, or what its step raised."""
    if manifest["exception"]:
        return str(manifest["exception"]["type"])
    totals = manifest["totals"]
    said = f"{human_count(totals['parameters'])} parameters"
    flops = totals["flops_forward"]
    return f"{said}, {human_count(flops)}FLOPs" if flops else said


def wall(pictures: Sequence[Hung]) -> str:
    """Arranges pictures in a table."""
    rows = (pictures[start : start + COLUMNS] for start in range(0, len(pictures), COLUMNS))
    lines = "\n".join(f"<tr>\n{''.join(map(cell, row))}</tr>" for row in rows)
    return f"\n<table>\n{lines}\n</table>\n"


def cell(picture: Hung) -> str:
    file = (PICTURES / picture.name).as_posix()
    said = "<br>".join(filter(None, [f"<b>{picture.title}</b>", picture.facts]))
    width = min(picture.width, MOST_WIDTH_PX)
    shown = f'<img src="{file}.png" alt="Diagram: {picture.title}" width="{width}">'
    return f'<td align="center" valign="top"><a href="{file}.svg">{shown}</a><br>{said}</td>\n'


def page(pictures: Iterable[Hung]) -> str:
    ours, others = list[Hung](), list[Hung]()
    for picture in pictures:
        (others if picture.title in OTHER_WAYS.values() else ours).append(picture)
    return HEADING + wall(ours) + OTHER_HEADING + wall(others)


def find_exhibit(name: str) -> Exhibit:
    return next(exhibit for exhibit in EXHIBITS if exhibit.name == name)


def main(arguments: list[str] | None = None) -> None:
    """Makes the gallery anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--docs", type=Path, default=DOCS, help="the folder that it goes to")
    docs = parser.parse_args(arguments).docs
    shutil.rmtree(docs / PICTURES, ignore_errors=True)
    pictures = [picture for exhibit in EXHIBITS for picture in hang(exhibit, docs)]
    (docs / "gallery.md").write_text(page(pictures), "utf-8")


if __name__ == "__main__":
    main()
