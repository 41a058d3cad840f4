"""What went into a step and what came out of it, as text."""

from collections.abc import Iterator, Sequence

from modelviz_callbacks.graph.model import ArchitectureGraph, NodeKind, TensorSpec
from modelviz_callbacks.table.columns import aligned, visible
from modelviz_callbacks.table.entries import WIDTH
from modelviz_callbacks.table.tensor_text import shape_text

_HEADINGS = ("", "Tensor", "Shape", "Dtype", "Device")
_ALIGNMENT = "<<<<<"


def step_sheet(graph: ArchitectureGraph, width: int = WIDTH) -> str:
    """Shows the tensors of the batch, what the step gave, and what its own calls took and gave.

    Args:
        graph: The graph.
        width: The most places that a line may take.
    """
    rows = [row for what, specs in _groups(graph) for row in _rows(what, specs)]
    if not rows:
        return "No tensor was seen in this step.\n"
    return "\n".join(aligned([_HEADINGS, *rows], _ALIGNMENT, width)) + "\n"


def ends_of(graph: ArchitectureGraph, kind: NodeKind) -> list[TensorSpec]:
    """Gives the tensors at an end of a step, by their names in the batch or what was returned.

    Args:
        graph: The graph.
        kind: `"input"` or `"output"`.
    """
    return [
        TensorSpec(spec.shape, spec.dtype, spec.device, node.name)
        for node in graph.nodes
        if node.kind == kind
        for spec in (node.outputs if kind == "input" else node.inputs)
    ]


def _groups(graph: ArchitectureGraph) -> Iterator[tuple[str, Sequence[TensorSpec]]]:
    yield "the step takes", ends_of(graph, "input")
    for call in graph.nodes:
        if call.kind == "module" and call.parent is None:
            name = call.path or "the model"
            yield f"{name} takes", call.inputs
            yield f"{name} gives", call.outputs
    yield "the step gives", ends_of(graph, "output")


def _rows(what: str, specs: Sequence[TensorSpec]) -> Iterator[tuple[str, ...]]:
    for spec in specs:
        yield (
            visible(what),
            visible(spec.name),
            shape_text(spec),
            visible(spec.dtype),
            visible(spec.device),
        )
        what = ""
