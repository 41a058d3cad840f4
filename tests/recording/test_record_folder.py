"""The files of one record, as several processes write and read them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from modelviz_callbacks.archive.leftovers import sweep
from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.archive.reference import RecordReference
from modelviz_callbacks.archive.writer import open_writer
from modelviz_callbacks.recording.record_folder import RecordFolder
from modelviz_callbacks.recording.resume import Checkpoint, Resume
from modelviz_callbacks.records import load_record

KNOWN = {"structure": "sha256:1"}
MANIFEST = Manifest(
    "2026-01-31T12:00:00Z",
    status="complete",
    fingerprints=KNOWN,
    artifacts=(Artifact("table", "architecture", "", "ok", ("net/table.txt",)),),
)


def opened(run: str) -> RecordFolder:
    folder = RecordFolder(run)
    folder.open()
    folder.write("net/table.txt", "old")
    folder.save(MANIFEST)
    return folder


@pytest.fixture(params=["folder", "store"])
def run(request, tmp_path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{tmp_path}"


def test_new_contents_are_seen_with_the_manifest_that_belongs_to_them(run) -> None:
    """Not before; and nothing else is left then. Also in a store."""
    folder = opened(run)
    assert folder.directory is not None
    folder.write("net/table.txt", "new")
    folder.write("net/table.txt", "newer")
    assert open_record(folder.directory).read("net/table.txt") == b"old"
    folder.save(MANIFEST)
    record = open_record(folder.directory)
    assert record.read("net/table.txt") == b"newer"
    assert record.manifest == MANIFEST
    files, path = fsspec.core.url_to_fs(folder.directory)
    assert len(files.find(path)) == 2


def test_resumes_that_others_note_meanwhile_are_kept(run) -> None:
    """The recording still waits for its pictures when another run goes on."""
    folder = opened(run)
    assert folder.directory is not None
    noted_by(folder.directory, "other")
    folder.save(MANIFEST)
    assert [r["checkpoint"] for r in open_record(folder.directory).manifest.resumes] == ["other"]


def noted_by(directory: str, checkpoint: str) -> None:
    run = directory.rpartition("/")[0]
    found = RecordReference(KNOWN, {}, directory)
    place = f"{run}/{checkpoint}"
    resume = Resume(Checkpoint(checkpoint, state=found.to_state(run)), run)
    assert resume.kept(KNOWN) is not None, place
    resume.note(compared=["structure"])


AT_ONCE = """
import sys
from tests.recording.test_record_folder import noted_by, opened
print("ready", flush=True)
sys.stdin.readline()
run, name = sys.argv[1:]
directory = opened(f"{run}/new").directory
for number in range(20):
    noted_by(f"{run}/architecture", f"{name}-{number}")
print(directory)
"""


def test_two_processes_write_into_one_run_at_once(tmp_path) -> None:
    """Each record has a folder of its own; no note is lost, and every moment has a whole record."""
    opened(str(tmp_path))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for name in "ab"
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    seen = 0
    while any(process.poll() is None for process in processes):
        now = len(load_record(tmp_path).manifest.resumes)
        assert now >= seen
        seen = now
    folders = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(folders) == 2
    assert all(open_record(folder).read("net/table.txt") == b"old" for folder in folders)
    noted = [resume["checkpoint"] for resume in load_record(tmp_path).manifest.resumes]
    assert sorted(noted) == sorted(f"{name}-{number}" for name in "ab" for number in range(20))


def test_a_run_that_has_only_just_begun_hides_no_earlier_record(tmp_path) -> None:
    """Its folder is there, and no record in it yet."""
    first = opened(str(tmp_path)).directory
    RecordFolder(str(tmp_path)).open()
    assert load_record(tmp_path).directory == first


def test_a_lock_that_is_held_does_not_hold_up_a_training(tmp_path) -> None:
    """The note is written without it then."""
    directory = str(opened(str(tmp_path)).directory)
    with open_writer(directory).locked():
        started = time.monotonic()
        noted_by(directory, "a")
    assert time.monotonic() - started < 5
    assert len(open_record(directory).manifest.resumes) == 1


def test_what_killed_processes_left_is_swept_when_it_is_old(tmp_path) -> None:
    """Whoever writes now keeps what is his, and so does whoever has files of such names."""
    left = ".table.txt.0123456789abcdef0123456789abcdef.tmp"
    names = [left, f"net/{left}", ".other.tmp", "table.txt", "kept.txt"]
    (tmp_path / "net").mkdir()
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    new = tmp_path / left.replace("0", "1")
    new.touch()
    sweep(tmp_path, keep=[f"net/{left}"])
    there = {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file()}
    assert there == {*names[1:], new.name}


def test_a_manifest_that_somebody_damaged_is_written_anew(tmp_path) -> None:
    """What it said before is not needed for that."""
    folder = opened(str(tmp_path))
    file = Path(str(folder.directory), "manifest.json")
    file.write_text("{")
    folder.save(MANIFEST)
    assert json.loads(file.read_text())["status"] == "complete"
