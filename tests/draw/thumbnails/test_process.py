"""Small pictures are painted whatever one of them does to its process."""

import base64
import signal
import sys

import pytest

from modelviz_callbacks.draw.thumbnails import painter, process
from modelviz_callbacks.draw.thumbnails.painter import HEIGHT_PX, WIDTH_PX, paint_thumbnail
from modelviz_callbacks.draw.thumbnails.process import paint_all
from tests.report.archives import SVG


def _size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_a_picture_is_no_larger_than_its_place() -> None:
    """A tall one is laid out in columns, and its text gets small."""
    tall = SVG.replace("80,50 10,50", "80,9000 10,9000")
    for svg in (SVG, tall):
        width, height = _size(paint_thumbnail(svg))
        assert 0 < width <= WIDTH_PX + 1
        assert 0 < height <= HEIGHT_PX + 1


def test_what_could_open_a_file_is_not_painted(tmp_path, monkeypatch) -> None:
    """An image, a style, a filter or a link in a record's picture names no file of the reader's."""
    seen = []
    monkeypatch.setattr(painter, "paint", lambda svg, zoom: seen.append(svg) or b"")
    hostile = SVG.replace(
        "<path",
        '<image href="file:///etc/secret.png"/><style>@import "secret"</style>'
        '<foreignObject/><use href="secret.svg#a"/><path style="fill:url(secret)" '
        'filter="URL(secret)" mask="url( secret)"',
    )
    paint_thumbnail(hostile)
    assert "secret" not in seen[0]
    assert "Linear" in seen[0]


def test_one_that_kills_its_process_costs_no_other(tmp_path, monkeypatch) -> None:
    """Whatever it is in a picture that does: the next process goes on with the next one."""
    for place in range(4):
        (tmp_path / f"{place}.svg").write_text(SVG)
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from modelviz_callbacks.draw.thumbnails import worker;"
        "paint = worker._paint;"
        "worker._paint = lambda svg: os.kill(os.getpid(), signal.SIGKILL)"
        " if svg.stem == '1' else paint(svg);"
        "sys.exit(worker.main(Path(sys.argv[1])))"
    )
    monkeypatch.setattr(
        process.Child, "_command", lambda _, folder: [sys.executable, "-c", code, str(folder)]
    )
    failed = paint_all(tmp_path, 60)
    assert list(failed) == ["1"]
    assert f"signal {signal.SIGKILL}" in failed["1"]
    assert sorted(png.stem for png in tmp_path.glob("*.png")) == ["0", "2", "3"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such timer")
def test_one_that_takes_too_long_costs_no_other(tmp_path, monkeypatch) -> None:
    """Its process is ended by the system, without any code of ours that has to run."""
    for place in range(2):
        (tmp_path / f"{place}.svg").write_text(SVG)
    code = (
        "import sys, time; from pathlib import Path;"
        "from modelviz_callbacks.draw.thumbnails import worker;"
        "paint = worker._paint; worker.EACH_S = 1.0;"
        "worker._paint = lambda svg: time.sleep(30) if svg.stem == '0' else paint(svg);"
        "sys.exit(worker.main(Path(sys.argv[1])))"
    )
    monkeypatch.setattr(
        process.Child, "_command", lambda _, folder: [sys.executable, "-c", code, str(folder)]
    )
    assert list(paint_all(tmp_path, 25)) == ["0"]
    assert base64.b64encode((tmp_path / "1.png").read_bytes()).startswith(b"iVBOR")
