"""Finding the record in a place that somebody names."""

import re

import pytest

from modelviz_callbacks.archive.layout import record_folder_name
from modelviz_callbacks.archive.locate import record_at
from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.errors import RecordError


def record(folder, parameters: int = 1) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(
        Manifest("2026-01-31T12:00:00Z", totals={"parameters": parameters}).to_json()
    )


@pytest.mark.parametrize("place", ["architecture", "architecture/", "architecture/manifest.json"])
def test_a_record_is_found_by_its_own_place(tmp_path, place) -> None:
    """Its folder, or the manifest that a completion of names stops at."""
    record(tmp_path / "architecture")
    assert record_at(f"{tmp_path}/{place}").manifest.totals == {"parameters": 1}


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_of_a_run_the_latest_record_is_taken(tmp_path, scheme) -> None:
    """By its number, ten after nine; a copy with another name is none."""
    for number in (1, 2, 9, 10):
        record(tmp_path / record_folder_name(number), number)
    record(tmp_path / "architecture-old", 99)
    assert record_at(f"{scheme}{tmp_path}").manifest.totals == {"parameters": 10}


def test_a_record_under_another_name_is_one(tmp_path) -> None:
    """Somebody may have copied it."""
    record(tmp_path / "best")
    assert record_at(f"{tmp_path}/best").manifest.totals == {"parameters": 1}


@pytest.mark.parametrize("place", ["", "missing"])
def test_where_nothing_is_the_error_says_what_to_give(tmp_path, place) -> None:
    """With the place that was given."""
    with pytest.raises(RecordError, match=re.escape(str(tmp_path))):
        record_at(f"{tmp_path}/{place}")
