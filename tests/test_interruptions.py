"""Trainings that somebody ends: the record is there, says so, and holds nobody up."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelviz_callbacks.draw.job import DrawJob
from tests.child_programs import results_of
from tests.conftest import read_manifest
from tests.interrupted_run import CASES

NOT_SEEN = "the first training step has not been seen"
NOT_WAITED_FOR = "not drawn before the process ended; the DOT is kept"


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, Any]:
    """Runs every case once, with us and without us."""
    return results_of("tests.interrupted_run", tmp_path_factory.mktemp("interrupted"))


@pytest.mark.parametrize("name", CASES)
def test_a_process_ends_as_without_us(name, results) -> None:
    """Exit status, output, the last words; pictures that take a minute are not waited for."""
    without, with_us = (results[name][which] for which in ("without", "with"))
    for key in ("code", "stdout", "stderr"):
        assert with_us[key] == without[key]
    assert with_us["seconds"] < without["seconds"] + 20


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_left_half_written(name, results) -> None:
    """No temporary file; every file in the folder is listed, and every listed one is there."""
    record = Path(results[name]["folder"]) / "architecture"
    there = {str(f.relative_to(record)) for f in record.rglob("*") if f.is_file()}
    assert not [file for file in there if file.endswith(".tmp") or "/." in f"/{file}"]
    listed = {file for artifact in read_manifest(record)["artifacts"] for file in artifact["files"]}
    if name != "hook, SIGINT in our writing":
        assert there - listed <= {"manifest.json", "errors/training_step.txt"}
    assert listed <= there


def manifest_of(results: dict[str, Any], name: str) -> dict[str, Any]:
    return read_manifest(Path(results[name]["folder"]) / "architecture")


@pytest.mark.parametrize("how", ["SIGKILL", "os._exit"])
@pytest.mark.parametrize("way", ["lightning", "hook"])
def test_a_process_that_dies_at_once_leaves_what_was_begun(way, how, results) -> None:
    """Nobody could say any more; the record says that the step was not seen."""
    manifest = manifest_of(results, f"{way}, {how}")
    assert (manifest["status"], manifest["notes"]) == ("partial", [NOT_SEEN])
    assert manifest["totals"]["parameters"] == 36


@pytest.mark.parametrize(
    ("name", "exception"),
    [
        ("lightning, SIGINT", "KeyboardInterrupt"),
        ("lightning, sys.exit", "SystemExit"),
        ("lightning, SIGINT in our replay", "KeyboardInterrupt"),
        ("lightning, SIGINT in our writing", "KeyboardInterrupt"),
        ("hook, SIGINT", "KeyboardInterrupt"),
        ("hook, sys.exit", "SystemExit"),
        ("hook, SIGINT in our replay", "KeyboardInterrupt"),
    ],
)
def test_an_interrupt_in_the_first_step_is_in_the_record(name, exception, results) -> None:
    """With its type; what was seen before it is there, pictures are given up."""
    manifest = manifest_of(results, name)
    assert manifest["status"] == "failed_step"
    assert manifest["exception"]["type"] == exception
    assert manifest["root_calls"]
    assert "pending" not in {a["status"] for a in manifest["artifacts"]}


@pytest.mark.parametrize(
    "name",
    [
        "lightning, SIGTERM",
        "hook, SIGINT in the second step",
        "hook, SIGINT in a with block",
        "hook, SIGINT while it waits",
    ],
)
def test_a_step_that_came_to_its_end_is_complete(name, results) -> None:
    """Lightning ends after the batch in which SIGTERM came; only the pictures are missing."""
    manifest = manifest_of(results, name)
    assert (manifest["status"], manifest["notes"]) == ("complete", [])
    missing = {a["name"]: a["error"] for a in manifest["artifacts"] if a["status"] != "ok"}
    pictures = dict.fromkeys(("torchview", "autograd", "architecture"), NOT_WAITED_FOR)
    assert missing == pictures | {"page": "not made before the process ended"}


def test_a_plain_loop_that_is_terminated_leaves_what_was_begun(results) -> None:
    """SIGTERM without a handler ends the process where it is."""
    manifest = manifest_of(results, "hook, SIGTERM")
    assert (manifest["status"], manifest["notes"]) == ("partial", [NOT_SEEN])


def test_an_interrupt_while_the_record_is_written_is_in_it(results) -> None:
    """What is written is listed, and the record does not call itself complete."""
    manifest = manifest_of(results, "hook, SIGINT in our writing")
    assert manifest["status"] == "partial"
    assert manifest["notes"] == ["KeyboardInterrupt came while the record was written"]
    assert manifest["input"]["x"]["shape"] == [16, 8]


def test_ctrl_c_in_a_terminal_does_not_stop_the_drawing(tmp_path) -> None:
    """It reaches every process in the foreground; a training that goes on gets its pictures."""
    job = DrawJob("a graph", "digraph { a -> b }", ("svg",))
    order = {"job": vars(job), "detail": "all", "attributes": {}, "limit_s": 9}
    (tmp_path / "job.json").write_text(json.dumps(order))
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from modelviz_callbacks.draw import worker\n"
        "draw = worker._draw\n"
        "worker._draw = lambda *a: (os.kill(os.getpid(), signal.SIGINT), draw(*a))\n"
        "sys.exit(worker.main(Path(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=False,
        cwd=Path(__file__).parent.parent,
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / "picture.svg").is_file()
