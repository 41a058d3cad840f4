"""Files of a record: their names and how they are written."""

import json
import os
from pathlib import Path

import fsspec
import pytest

from modelviz_callbacks.archive import writer
from modelviz_callbacks.archive.layout import root_folder_names, safe_name
from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.archive.writer import check_run_dir, claim_record
from modelviz_callbacks.errors import SettingsError


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch) -> None:
    """A reader sees the old or the new content, never a half."""
    record = claim_record(str(tmp_path))
    record.write("a.txt", "old")

    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record.write("a.txt", "new")
    assert [f.name for f in Path(record.directory).iterdir()] == ["a.txt"]
    assert (Path(record.directory) / "a.txt").read_text() == "old"


def test_records_are_numbered_and_never_shared(tmp_path) -> None:
    """Each claim is a folder of its own, also right after another."""
    folders = [Path(claim_record(str(tmp_path)).directory).name for _ in range(3)]
    assert folders == ["architecture", "architecture-2", "architecture-3"]


def test_urls_are_written_whole_and_numbered() -> None:
    """No temporary file stays behind on a remote file system."""
    for number in ("", "-2"):
        record = claim_record("memory://numbered/run")
        record.write("net/a.txt", "one")
        record.write("net/a.txt", "two")
        files = fsspec.filesystem("memory").find(f"/numbered/run/architecture{number}")
        assert files == [f"/numbered/run/architecture{number}/net/a.txt"]
        assert record.directory == f"memory:///numbered/run/architecture{number}"
    assert fsspec.filesystem("memory").cat("/numbered/run/architecture/net/a.txt") == b"two"


def test_text_that_utf8_refuses_is_escaped(tmp_path) -> None:
    """A lone surrogate in a class name is no lost record."""
    record = claim_record(str(tmp_path))
    record.write("a.txt", "a\ud800b")
    assert (Path(record.directory) / "a.txt").read_text("utf-8") == "a\\ud800b"


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\\b", "nul\0", "", "x" * 500, "net.0", "雪"])
def test_file_names_are_safe_whatever_the_module_is_called(name) -> None:
    """No separator, no parent folder, no endless name."""
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert len(safe) <= 80
    assert not set(safe) & set('/\\\0:*?"<>|')


def test_root_folders_differ_from_each_other_and_from_ours() -> None:
    """Also on file systems that do not tell capitals."""
    folders = root_folder_names(["", "net", "Net", "errors", "a/b", "a_b"])
    names = [folder.lower() for folder in folders.values()]
    assert len(set(names)) == len(names)
    assert "errors" not in names
    assert root_folder_names(["net"]) == {"net": ""}


def test_a_manifest_is_valid_json_with_shapes_on_one_line() -> None:
    """It is read by programs and by people."""
    manifest = Manifest(created_at="2026-01-31T12:00:00Z", input={"x": {"shape": [1, 3, 224, 224]}})
    text = manifest.with_artifact(Artifact("a", "repr", "", "ok", notes=("[\n1\n]",))).to_json()
    assert '"shape": [1, 3, 224, 224]' in text
    assert json.loads(text)["schema_version"] == 1
    assert json.loads(text)["artifacts"][0]["notes"] == ["[\n1\n]"]


def test_an_artifact_replaces_the_one_of_its_name_and_root() -> None:
    """One status for each."""
    pending = Artifact("torchview", "torchview", "net", "pending")
    done = Artifact("torchview", "torchview", "net", "ok")
    other = Artifact("torchview", "torchview", "head", "ok")
    manifest = Manifest("now")
    for artifact in (pending, other, done):
        manifest = manifest.with_artifact(artifact)
    assert manifest.artifacts == (done, other)


def test_checking_a_run_folder_leaves_nothing(tmp_path) -> None:
    """Neither the folder nor a probe file."""
    assert check_run_dir(tmp_path / "a" / "b", "log_dir") == os.fspath(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    for wrong in ("", None, 3):
        with pytest.raises(SettingsError, match=f"log_dir={wrong!r}: give a folder"):
            check_run_dir(wrong, "log_dir")


@pytest.mark.parametrize("place", ["local", "memory"])
def test_a_record_can_be_taken_back(place, tmp_path) -> None:
    """Its neighbours stay."""
    run_dir = str(tmp_path) if place == "local" else f"memory://{tmp_path.name}"
    kept, removed = claim_record(run_dir), claim_record(run_dir)
    for record in (kept, removed):
        record.write("manifest.json", "{}")
        record.write("errors/step.txt", "no")
    removed.remove()
    files, path = fsspec.core.url_to_fs(run_dir)
    assert [Path(name).name for name in files.ls(path, detail=False)] == ["architecture"]
    removed.remove()
