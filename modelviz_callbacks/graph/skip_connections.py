"""Skip connections: data that comes to an operation both directly and by way of others."""

from collections.abc import Iterable

from modelviz_callbacks.graph.data_sources import Source
from modelviz_callbacks.graph.diff import Endpoint, SkipConnection
from modelviz_callbacks.graph.node_matching import StepNodes

# What leads around more than this is told as a connection, not as a skip.
_MOST_AROUND = 2000


def skip_connection(
    step: StepNodes, target: int | None, source: Source, others: Iterable[Source]
) -> SkipConnection | None:
    """Describes a source of a node as a skip connection, if it is one.

    Args:
        step: The nodes of the step.
        target: The node's id; None if it is about what a call gives out.
        source: Where the way around may begin.
        others: The other sources of the node; the way leads around one that this source feeds.

    Returns:
        The skip connection; None if the source feeds no other one, or nothing joins them.
    """
    for other in others:
        join = _joining(target, source, other)
        if join is not None and (around := _between(step, source.node, other.node)):
            call = step.parents[join]
            return SkipConnection(
                step.path(call),
                endpoint(step, source.known[-1]),
                call is not None and call not in step.calls(source.node),
                endpoint(step, join),
                _ends(step, around, call),
            )
    return None


def endpoint(step: StepNodes, node: int) -> Endpoint:
    """Names a node."""
    seen = step.nodes[node]
    name = seen.name if seen.path is None else seen.path
    return Endpoint(seen.kind, name, step.path(step.parents[node]), node)


def _joining(target: int | None, source: Source, other: Source) -> int | None:
    """Gives the node in which two ways to the target come together."""
    join = target
    for place, its_place in zip(source.by_way_of, other.by_way_of, strict=False):
        if place != its_place:
            break
        join = place
    return join


def _between(step: StepNodes, start: int, end: int) -> list[int]:
    """Gives the nodes on the ways from one node to another one, with the other one."""
    seen, waiting = {end}, [end]
    while waiting:
        for node in step.sources.get(waiting.pop(), []):
            # What was made before the start is not fed by it.
            if node > start and node not in seen:
                seen.add(node)
                waiting.append(node)
        if len(seen) > _MOST_AROUND:
            return []
    fed = {start}
    for node in sorted(seen):
        if not fed.isdisjoint(step.sources.get(node, ())):
            fed.add(node)
    return sorted(fed - {start}) if end in fed and end != start else []


def _ends(step: StepNodes, nodes: list[int], call: int | None) -> tuple[Endpoint, ...]:
    """Names the first and the last of nodes, as seen in a call: modules, if there are any."""
    seen = dict.fromkeys(_in_call(step, node, call) for node in nodes)
    calls = [node for node in seen if step.nodes[node].kind == "module"]
    ends = dict.fromkeys([min(calls or seen), max(calls or seen)])
    return tuple(endpoint(step, node) for node in ends)


def _in_call(step: StepNodes, node: int, call: int | None) -> int:
    """Gives the part of a call that a node is in, or the outermost call if it is elsewhere."""
    part = node
    for outer in step.calls(node):
        if outer == call:
            break
        part = outer
    return part
