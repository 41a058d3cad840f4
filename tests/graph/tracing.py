"""Watches one call of a model and gives its graph."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.watch.call_arguments import named_arguments
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.tensor_tree import clone_tensor, map_tensors
from modelviz_callbacks.watch.tracer import StepTracer


@contextmanager
def rehearsal(module: nn.Module, args: Any, kwargs: Any) -> Iterator[Any]:
    with Isolation(module).replay():
        yield map_tensors((args, kwargs), clone_tensor)


def traced(model: nn.Module, *args: Any, **kwargs: Any) -> ArchitectureGraph:
    """Gives the graph of `model(*args, **kwargs)`, also of a call that raises."""
    tracer = StepTracer(model, rehearsal)
    output, raised = None, None
    tracer.arm()
    tracer.begin(named_arguments(model, args, kwargs))
    try:
        output = model(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - a failing call has a graph too
        raised = error
    finally:
        tracer.end(output, "output")
        tracer.disarm()
    if tracer.error is not None:
        raise tracer.error
    return tracer.graph(describe_modules(model), raised)
