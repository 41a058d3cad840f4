"""Traces one forward of a model into its architecture graph."""

from typing import Any

from torch import nn

from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.flops import count_flops
from modelviz_callbacks.watch.graph_builder import Draft
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.tracer import StepTracer


def traced(model: nn.Module, *args: Any, **kwargs: Any) -> ArchitectureGraph:
    """Watches `model(*args, **kwargs)`; what it raises is in the graph."""
    tracer = StepTracer(model)
    raised: Exception | None = None
    with tracer.watching():
        tracer.builder.add_inputs(args or kwargs, "input")
        try:
            tracer.builder.add_outputs(model(*args, **kwargs), "output")
        except Exception as error:  # noqa: BLE001 - a failing step has a graph too
            raised = error
    assert tracer.error is None
    return tracer.builder.build(describe_modules(model), raised, _flops)


def _flops(draft: Draft) -> int | None:
    counts = draft.is_leaf and draft.kind in {"module", "op"}
    return count_flops(draft.computed) if counts else None
