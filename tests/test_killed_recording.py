"""A process that is killed while it writes: readers see the record before or after, no mixture."""

from typing import Any

import pytest

from tests.child_programs import results_of
from tests.killed_recording import CASES


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, Any]:
    """Kills every case at every change that it makes on disk."""
    return results_of("tests.killed_recording", tmp_path_factory.mktemp("killed"))


@pytest.mark.parametrize("case", CASES)
def test_a_reader_sees_one_of_the_records_that_were_saved(case, results) -> None:
    """Whole, in the order in which they were, and the last one in the end."""
    views, seen = ([None, *results[case]["views"]], results[case]["seen"])
    if case == "a resume":
        # The record that it goes on from was there before.
        views = [{**views[1], "resumes": []}, *views[1:]]
    at = 0
    for moment, shown in enumerate(seen):
        assert shown in views[at:], f"right before change {moment}"
        at = views.index(shown, at)
    assert views[at] in views[-2:]


def test_files_that_readers_know_of_are_written_anew(results) -> None:
    """The cases hold what they are about, and kill in the middle of a write."""
    views = results["a failing backward pass"]["views"]
    graphs = [view["files"].get("architecture.json") for view in views]
    assert len(set(filter(None, graphs))) == 2
    pages = [view["files"].get("index.html") for view in results["hook with pages"]["views"]]
    assert len(set(filter(None, pages))) == 2
    assert [view["resumes"] for view in results["a resume"]["views"]] == [
        [["structure"]],
        [["dataflow", "structure"]],
    ]
    assert all(results[case]["temporary"] for case in CASES)
    assert min(len(results[case]["seen"]) for case in CASES) > 5
