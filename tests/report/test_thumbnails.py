"""Small pictures of architectures: of which, how many, and what is said where there is none."""

import pytest

from modelviz_callbacks.archive.search import find_records
from modelviz_callbacks.report import thumbnails
from modelviz_callbacks.report.runs import read_archive
from modelviz_callbacks.report.thumbnails import make_thumbnails
from tests.report.archives import SVG, net, write_record

PNG = b"\x89PNG"


def _archive(root):
    return read_archive(find_records(root))


def test_the_records_own_picture_is_made_small(tmp_path) -> None:
    """One for each architecture, however many runs have it."""
    for name in "abc":
        write_record(tmp_path / name / "architecture", net(), svg=SVG)
    made = make_thumbnails(_archive(tmp_path), 10, 60)
    assert [png[:4] for png in made.pictures.values()] == [PNG]
    assert made.notes == []


def test_without_a_picture_the_diagram_is_drawn(tmp_path) -> None:
    """Also where one was drawn once and is gone."""
    write_record(tmp_path / "never" / "architecture", net(4))
    lost = write_record(tmp_path / "lost" / "architecture", net(5), svg=SVG)
    (lost / "architecture.svg").unlink()
    made = make_thumbnails(_archive(tmp_path), 10, 60)
    assert [png[:4] for png in made.pictures.values()] == [PNG, PNG]


def test_the_newest_are_shown_and_the_rest_is_told(tmp_path) -> None:
    """Number and size have bounds."""
    for place in range(3):
        day = f"2026-01-0{place + 1}T00:00:00Z"
        write_record(tmp_path / str(place) / "architecture", net(4 + place), day, svg=SVG)
    made = make_thumbnails(_archive(tmp_path), 2, 60)
    assert sorted(made.pictures) == [0, 1]
    assert "there are none here of 1 more" in made.notes[0]


def test_more_bytes_than_fit_are_left_out_and_told(tmp_path, monkeypatch) -> None:
    """The page stays small."""
    monkeypatch.setattr(thumbnails, "_MOST_BYTES", 10)
    write_record(tmp_path / "run" / "architecture", net(), svg=SVG)
    made = make_thumbnails(_archive(tmp_path), 2, 60)
    assert made.pictures == {}
    assert "too large" in made.notes[-1]


@pytest.mark.parametrize("svg", ["<svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "\x00"])
def test_a_picture_of_no_kind_costs_its_own_place_alone(tmp_path, svg) -> None:
    """What is told is of the one; the other is there."""
    write_record(tmp_path / "good" / "architecture", net(4), "2026-01-02T00:00:00Z", svg=SVG)
    write_record(tmp_path / "bad" / "architecture", net(5), "2026-01-01T00:00:00Z", svg=svg)
    made = make_thumbnails(_archive(tmp_path), 10, 60)
    assert list(made.pictures) == [0]
    assert "could not be made small" in made.notes[0]


def test_time_has_an_end(tmp_path) -> None:
    """Without time nothing is painted, and that is said."""
    write_record(tmp_path / "run" / "architecture", net(), svg=SVG)
    made = make_thumbnails(_archive(tmp_path), 10, 0)
    assert made.pictures == {}
    assert "no time" in made.notes[0]


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 architecture has"), (2, "2 architectures have")]
)
def test_architectures_without_a_picture_are_counted(tmp_path, count, said) -> None:
    """In the number that they are."""
    for place in range(count):
        record = write_record(tmp_path / str(place) / "architecture", net(4 + place))
        (record / "architecture.json").write_text("{")
    made = make_thumbnails(_archive(tmp_path), 10, 60)
    assert made.notes[0].startswith(said)
