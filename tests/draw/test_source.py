"""What is laid out on each rung."""

import re

import pytest

from modelviz_callbacks.draw import source as source_module
from modelviz_callbacks.draw.job import DrawJob
from modelviz_callbacks.draw.libraries import autograd_graph, torchview_graph
from modelviz_callbacks.draw.source import QUICK, source
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph_drafts import GraphDraft


def nested(levels: int) -> ArchitectureGraph:
    """A module in a module, and so on, the innermost one of two."""
    draft = GraphDraft()
    value = draft.input()
    parent, path = None, "net"
    for _ in range(levels):
        draft.module(path, "Block")
        parent, path = draft.call(path, parent), f"{path}.inner"
    for name in "ab":
        draft.module(f"{path}_{name}", "Linear" if name == "a" else "ReLU")
        value = draft.call(f"{path}_{name}", parent, value)
    draft.output("y", value)
    return draft.build()


def ours(graph: ArchitectureGraph, depth: int) -> DrawJob:
    return DrawJob(
        "g", "digraph { whole -> dot }", ("svg",), "architecture", graph.to_json(), depth
    )


def boxes(dot: str) -> int:
    return len(re.findall(r"(?m)^n\d+ \[", dot))


@pytest.mark.parametrize("detail", ["all", "folded"])
def test_our_own_dot_is_laid_out_as_it_is(detail) -> None:
    """It was made at the depth that was asked for."""
    assert source(ours(nested(2), 3), detail) == ("digraph { whole -> dot }", ())


def test_our_own_diagram_is_made_anew_at_a_lower_depth_and_says_so() -> None:
    """Of the graph, in the child process."""
    dot, notes = source(ours(nested(4), 3), "lower")
    assert boxes(dot) == 3
    assert notes == ("the picture shows depth 2 instead of 3",)


def test_the_deepest_level_that_is_quickly_drawn_is_chosen(monkeypatch) -> None:
    """One that has few lines, though a deeper one was allowed."""
    monkeypatch.setattr(source_module, "QUICK", 2)
    dot, notes = source(ours(nested(3), 9), "lower")
    assert dot.count("->") <= 2
    assert notes == ("the picture shows depth 2 instead of 9",)
    assert QUICK > 100


def test_a_graph_without_more_levels_is_not_said_to_be_cut() -> None:
    """The picture at the depth below shows all that there is."""
    dot, notes = source(ours(nested(2), 1_000), "lower")
    assert boxes(dot) == 4
    assert notes == ("the picture shows depth 999 instead of 1000",)


@pytest.mark.parametrize("job", [ours(nested(2), 0), DrawJob("g", "digraph { whole -> dot }", ())])
def test_where_there_is_nothing_lower_it_stays_as_it_is(job) -> None:
    """At depth 0, and without the graph."""
    dot, notes = source(job, "lower")
    assert notes == ()
    assert dot.count("->") <= 2


@pytest.mark.parametrize("kind", ["torchview", "autograd"])
def test_a_librarys_dot_that_cannot_be_restyled_is_drawn_as_it_is(kind, monkeypatch) -> None:
    """And the notes say why."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("no such node")

    monkeypatch.setattr(torchview_graph, "restyled", broken)
    monkeypatch.setattr(autograd_graph, "restyled", broken)
    dot, (note,) = source(DrawJob("g", "digraph { a -> b }", (), kind, depth=3), "folded")
    assert dot == "digraph { a -> b }"
    assert "no such node" in note


def test_a_lack_of_memory_is_not_taken_for_that(monkeypatch) -> None:
    """A simpler drawing needs less."""

    def broken(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(torchview_graph, "restyled", broken)
    with pytest.raises(MemoryError):
        source(DrawJob("g", "digraph { a -> b }", (), "torchview", depth=3), "all")


def test_each_rung_asks_the_libraries_for_what_it_shows(monkeypatch) -> None:
    """All of it; folded; and at a lower depth."""
    asked: list[tuple[str, object, object]] = []

    def torchview(dot: str, depth: int | None, folded: bool) -> tuple[str, tuple[str, ...]]:
        asked.append(("torchview", depth, folded))
        return f"digraph {{ a -> b{depth} }}", ()

    def autograd(dot: str, depth: int | None) -> tuple[str, tuple[str, ...]]:
        asked.append(("autograd", depth, None))
        return f"digraph {{ a -> b{depth} }}", ()

    monkeypatch.setattr(torchview_graph, "restyled", torchview)
    monkeypatch.setattr(autograd_graph, "restyled", autograd)
    job = DrawJob("g", "digraph { a -> b }", (), "torchview", depth=2)
    source(job, "all")
    source(job, "folded")
    source(job, "lower")
    assert asked == [("torchview", None, False), ("torchview", None, True), ("torchview", 1, True)]
    asked.clear()
    job = DrawJob("g", "digraph { a -> b }", (), "autograd", depth=2)
    source(job, "all")
    source(job, "folded")
    source(job, "lower")
    depths = [depth for _, depth, _ in asked]
    assert depths == [None, 1, 2, 1]
