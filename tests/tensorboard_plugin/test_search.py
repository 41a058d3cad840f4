"""Which records are found, and what finding them costs."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from modelviz_callbacks.archive.folders import Listing
from modelviz_callbacks.tensorboard_plugin import folder_cache, search
from modelviz_callbacks.tensorboard_plugin.found import LogdirRecord
from modelviz_callbacks.tensorboard_plugin.log_roots import LogRoot, log_roots
from modelviz_callbacks.tensorboard_plugin.search import Limits, Search
from tests.tensorboard_plugin.records import manifest, write_events, write_record


def found(searching: Search) -> tuple[list[LogdirRecord], tuple[str, ...]]:
    """Searches once."""
    records: list[LogdirRecord] = []
    notes = searching.run(records.append)
    return records, notes


def names(folder: Path, **limits: float) -> list[str]:
    """The names of the records in a folder."""
    records, notes = found(Search(log_roots(str(folder), ""), Limits(**limits)))
    assert notes == ()
    return sorted(record.name for record in records)


def test_records_lie_beside_checkpoints_of_runs(tmp_path) -> None:
    """Lightning's folders, a plain writer's, one without events, and the logdir itself."""
    write_events(tmp_path / "lightning_logs" / "version_0")
    write_record(tmp_path / "lightning_logs" / "version_0" / "architecture")
    write_record(tmp_path / "lightning_logs" / "version_0" / "architecture-2")
    write_events(tmp_path / "exp" / "events")
    write_record(tmp_path / "exp" / "architecture")
    write_events(tmp_path)
    write_record(tmp_path / "architecture")
    records, _ = found(Search(log_roots(str(tmp_path), "")))
    assert {record.name: record.run for record in records} == {
        "architecture": ".",
        "exp/architecture": None,
        "lightning_logs/version_0/architecture": "lightning_logs/version_0",
        "lightning_logs/version_0/architecture-2": "lightning_logs/version_0",
    }


def test_a_logdir_may_be_a_record(tmp_path) -> None:
    """Whoever looks at one folder alone sees it."""
    write_record(tmp_path / "architecture")
    assert names(tmp_path / "architecture") == ["."]


def test_logdirs_have_their_names_before_their_runs(tmp_path) -> None:
    """The same folder twice gives two records with two ids."""
    write_events(tmp_path / "a")
    write_record(tmp_path / "a" / "architecture")
    write_record(tmp_path / "b" / "architecture")
    specified = f"one:{tmp_path / 'a'},two:{tmp_path / 'b'}"
    records, _ = found(Search(log_roots("", specified)))
    assert [(record.name, record.run) for record in records] == [
        ("one/architecture", "one/."),
        ("two/architecture", None),
    ]
    assert len({record.id for record in records}) == 2


@pytest.mark.parametrize("name", ["checkpoints", ".git", "node_modules"])
def test_folders_that_hold_no_records_are_not_looked_into(name, tmp_path) -> None:
    """Nor are records themselves."""
    write_record(tmp_path / name / "architecture")
    write_record(tmp_path / "run" / "architecture")
    write_record(tmp_path / "run" / "architecture" / "net" / "architecture")
    assert names(tmp_path) == ["run/architecture"]


def test_others_manifests_are_no_records(tmp_path) -> None:
    """Web extensions have one, too; records may lie below."""
    for content in ('{"manifest_version": 3}', "[]", "no JSON", "\udcff"):
        folder = tmp_path / f"other{len(content)}"
        write_record(folder / "inner" / "architecture")
        (folder / "manifest.json").write_text(content, "utf-8", "surrogateescape")
    assert [Path(name).parent.name for name in names(tmp_path)] == ["inner"] * 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "this is no manifest"),
        ('{"schema_version": 99}', "Update modelviz-callbacks"),
        ("\udcff", "can't decode"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(content, problem, tmp_path) -> None:
    """It has our name, so it is ours."""
    record = write_record(tmp_path / "run" / "architecture-2")
    (record / "manifest.json").write_text(content, "utf-8", "surrogateescape")
    ((only,), _) = found(Search(log_roots(str(tmp_path), "")))
    assert only.manifest is None
    assert problem in str(only.problem)


def test_links_are_not_followed_and_that_is_said(tmp_path) -> None:
    """Neither linked folders, nor a linked manifest, nor a link that leads around."""
    outside = write_record(tmp_path / "outside" / "architecture")
    logs = tmp_path / "logs"
    (logs / "architecture").mkdir(parents=True)
    (logs / "run").symlink_to(outside.parent)
    (logs / "around").symlink_to(logs)
    (logs / "architecture" / "manifest.json").symlink_to(outside / "manifest.json")
    records, notes = found(Search(log_roots(str(logs), "")))
    assert records == []
    assert notes == ("1 folder not searched: links that lead out of the logdir are not followed.",)


def test_a_store_is_not_searched_and_that_is_said() -> None:
    """Other logdirs are."""
    records, notes = found(Search((LogRoot("s3://bucket/logs"),)))
    assert records == []
    assert notes == ("s3://bucket/logs is not on this machine: records there are not shown.",)


def test_a_folder_that_cannot_be_read_is_told_of(tmp_path, monkeypatch) -> None:
    """The search goes on; a logdir that is not there yet is nothing to tell of."""
    write_record(tmp_path / "a" / "architecture")
    (tmp_path / "b").mkdir()
    really = folder_cache.list_folder

    def read(path: str, is_wanted: object) -> Listing:
        if path.endswith("b"):
            raise PermissionError(path)
        return really(path, is_wanted)

    monkeypatch.setattr(folder_cache, "list_folder", read)
    records, notes = found(Search(log_roots(str(tmp_path), "")))
    assert [record.name for record in records] == ["a/architecture"]
    assert notes == ("1 folder could not be read.",)
    assert found(Search(log_roots(str(tmp_path / "later"), ""))) == ([], ())


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"folders": 3}, "3 folders"), ({"records": 1}, "1 records"), ({"seconds": -1.0}, "-1 s")],
)
def test_a_search_has_limits_and_says_so(limits, said, tmp_path) -> None:
    """What is near is found before what is far."""
    write_record(tmp_path / "z" / "architecture")
    for number in range(5):
        write_record(tmp_path / "a" / str(number) / "architecture")
    records, (note,) = found(Search(log_roots(str(tmp_path), ""), Limits(**limits)))
    assert len(records) <= 1
    assert f"ended after {said}" in note
    assert "narrower --logdir" in note


@pytest.fixture
def settled(monkeypatch) -> None:
    """Folders are old enough at once to be remembered."""
    monkeypatch.setattr(folder_cache, "_SETTLED_NS", -(10**12))


def test_what_has_not_changed_is_not_read_again(tmp_path, monkeypatch, settled) -> None:
    """No folder is listed and no manifest is read by the second search."""
    write_record(tmp_path / "run" / "architecture")
    searching = Search(log_roots(str(tmp_path), ""))
    first = found(searching)

    def read(*args: object) -> object:
        raise AssertionError(f"read again: {args}")

    monkeypatch.setattr(folder_cache, "list_folder", read)
    monkeypatch.setattr(search, "_read", read)
    assert found(searching) == first


def test_what_has_changed_is_read_again(tmp_path, settled) -> None:
    """A new record, a new page, a new manifest, and one that is gone."""
    run = tmp_path / "run"
    record = write_record(run / "architecture", with_page=False)
    searching = Search(log_roots(str(tmp_path), ""))
    ((before,), _) = found(searching)
    assert before.page is None
    (record / "index.html").write_text("a page")
    later = record / "manifest.json.new"
    later.write_text(manifest(status="partial").to_json())
    later.rename(record / "manifest.json")
    write_record(run / "architecture-2")
    records, _ = found(searching)
    assert [r.manifest.status for r in records] == ["partial", "complete"]
    assert records[0].page is not None
    shutil.rmtree(run / "architecture-2")
    assert found(searching)[0] == records[:1]


def test_a_folder_that_changes_while_it_is_read_is_read_again(tmp_path) -> None:
    """Clocks of file systems are coarse: a change of the same tick leaves no other time."""
    searching = Search(log_roots(str(tmp_path), ""))
    assert found(searching)[0] == []
    stamp = tmp_path.stat().st_mtime_ns
    write_record(tmp_path / "architecture")
    os.utime(tmp_path, ns=(stamp, stamp))
    assert len(found(searching)[0]) == 1


def test_a_run_that_begins_to_have_events_is_the_records_run(tmp_path, settled) -> None:
    """The writer's first file may come after the record."""
    write_record(tmp_path / "run" / "architecture")
    searching = Search(log_roots(str(tmp_path), ""))
    ((before,), _) = found(searching)
    write_events(tmp_path / "run")
    ((after,), _) = found(searching)
    assert before.run is None
    assert after == replace(before, run="run")


def test_many_folders_take_little_time(tmp_path, settled) -> None:
    """A second look at 2,000 folders costs well below a second."""
    for number in range(2000):
        (tmp_path / str(number % 40) / str(number)).mkdir(parents=True)
    searching = Search(log_roots(str(tmp_path), ""))
    found(searching)
    started = time.perf_counter()
    found(searching)
    assert time.perf_counter() - started < 1
