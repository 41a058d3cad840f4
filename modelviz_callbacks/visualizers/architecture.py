"""Our own views of the step that was watched: a table and a diagram, without an extra forward."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.errors import NotApplicableError, one_line
from modelviz_callbacks.graph.costs import Costs, ModuleCost
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.table.architecture_table import architecture_table
from modelviz_callbacks.visualizers.base import Data, Dot, Output, Text
from modelviz_callbacks.visualizers.run import Result, attempt
from modelviz_callbacks.visualizers.torchinfo_summary import TorchinfoSummary
from modelviz_callbacks.visualizers.torchview_diagram import TorchviewDiagram

NAME = "architecture"
# A few percent are biases and norms, which torchinfo counts and torch's formulas do not.
_ALIKE = 0.05
GRAPH, TABLE, DIAGRAM = "graph", "table", "architecture"


def show_architecture(
    graph: ArchitectureGraph, depth: int, error: Exception | None = None
) -> Iterator[Result]:
    """Shows a watched step as data, as a table and as a diagram.

    Args:
        graph: What was seen.
        depth: How many levels of modules the table and the diagram show.
        error: What broke the watching off, if something did.

    Yields:
        A result for each; one that fails does not cost the others.
    """
    seen = attempt((GRAPH, NAME, ""), lambda: Data(graph.to_json(), graph.notes))
    if error is not None:
        seen = replace(seen, status="failed", error=one_line(error), exception=error)
    yield seen
    yield attempt((TABLE, NAME, ""), lambda: Text(architecture_table(graph, depth), graph.notes))
    if error is not None and not graph.edges:
        yield Result(DIAGRAM, NAME, "", "skipped", error="the watching broke off: see graph")
    else:
        yield attempt((DIAGRAM, NAME, ""), partial(_diagram, graph, depth))


def nothing_to_show(reason: str) -> list[Result]:
    """Gives the results of a step that was not watched."""
    return [
        Result(artifact, NAME, "", "skipped", error=reason) for artifact in (GRAPH, TABLE, DIAGRAM)
    ]


def _diagram(graph: ArchitectureGraph, depth: int) -> Dot:
    # A step that raised at once may have nothing to connect.
    if graph.failure is None and not graph.edges:
        raise NotApplicableError("no data flow was seen in the step")
    source, notes = architecture_dot(graph, depth)
    return Dot(source, (*notes, *graph.notes))


def stand_in(
    results: Sequence[Result], ours: Sequence[Result], graph: ArchitectureGraph | None
) -> list[Result]:
    """Puts our table in torchinfo's place where that failed, and explains other totals than ours.

    Args:
        results: What the libraries made.
        ours: What `show_architecture` gave.
        graph: What was seen, if the step was watched.

    Returns:
        The results with the replacements; their statuses stay what they were.
    """
    made = {result.artifact: result.output for result in ours if result.output is not None}
    costs = {} if graph is None else Costs.of(graph).by_module()
    return [_compared(_replaced(result, made), costs) for result in results]


def _compared(result: Result, costs: Mapping[str, ModuleCost]) -> Result:
    """Says where torchinfo's multiply-adds are not our FLOPs: two for each."""
    if not isinstance(result.output, Text) or result.output.mult_adds is None:
        return result
    cost = costs.get(result.root)
    if cost is None or not (flops := cost.flops_forward):
        return result
    # torchinfo counts one call.
    counted, calls = 2 * result.output.mult_adds, max(cost.calls, 1)
    if abs(calls * counted - flops) <= _ALIKE * flops:
        return result
    watched = "the watched call's" if calls == 1 else f"those of the {calls} watched calls together"
    note = (
        f"torchinfo's multiply-adds are {counted:,} FLOPs, {watched} are "
        f"{'at least ' * bool(cost.uncounted_calls)}{flops:,}: "
        "torchinfo takes a layer's parameters times its output's positions, for linear layers "
        "the batch alone, biases and norms included, and no operation outside of layers."
    )
    return replace(result, output=result.output.with_note(note))


def _replaced(result: Result, made: Mapping[str, Output]) -> Result:
    if result.status == "ok":
        return result
    if result.visualizer == TorchinfoSummary.name and isinstance(table := made.get(TABLE), Text):
        heading = f"torchinfo {result.status}: {result.error}\nThis is our own table instead.\n\n"
        note = "our own table, made by watching the step, stands in for torchinfo's"
        return replace(result, output=Text(heading + table.content, (note,)))
    if result.visualizer == TorchviewDiagram.name and DIAGRAM in made:
        note = "our own diagram, made by watching the step, stands in: see architecture"
        return replace(result, notes=(*result.notes, note))
    return result
