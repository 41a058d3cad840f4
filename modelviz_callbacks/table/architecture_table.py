"""Our own summary table: made from the graph, so there is one for every model."""

import re
from collections import Counter
from collections.abc import Iterator

from modelviz_callbacks.graph.costs import Cost, Costs
from modelviz_callbacks.graph.model import ArchitectureGraph, Failure, TensorSpec
from modelviz_callbacks.graph.plain_text import last_part
from modelviz_callbacks.graph.units import human_bytes, human_count, human_share
from modelviz_callbacks.table.columns import aligned, visible
from modelviz_callbacks.table.entries import WIDTH, Entry, entry_lines, listed
from modelviz_callbacks.table.rows import Row, table_rows
from modelviz_callbacks.table.tensor_text import shape_text, tensor_text

_HEADINGS = ("Module", "Class", "Output", "Parameters", "%", "FLOPs", "%", "")
_ALIGNMENT = "<<<>>>><"
_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


def architecture_table(graph: ArchitectureGraph, depth: int, width: int = WIDTH) -> str:
    """Shows a model's modules as a tree, with what each gives out, holds and computes.

    Args:
        graph: What was seen in a step; of modules alone, it shows what is held.
        depth: How many levels below the model are shown.
        width: The most places that a line may take.

    Returns:
        The table: a head with the inputs, a row for each module (three or
        more equal ones after each other share a row, with the figures of one of them) and for the
        operations that a module computes itself, and the totals below.
    """
    costs = Costs.of(graph)
    rows = [_cells(row, costs.total()) for row in table_rows(graph, costs, depth)]
    table = ["", *aligned([_HEADINGS, *rows], _ALIGNMENT, width)] if rows else []
    head, foot = entry_lines(_head(graph), width), entry_lines(_foot(graph, costs), width)
    return "\n".join([*head, *table, *foot]) + "\n"


def _head(graph: ArchitectureGraph) -> Iterator[Entry]:
    if graph.modules:
        yield "Model", [graph.modules[0].class_name]
    inputs = [
        (node.name, spec) for node in graph.nodes if node.kind == "input" for spec in node.outputs
    ]
    shown = [f"{name} {tensor_text(spec)}" for name, spec in inputs]
    yield from listed("Inputs" if len(shown) > 1 else "Input", shown)


def _cells(row: Row, total: Cost) -> list[str]:
    return [
        row.lines + visible(row.name),
        visible(row.class_name),
        _outputs(row.outputs),
        f"{row.parameters:,}" if row.parameters else "",
        human_share(row.parameters, total.parameters),
        _flops(row),
        human_share(row.flops or 0, total.flops_forward or 0),
        visible(", ".join(row.marks)),
    ]


def _outputs(specs: tuple[TensorSpec, ...]) -> str:
    shown = ", ".join(shape_text(spec) for spec in specs[:2])
    return f"{shown}, +{len(specs) - 2}" if len(specs) > 2 else shown  # noqa: PLR2004


def _flops(row: Row) -> str:
    if not row.flops:
        return "?" if row.is_lower_bound else ""
    return f"{'≥ ' if row.is_lower_bound else ''}{human_count(row.flops)}"


def _foot(graph: ArchitectureGraph, costs: Costs) -> Iterator[Entry]:
    total = costs.total()
    yield "Parameters", [parameters_text(total)]
    if total.buffers:
        yield "Buffers", [f"{total.buffers:,} ({human_bytes(total.buffer_bytes)})"]
    if len(total.bytes_by_dtype) > 1:
        sizes = sorted(total.bytes_by_dtype.items(), key=lambda item: -item[1])
        yield "By dtype", [f"{human_bytes(size)} {dtype}" for dtype, size in sizes]
    if total.uninitialized:
        waiting = f"{total.uninitialized} parameters or buffers have no shape yet"
        yield "Not counted", [f"{waiting}: lazy modules that were not called"]
    yield from _computed(total)
    yield from _uncalled(graph, costs.never_called())
    for note in graph.notes:
        yield "Note", [note]
    if graph.failure is not None:
        yield "Stopped", [_stop(graph, graph.failure)]


def parameters_text(total: Cost) -> str:
    """Tells how many parameters there are, how large they are, and how many of them train."""
    held = f"{total.parameters:,} ({human_bytes(total.parameter_bytes)})"
    frozen = total.parameters - total.trainable_parameters
    if not frozen:
        return f"{held}, all of them trainable" if total.parameters else held
    share = human_share(total.trainable_parameters, total.parameters) or "0"
    return (
        f"{held}, {total.trainable_parameters:,} of them trainable ({share} %), {frozen:,} frozen"
    )


def _computed(total: Cost) -> Iterator[Entry]:
    if total.flops_forward is not None:
        bound = "at least " if total.uncounted_calls else ""
        missing = f"; calls not counted: {total.uncounted_calls}" if total.uncounted_calls else ""
        flops = f"{bound}{human_count(total.flops_forward)} in the forward"
        yield "FLOPs", [f"{flops} (a multiplication and an addition are two{missing})"]
    if total.activation_bytes is not None:
        size = human_bytes(total.activation_bytes)
        yield "Outputs", [f"{size} of all layers and operations, views included"]


def _uncalled(graph: ArchitectureGraph, paths: tuple[str, ...]) -> Iterator[Entry]:
    """Lists modules that no call reached; those that differ in a number only are one item."""
    paths = tuple(path or "the model" for path in paths)
    patterns = Counter(_NUMBER.sub("*", path) for path in paths)
    items = (
        f"{pattern} ({patterns[pattern]} ×)" if patterns[pattern] > 1 else path
        for path in paths
        if (pattern := _NUMBER.sub("*", path))
    )
    label = "Never called" if graph.failure is None else "Not reached"
    yield from listed(label, dict.fromkeys(items))
    if paths and graph.failure is None:
        yield "", ["(functions may use their parameters all the same)"]


def _stop(graph: ArchitectureGraph, failure: Failure) -> str:
    classes = {entry.path: last_part(entry.class_name) for entry in graph.modules}
    where = "in the training step"
    if failure.path is not None:
        where = f"in {failure.path or 'the model'} ({classes.get(failure.path, '?')})"
    if failure.operation is not None:
        where += f" at {failure.operation}"
    met = " and ".join(shape_text(spec) for spec in failure.inputs)
    shapes = f"; shapes that met: {met}" if met else ""
    raised = f"{failure.exception}: {failure.message}" if failure.message else failure.exception
    return f"{where}: {raised}{shapes}"
