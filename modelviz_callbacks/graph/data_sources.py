"""Where the data of a call or operation comes from, as far as two steps can be compared in it."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelviz_callbacks.graph.node_matching import StepNodes

# Two steps that have little in common are not worth a longer search.
_MOST_STEPS = 64


@dataclass(frozen=True)
class Source:
    """Something that data comes from.

    Attributes:
        node: The id of the node that made it.
        known: The ids of nodes of both steps that it came from: the node, and the calls that it is
            in, without those that the target is in as well; from the inside out.
        by_way_of: The ids of operations of this step alone that it came through, from the target
            on.
        is_direct: Whether it came through none but operations; False if modules of this step
            alone are on the way.
    """

    node: int
    known: tuple[int, ...]
    by_way_of: tuple[int, ...]
    is_direct: bool


def data_sources(step: StepNodes, target: int) -> tuple[Source, ...] | None:
    """Finds what of both steps feeds a node, directly or through what only its step has.

    Args:
        step: The nodes of the step.
        target: The node's id.

    Returns:
        The sources, in the order of the inputs, each maker once; None if there are too many.
    """
    return _search(step, step.sources.get(target, ()), set(step.calls(target)))


def output_sources(step: StepNodes, call: int) -> tuple[Source, ...] | None:
    """Finds what of both steps feeds what a call gives out.

    Args:
        step: The nodes of the step.
        call: The call's id.

    Returns:
        The sources within the call or before it, as `data_sources` has them.
    """
    return _search(step, step.leaving.get(call, ()), set(step.calls(call)))


def _search(step: StepNodes, makers: Iterable[int], around: set[int]) -> tuple[Source, ...] | None:
    found: dict[int, Source] = {}
    seen: set[int] = set()
    waiting: deque[tuple[Iterable[int], tuple[int, ...], bool]] = deque([(makers, (), True)])
    for _ in range(_MOST_STEPS):
        if not waiting:
            return tuple(found.values())
        makers, way, direct = waiting.popleft()
        for node in makers:
            known = tuple(_known(step, node, around))
            if known:
                earlier = found.get(known[-1])
                if earlier is None or (direct and not earlier.is_direct):
                    found[known[-1]] = Source(node, known, way, direct)
            elif node not in seen:
                seen.add(node)
                is_direct = direct and node not in step.own
                waiting.append((step.sources.get(node, ()), (*way, node), is_direct))
    return None


def _known(step: StepNodes, node: int, around: set[int]) -> Iterator[int]:
    for call in step.calls(node):
        if call in around:
            return
        if call in step.matched:
            yield call
