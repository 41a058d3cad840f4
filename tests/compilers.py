"""Compilers for tests: a backend that counts, and what torch counts beside it."""

from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo.utils import counters


class CountingBackend:
    """A backend that counts the graphs that it is given, and runs them eagerly."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph: Any, _inputs: Any) -> Callable[..., Any]:
        self.graphs += 1
        return graph.forward


def fresh_compiler() -> CountingBackend:
    """Forgets all that was compiled and counted, and gives a new backend."""
    torch._dynamo.reset()
    counters.clear()
    return CountingBackend()


def compiler_work(backend: CountingBackend) -> dict[str, Any]:
    """Tells what the compiler did: frames, graphs, breaks, recompilations."""
    kinds = ("frames", "stats", "recompiles", "graph_break", "unimplemented")
    return {"graphs": backend.graphs} | {kind: dict(counters[kind]) for kind in kinds}
