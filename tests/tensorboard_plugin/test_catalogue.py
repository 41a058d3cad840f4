"""No request waits for a search."""

import threading
import time

import pytest

from modelviz_callbacks.tensorboard_plugin import catalogue
from modelviz_callbacks.tensorboard_plugin.catalogue import Catalogue
from modelviz_callbacks.tensorboard_plugin.log_roots import log_roots
from modelviz_callbacks.tensorboard_plugin.search import Search
from tests.tensorboard_plugin.records import write_record


@pytest.fixture(autouse=True)
def no_pause(monkeypatch) -> None:
    """What is known is old at once."""
    monkeypatch.setattr(catalogue, "_PAUSE_S", 0.0)
    monkeypatch.setattr(catalogue, "_SHARE", 1e9)


def known(made: Catalogue) -> list[str]:
    """Names of the records after a whole search."""
    snapshot = made.snapshot(30)
    assert not snapshot.searching
    return sorted(record.name for record in snapshot.records.values())


def test_records_come_and_go(tmp_path) -> None:
    """Each look finds what is there then."""
    made = Catalogue(log_roots(str(tmp_path), ""))
    assert known(made) == []
    record = write_record(tmp_path / "run" / "architecture")
    assert known(made) == ["run/architecture"]
    record.rename(tmp_path / "run" / "architecture-2")
    assert known(made) == ["run/architecture-2"]


def test_a_search_that_takes_long_is_not_waited_for(tmp_path, monkeypatch) -> None:
    """What it has found so far is shown; there is one at a time."""
    write_record(tmp_path / "a" / "architecture")
    released = threading.Event()
    begun = []
    really = Search.run

    def slowly(self, on_found):
        begun.append(1)
        notes = really(self, on_found)
        released.wait(30)
        return notes

    monkeypatch.setattr(Search, "run", slowly)
    made = Catalogue(log_roots(str(tmp_path), ""))
    started = time.perf_counter()
    while not made.snapshot(0.05).records:
        assert time.perf_counter() - started < 10
    assert made.snapshot(0.0).searching
    assert begun == [1]
    released.set()
    assert known(made) == ["a/architecture"]


def test_a_search_that_fails_is_told_of(tmp_path, monkeypatch, caplog) -> None:
    """And tried again at the next look."""

    def fail(*_args: object) -> None:
        raise RuntimeError("no such thing")

    made = Catalogue(log_roots(str(tmp_path), ""))
    with monkeypatch.context() as patched:
        patched.setattr(Search, "run", fail)
        told = made.snapshot(30)
    assert told.notes == (
        "The logdir could not be searched to its end: RuntimeError: no such thing.",
    )
    assert "no such thing" in caplog.text
    assert made.snapshot(30).notes == ()


def test_searches_are_not_begun_one_after_another(tmp_path, monkeypatch) -> None:
    """They take a share of the time, however often one asks."""
    monkeypatch.setattr(catalogue, "_PAUSE_S", 60.0)
    made = Catalogue(log_roots(str(tmp_path), ""))
    assert known(made) == []
    write_record(tmp_path / "architecture")
    assert known(made) == []


def test_a_record_is_found_by_its_id_right_after_the_start(tmp_path) -> None:
    """A page that is loaded again may be the first request; another id is nothing."""
    write_record(tmp_path / "architecture")
    (record_id,) = Catalogue(log_roots(str(tmp_path), "")).snapshot(30).records
    made = Catalogue(log_roots(str(tmp_path), ""))
    assert made.find(record_id, 30).name == "architecture"
    assert made.find("architecture", 0) is None
