"""The DOT that is laid out on a rung of the ladder, made of what the job holds.

Each picture has a process of its own: it imports only what its kind needs.
"""

from collections.abc import Callable
from functools import partial

from modelviz_callbacks.draw.job import DrawJob
from modelviz_callbacks.draw.ladder import Detail

# Lines in a graph that dot lays out in a second or two, however they cross.
QUICK = 400

Source = tuple[str, tuple[str, ...]]


def source(job: DrawJob, detail: Detail) -> Source:
    """Makes the DOT source of a picture.

    Args:
        job: The graph.
        detail: What is drawn of it.

    Returns:
        DOT source; and what was simplified in it, in words.
    """
    if job.kind == "architecture":
        return _ours(job, detail)
    try:
        return _restyled(job, detail)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a library's DOT may be of any kind
        return job.dot, (f"drawn as the library wrote it, which could not be read ({error})",)


def _ours(job: DrawJob, detail: Detail) -> Source:
    if detail != "lower" or not job.graph:
        return job.dot, ()
    from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
    from modelviz_callbacks.graph.model import ArchitectureGraph

    graph = ArchitectureGraph.from_json(job.graph)

    def make(depth: int) -> Source:
        # What the view says of itself is in the record already, of the wanted depth.
        return architecture_dot(graph, depth)[0], ()

    return _deepest_quick(make, job, detail)


def _restyled(job: DrawJob, detail: Detail) -> Source:
    if job.kind == "torchview":
        from modelviz_callbacks.draw.libraries import torchview_graph

        if detail != "lower":
            return torchview_graph.restyled(job.dot, None, folded=detail == "folded")
        return _deepest_quick(partial(torchview_graph.restyled, job.dot, folded=True), job, detail)
    from modelviz_callbacks.draw.libraries import autograd_graph

    if detail == "all":
        return autograd_graph.restyled(job.dot, None)
    return _deepest_quick(partial(autograd_graph.restyled, job.dot), job, detail)


def _deepest_quick(make: Callable[[int], Source], job: DrawJob, detail: Detail) -> Source:
    """Goes down level by level, for as long as the graph grows and is still small."""
    deepest = max(job.depth - 1, 0) if detail == "lower" else job.depth
    shown = min(deepest, 1)
    made = make(shown)
    for depth in range(shown + 1, deepest + 1):
        candidate = make(depth)
        if candidate[0] == made[0]:
            shown = deepest
            break
        if candidate[0].count("->") > QUICK:
            break
        made, shown = candidate, depth
    if shown == job.depth:
        return made
    return made[0], (*made[1], f"the picture shows depth {shown} instead of {job.depth}")
