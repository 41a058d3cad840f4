"""Opening a record that anybody may have written."""

import json
import os
from pathlib import Path

import fsspec
import pytest

from modelviz_callbacks.archive import reader
from modelviz_callbacks.archive.manifest import Artifact, Manifest, with_resume
from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.archive.writer import claim_record
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry

MANIFEST = Manifest(
    created_at="2026-01-31T12:00:00Z",
    status="complete",
    fingerprints={"structure": "sha256:1"},
    artifacts=(
        Artifact("table", "architecture", "", "ok", files=("table.txt",), seconds=1),
        Artifact("graph", "architecture", "", "ok", files=("architecture.json",)),
        Artifact("autograd", "torchviz", "", "ok", rungs=({"rung": "full", "outcome": "ok"},)),
    ),
    notes=("a", "b"),
)
GRAPH = ArchitectureGraph((ModuleEntry("", "Net"),))


@pytest.fixture(params=["folder", "store"])
def place(request, tmp_path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{tmp_path}"


def test_what_was_written_is_read(place) -> None:
    """From a folder and from a store."""
    record = claim_record(place)
    record.write("manifest.json", MANIFEST.to_json())
    record.write("architecture.json", GRAPH.to_json())
    opened = open_record(record.directory)
    assert opened.manifest == MANIFEST
    assert opened.graph() == GRAPH


def test_fields_of_a_later_version_are_passed_over(tmp_path) -> None:
    """Fields may be added without a new schema version."""
    content = json.loads(MANIFEST.to_json()) | {"more": 1}
    content["artifacts"][0]["more"] = 2
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    assert open_record(str(tmp_path)).manifest == MANIFEST


def test_a_record_from_before_the_rungs_were_told_is_read(tmp_path) -> None:
    """It has none."""
    content = json.loads(MANIFEST.to_json())
    for artifact in content["artifacts"]:
        del artifact["rungs"]
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    artifacts = open_record(str(tmp_path)).manifest.artifacts
    assert [artifact.rungs for artifact in artifacts] == [(), (), ()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "a part of one only"),
        (MANIFEST.to_json()[:80], "a part of one only"),
        ("[" * 100_000, "a part of one only"),
        ("[]", "no JSON object"),
        ('{"schema_version": true}', "schema_version is True"),
        ('{"schema_version": 99}', "Update modelviz-callbacks"),
        ('{"schema_version": 1}', "no manifest"),
        ('{"schema_version": 1, "created_at": 3}', "created_at is 3"),
        ('{"schema_version": 1, "created_at": "", "status": "fine"}', "status is 'fine'"),
        ('{"schema_version": 1, "created_at": "", "fingerprints": []}', "fingerprints is"),
        ('{"schema_version": 1, "created_at": "", "artifacts": [3]}', "no manifest"),
        ('{"schema_version": 1, "created_at": "", "artifacts": 3}', "no manifest"),
        ("\ud800".encode("utf-8", "surrogatepass"), "no UTF-8"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_manifest_is_refused_with_its_reason(content, message, tmp_path) -> None:
    """The error names the file."""
    file = tmp_path / "manifest.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecordError, match=rf"manifest\.json.*{message}"):
        open_record(str(tmp_path))


def test_a_record_without_its_graph_says_so(tmp_path) -> None:
    """Also one whose graph is none."""
    (tmp_path / "manifest.json").write_text(MANIFEST.to_json())
    record = open_record(str(tmp_path))
    with pytest.raises(RecordError, match=r"architecture\.json cannot be read"):
        record.graph()
    (tmp_path / "architecture.json").write_text("{}")
    with pytest.raises(RecordError, match=r"architecture\.json: this is no architecture graph"):
        record.graph()


def test_no_record_is_an_error(place) -> None:
    """A folder that is not there."""
    with pytest.raises(RecordError, match="cannot be read"):
        open_record(f"{place}/nothing")


def test_files_that_are_too_long_are_not_read(place, monkeypatch) -> None:
    """Whoever opens a record does not run out of memory."""
    monkeypatch.setattr(reader, "MOST_MANIFEST_BYTES", 10)
    record = claim_record(place)
    record.write("manifest.json", MANIFEST.to_json())
    with pytest.raises(RecordError, match="longer than 10 bytes"):
        open_record(record.directory)


@pytest.mark.parametrize("kind", ["pipe", "folder", "endless"])
def test_what_is_no_file_is_not_waited_for(kind, tmp_path) -> None:
    """A named pipe in a strangers' record would keep us for ever."""
    file = tmp_path / "manifest.json"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero")
    with pytest.raises(RecordError, match="cannot be read"):
        open_record(str(tmp_path))


def test_a_folder_in_a_files_place_leaves_nothing_open(tmp_path) -> None:
    """Whoever looks through thousands of folders runs out of descriptors otherwise."""
    (tmp_path / "manifest.json").mkdir()
    opened = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(RecordError, match="cannot be read"):
        open_record(str(tmp_path))
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_a_resume_is_added_and_nothing_is_lost() -> None:
    """Fields of a later version stay; the same resume is there once, as it was told last."""
    text = json.dumps(json.loads(MANIFEST.to_json()) | {"more": {"kept": [1, 2]}})
    for resume in ({"at": "1", "checkpoint": "a"}, {"at": "2", "checkpoint": "a"}):
        text = with_resume(text, resume)
    text = with_resume(text, {"at": "2", "checkpoint": "a", "note": "x"})
    content = json.loads(text)
    assert content.pop("resumes") == [
        {"at": "1", "checkpoint": "a"},
        {"at": "2", "checkpoint": "a", "note": "x"},
    ]
    assert content.pop("more") == {"kept": [1, 2]}
    assert Manifest.from_json(text).notes == MANIFEST.notes


def test_a_resume_is_not_added_to_something_else() -> None:
    """A damaged manifest is left as it is."""
    with pytest.raises(ValueError, match="its resumes are 3"):
        with_resume('{"schema_version": 1, "resumes": 3}', {})


def test_reading_leaves_a_store_as_it_is(tmp_path) -> None:
    """Nothing is made where nothing was."""
    with pytest.raises(RecordError):
        open_record(f"memory://{tmp_path}/none")
    assert not fsspec.filesystem("memory").exists(f"{tmp_path}/none")
    with pytest.raises(RecordError):
        open_record(str(tmp_path / "none"))
    assert list(Path(tmp_path).iterdir()) == []
