"""Which runs a report has, in which order, and which of them are of one architecture."""

from modelviz_callbacks.report.runs import read_archive
from tests.report.archives import found


def test_runs_come_newest_first_and_broken_ones_by_name() -> None:
    """In whatever order the search finds them; a record without a date comes last."""
    archive = read_archive(
        [
            found("old", created_at="2026-01-01T00:00:00Z"),
            found("undated", created_at=None),
            found("z", problem="no JSON"),
            found("new", created_at="2026-02-01T00:00:00Z"),
            found("a", problem="no JSON"),
        ]
    )
    assert [run.name for run in archive.runs] == ["new", "old", "undated"]
    assert [run.name for run in archive.broken] == ["a", "z"]


def test_one_architecture_has_the_same_modules_and_the_same_data_flow() -> None:
    """A step that was not seen to its end is none of a whole one; no fingerprint is no group."""
    other_flow = {"structure": "sha256:1f4c", "dataflow": "sha256:00"}
    archive = read_archive(
        [
            found("a", created_at="4"),
            found("b", created_at="3", fingerprints=other_flow),
            found("c", created_at="2"),
            found("crashed", created_at="1", fingerprints={"structure": "sha256:1f4c"}),
            found("unseen", created_at="0", fingerprints={}),
        ]
    )
    assert [one.runs for one in archive.architectures] == [(0, 2), (1,), (3,)]
    assert archive.architecture_of() == {0: 0, 2: 0, 1: 1, 3: 2}


def test_memory_has_an_end() -> None:
    """More runs than a page can have are counted, not kept."""
    archive = read_archive((found(f"run{n}") for n in range(10)), most=4)
    assert len(archive.runs) == 4
    assert archive.left_out == 6
