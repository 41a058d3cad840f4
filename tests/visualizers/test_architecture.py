"""Our own views together: results of each kind, and where they stand in for the libraries'."""

from dataclasses import replace
from typing import Any

import pytest
from torch import nn

from modelviz_callbacks.errors import NotApplicableError
from modelviz_callbacks.graph.model import ArchitectureGraph, Failure
from modelviz_callbacks.visualizers import architecture
from modelviz_callbacks.visualizers.architecture import (
    nothing_to_show,
    show_architecture,
    stand_in,
)
from modelviz_callbacks.visualizers.base import Data, Dot, Text
from modelviz_callbacks.visualizers.run import Result
from tests.graph.tracing import traced
from tests.models import digits


@pytest.fixture(scope="module")
def graph() -> ArchitectureGraph:
    return traced(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)), digits())


def shown(graph: ArchitectureGraph, **options: Any) -> dict[str, Result]:
    return {result.artifact: result for result in show_architecture(graph, 3, **options)}


def test_a_watched_step_is_data_a_table_and_a_diagram(graph) -> None:
    """All of them of the whole step, under one visualizer's name."""
    results = shown(graph)
    assert {name: result.status for name, result in results.items()} == {
        "graph": "ok",
        "table": "ok",
        "architecture": "ok",
    }
    assert {(r.visualizer, r.root) for r in results.values()} == {("architecture", "")}
    kinds = [type(r.output) for r in results.values()]
    assert kinds == [Data, Text, Dot]
    output = results["graph"].output
    assert output is not None
    assert ArchitectureGraph.from_json(getattr(output, "content", "")) == graph


def test_notes_of_the_watching_stand_with_every_view(graph) -> None:
    """What could not be seen is told wherever one looks."""
    results = shown(replace(graph, notes=("part runs compiled",)))
    for result in results.values():
        assert result.output is not None
        assert "part runs compiled" in result.output.notes


@pytest.mark.parametrize(
    ("name", "artifact"), [("architecture_table", "table"), ("architecture_dot", "architecture")]
)
def test_a_view_that_raises_does_not_cost_the_others(graph, name, artifact, monkeypatch) -> None:
    """It is a failure of its own."""

    def raising(*_args: Any) -> Any:
        raise KeyError("no colour")

    monkeypatch.setattr(architecture, name, raising)
    results = shown(graph)
    assert {n for n, r in results.items() if r.status == "ok"} == set(results) - {artifact}
    assert results[artifact].error == "KeyError: 'no colour'"


def test_a_watching_that_broke_off_is_the_graphs_failure(graph) -> None:
    """What was seen until then is shown all the same."""
    results = shown(graph, error=RuntimeError("broken"))
    assert (results["graph"].status, results["graph"].error) == ("failed", "RuntimeError: broken")
    assert results["graph"].output is not None
    assert (results["table"].status, results["architecture"].status) == ("ok", "ok")


def test_a_watching_that_saw_nothing_has_no_diagram_and_says_so(graph) -> None:
    """It is no second failure: the reason is the first one's."""
    results = shown(ArchitectureGraph(graph.modules), error=RuntimeError("broken"))
    assert results["architecture"].status == "skipped"
    assert "broke off" in str(results["architecture"].error)
    assert results["table"].status == "ok"


def test_a_step_without_data_flow_has_no_diagram() -> None:
    """A picture without an edge shows nothing; that is told rather than drawn."""
    results = shown(ArchitectureGraph(traced(nn.Linear(8, 4), digits()).modules))
    assert results["architecture"].status == "skipped"
    assert results["architecture"].error == "no data flow was seen in the step"


def test_a_step_that_raised_at_once_has_a_diagram(graph) -> None:
    """There may be nothing to connect yet, but there is a failure to show."""
    failure = Failure(None, None, None, (), "KeyError", "'image'")
    results = shown(ArchitectureGraph(graph.modules, failure=failure))
    assert results["architecture"].status == "ok"


def test_an_unwatched_step_has_a_reason_for_each_view() -> None:
    """None of them is missing from the manifest."""
    results = nothing_to_show("no step was run")
    assert [(r.artifact, r.status, r.error) for r in results] == [
        ("graph", "skipped", "no step was run"),
        ("table", "skipped", "no step was run"),
        ("architecture", "skipped", "no step was run"),
    ]


def test_flops_of_calls_that_were_not_all_counted_are_a_lower_bound(graph) -> None:
    """The note compares torchinfo's figure with what is known, and says so."""
    unknown = replace(graph.nodes[2], flops=None)
    part = replace(graph, nodes=(*graph.nodes[:2], unknown, *graph.nodes[3:]))
    result = Result("summary", "torchinfo", "", "ok", Text("theirs", (), 10_000))
    (compared,) = stand_in([result], [], part)
    assert isinstance(compared.output, Text)
    assert "the watched call's are at least " in compared.output.notes[0]


def library(name: str, status: Any, root: str = "") -> Result:
    artifact = {"torchinfo": "summary", "torchview": "torchview", "torchviz": "autograd"}[name]
    output = Text("theirs") if status == "ok" else None
    return Result(artifact, name, root, status, output, None if output else "no reason")


def test_our_table_stands_in_for_torchinfos(graph) -> None:
    """Its heading says so, and the status stays what it was."""
    ours = list(show_architecture(graph, 3))
    (result,) = stand_in([library("torchinfo", "failed")], ours, graph)
    assert (result.status, result.error) == ("failed", "no reason")
    assert isinstance(result.output, Text)
    first, second, *_ = result.output.content.splitlines()
    assert first == "torchinfo failed: no reason"
    assert second == "This is our own table instead."
    (table,) = (r.output.content for r in ours if isinstance(r.output, Text))
    assert result.output.content.endswith(table)
    assert "stands in" in result.output.notes[0]


def test_our_diagram_is_named_where_torchviews_is_missing(graph) -> None:
    """It is not copied: one picture is enough."""
    ours = list(show_architecture(graph, 3))
    (result,) = stand_in([library("torchview", "skipped")], ours, graph)
    assert result.output is None
    assert "see architecture" in result.notes[0]


def test_what_worked_and_what_has_no_stand_in_stays(graph) -> None:
    """The libraries' own results, and autograd's graph, which we do not have."""
    ours = list(show_architecture(graph, 3))
    results = [
        library("torchinfo", "ok"),
        library("torchview", "ok"),
        library("torchviz", "failed"),
    ]
    assert stand_in(results, ours, graph) == results


def test_without_our_views_nothing_stands_in() -> None:
    """They failed, or were not wanted."""
    results = [library("torchinfo", "failed"), library("torchview", "failed")]
    assert stand_in(results, [], None) == results
    assert stand_in(results, nothing_to_show("no step"), None) == results


def test_every_root_of_several_has_its_stand_in(graph) -> None:
    """A GAN whose networks torchinfo cannot run."""
    ours = list(show_architecture(graph, 3))
    results = [library("torchinfo", "skipped", root) for root in ("generator", "discriminator")]
    stood_in = stand_in(results, ours, graph)
    assert [r.root for r in stood_in] == ["generator", "discriminator"]
    assert all(r.output is not None for r in stood_in)


def test_a_reason_not_to_show_is_no_failure(graph, monkeypatch) -> None:
    """A view may have nothing to show, and say why."""

    def nothing(*_args: Any) -> Any:
        raise NotApplicableError("an empty model")

    monkeypatch.setattr(architecture, "architecture_table", nothing)
    table = shown(graph)["table"]
    assert (table.status, table.error, table.exception) == ("skipped", "an empty model", None)
