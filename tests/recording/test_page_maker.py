"""When a record has a page, what is in it then, and what making it may not cost."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from torch import nn

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.draw import child as child_module
from modelviz_callbacks.draw.job import Drawn
from modelviz_callbacks.draw.page.process import MadePage, PageProcess
from modelviz_callbacks.draw.supervisor import Drawing
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.publisher import Publisher
from modelviz_callbacks.recording.record_book import RecordBook
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.visualizers.base import Data, Dot, Text
from modelviz_callbacks.visualizers.run import Result
from tests.conftest import find_record, read_manifest
from tests.draw.page.test_render import blocks, facts
from tests.graph.tracing import traced
from tests.models import digits

NET = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 4))
GRAPH = traced(NET, digits())
CHAIN = "digraph { a -> b }"


def publisher(folder: Path | str, **options: Any) -> Publisher:
    """Makes one of a record with a text, our diagram, another picture, and the graph."""
    book = RecordBook(str(folder))
    book.open()
    book.add(Result("modules", "repr", "", "ok", Text("Sequential(…)")), "")
    book.add(Result("graph", "architecture", "", "ok", Data(GRAPH.to_json())), "")
    book.add(Result("architecture", "architecture", "", "ok", Dot(CHAIN)), "")
    book.add(Result("torchview", "torchview", "", "ok", Dot(f"{CHAIN}\n// longer")), "")
    return Publisher(
        book, Settings(**{"formats": ("svg",), "depth": 1} | options), Containment("warn")
    )


def draw(made: Publisher) -> None:
    made.start_drawing()
    assert made.wait(120)
    made.finish()


def page_artifact(record: Path) -> dict[str, Any]:
    (artifact,) = (a for a in read_manifest(record)["artifacts"] if a["name"] == "page")
    return artifact


def page(record: Path) -> str:
    return (record / "index.html").read_text("utf-8")


@pytest.fixture
def no_processes(monkeypatch) -> list[PageProcess]:
    """Makes pages in no time, of what the material says."""
    made: list[PageProcess] = []

    def run(self: PageProcess) -> MadePage:
        made.append(self)
        content = (self._folder / "content.json").read_bytes()
        return MadePage(content, ())

    monkeypatch.setattr(PageProcess, "run", run)
    return made


def test_a_record_has_a_page_with_all_pictures_and_every_depth(tmp_path) -> None:
    """It is listed in the manifest, and shows the record as it is at the end."""
    draw(publisher(tmp_path))
    record = tmp_path / "architecture"
    artifact = page_artifact(record)
    assert (artifact["status"], artifact["files"]) == ("ok", ["index.html"])
    assert artifact["notes"] == []
    assert {"block-diagram-1", "block-diagram-2", "block-picture-0"} <= blocks(page(record)).keys()
    told = facts(page(record))
    assert told["record"] == "architecture"
    statuses = {a["name"]: a["status"] for a in told["manifest"]["artifacts"]}
    assert statuses["architecture"] == statuses["torchview"] == "ok"
    assert [text["name"] for text in told["texts"]] == ["modules"]


def test_a_step_that_raised_has_a_page_that_tells_it(tmp_path) -> None:
    """With the traceback, which is in no other picture."""
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(7, 4))
    with pytest.raises(RuntimeError), ModelVizHook(net, tmp_path, visualizers=("architecture",)):
        net(torch.rand(2, 8))
    told = facts(page(find_record(tmp_path)))
    assert told["warnings"][0]["title"] == "The first training step raised RuntimeError"
    assert "Traceback" in told["warnings"][0]["traceback"]


def test_a_run_without_a_step_has_a_page_that_tells_it(tmp_path) -> None:
    """What is known of the modules is there; nothing was seen of a step."""
    with ModelVizHook(NET, tmp_path):
        pass
    told = facts(page(find_record(tmp_path)))
    assert "partial" in told["warnings"][0]["title"]
    assert "Sequential" in told["texts"][0]["content"]


def test_without_formats_there_is_neither_picture_nor_page(tmp_path) -> None:
    """The DOT is what was asked for."""
    draw(publisher(tmp_path, formats=()))
    record = tmp_path / "architecture"
    assert not (record / "index.html").exists()


def test_a_url_has_a_page(no_processes) -> None:
    """It is written through fsspec like everything else."""
    draw(publisher("memory://page run"))
    assert fsspec.filesystem("memory").exists("/page run/architecture/index.html")


def test_a_first_page_is_there_before_a_slow_picture(tmp_path, monkeypatch, no_processes) -> None:
    """Who opens the record while the autograd graph is being drawn sees all that there is."""
    may_go_on, first_is_there = threading.Event(), threading.Event()
    real = Drawing._draw

    def slow(self: Drawing, job: Any) -> Any:
        if job.kind == "torchview":
            first_is_there.set()
            may_go_on.wait(30)
        return real(self, job)

    monkeypatch.setattr(Drawing, "_draw", slow)
    made = publisher(tmp_path)
    made.start_drawing()
    assert first_is_there.wait(30)
    record = tmp_path / "architecture"
    assert page_artifact(record)["status"] == "ok"
    early = json.loads(page(record))
    assert {a["name"]: a["status"] for a in early["manifest"]["artifacts"]}[
        "torchview"
    ] == "pending"
    may_go_on.set()
    assert made.wait(30)
    made.finish()
    assert [picture["name"] for picture in json.loads(page(record))["pictures"]] == ["torchview"]
    assert len(no_processes) == 2


def test_an_end_that_cuts_the_drawing_short_leaves_a_page_without_it(
    tmp_path, monkeypatch, no_processes
) -> None:
    """The page says of the picture that it is missing, and draws no more diagrams."""
    monkeypatch.setattr(Drawing, "_draw", lambda self, _job: self._cancelled.wait(30))
    made = publisher(tmp_path)
    made.start_drawing()
    made.finish(0.1)
    record = tmp_path / "architecture"
    assert page_artifact(record)["status"] == "ok"
    told = json.loads(page(record))
    statuses = {a["name"]: a["status"] for a in told["manifest"]["artifacts"]}
    assert statuses["torchview"] == "failed"
    assert told["limit_s"] == 0


def test_an_interrupt_waits_for_no_page(tmp_path, monkeypatch, no_processes) -> None:
    """The manifest says that there is none; no process is started for it."""
    monkeypatch.setattr(Drawing, "_draw", lambda self, _job: self._cancelled.wait(30))
    made = publisher(tmp_path)
    made.start_drawing()
    started = time.perf_counter()
    made.finish_after(KeyboardInterrupt())
    assert time.perf_counter() - started < 3
    assert no_processes == []
    artifact = page_artifact(tmp_path / "architecture")
    assert (artifact["status"], artifact["files"]) == ("failed", [])
    assert artifact["error"] == "not made before the process ended"


def test_a_page_that_fails_costs_nothing_else(tmp_path, monkeypatch, recwarn) -> None:
    """The pictures are there; the manifest has the reason; nobody is warned of it twice."""
    monkeypatch.setattr(child_module.sys, "executable", "/nowhere/python")
    monkeypatch.setattr(Drawing, "_draw", lambda _self, job: Drawn(job, "ok", {"svg": b"<svg/>"}))
    draw(publisher(tmp_path))
    record = tmp_path / "architecture"
    artifact = page_artifact(record)
    assert artifact["status"] == "failed"
    assert "could not run" in artifact["error"]
    assert (record / "torchview.svg").is_file()
    assert len(recwarn) == 0


def test_what_ended_the_making_of_the_page_is_told(tmp_path, monkeypatch) -> None:
    """A graph that cannot be read is the reason in the manifest, from the process' last words."""
    (tmp_path / "graph.json").write_text("{")
    (tmp_path / "content.json").write_text('{"limit_s": 0}')
    made = PageProcess(tmp_path, 1).run()
    assert made.html is None
    assert "ValueError" in made.error


def test_a_process_that_hangs_is_killed(tmp_path, monkeypatch) -> None:
    """The page has its limit, like a picture."""
    monkeypatch.setattr(child_module.Child, "_command", lambda *_: ["/bin/sleep", "60"])
    process = PageProcess(tmp_path, 0.1, 0.2)
    assert "not made within" in process.run().error
    assert process._child.code is not None


def test_no_material_is_left(tmp_path, monkeypatch, no_processes) -> None:
    """Pictures wait for the page in a temporary folder, which goes with it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    draw(publisher(tmp_path))
    assert no_processes
    assert list(temporary.iterdir()) == []


def test_the_process_of_the_page_imports_no_torch(tmp_path) -> None:
    """It costs a fraction of a second and little memory."""
    code = (
        "import sys, modelviz_callbacks.draw.page.worker;"
        "assert not {'torch', 'numpy', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
