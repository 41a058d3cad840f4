"""In which ways a graph is tried to be drawn."""

import itertools

import pytest

from modelviz_callbacks.draw.job import DrawJob
from modelviz_callbacks.draw.ladder import LARGE_AUTOGRAD, rungs_for

SMALL = "digraph { a -> b }"
LARGE = "digraph {" + "a -> b;" * (LARGE_AUTOGRAD + 1) + "}"
ALL = ["full", "layout limits", "folded", "lower depth", "straight lines"]


@pytest.mark.parametrize(
    ("job", "left_out"),
    [
        (DrawJob("", SMALL, (), "torchview", depth=3), []),
        (DrawJob("", LARGE, (), "torchview", depth=3), []),
        (DrawJob("", SMALL, (), "torchview", depth=0), ["lower depth"]),
        (DrawJob("", SMALL, (), "autograd", depth=3), []),
        (DrawJob("", LARGE, (), "autograd", depth=3), ["full", "layout limits"]),
        (DrawJob("", SMALL, (), "architecture", "{}", 3), ["folded"]),
        (DrawJob("", SMALL, (), "architecture", "", 3), ["folded", "lower depth"]),
        (DrawJob("", SMALL, (), "architecture", "{}", 0), ["folded", "lower depth"]),
    ],
    ids=lambda value: f"{value.kind} {value.depth}" if isinstance(value, DrawJob) else "",
)
def test_each_kind_has_the_rungs_that_make_it_simpler(job, left_out) -> None:
    """In one order, and together they take the whole time."""
    rungs = rungs_for(job)
    assert [rung.name for rung in rungs] == [name for name in ALL if name not in left_out]
    assert sum(rung.share for rung in rungs) == pytest.approx(1)
    # What is no full drawing is told in words.
    assert all(bool(rung.words) == (rung.name != "full") for rung in rungs)


def test_each_rung_is_cheaper_than_the_one_before() -> None:
    """Limits stay, once they are set; what is folded stays folded."""
    rungs = rungs_for(DrawJob("", SMALL, (), "torchview", depth=3))
    details = [rung.detail for rung in rungs]
    assert details == ["all", "all", "folded", "lower", "lower"]
    for one, two in itertools.pairwise(rungs):
        assert one.attributes.items() <= two.attributes.items()
