"""Where the data of a call or operation comes from, as far as two steps can be compared in it."""

from collections.abc import Iterator
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
    around = set(step.calls(target))
    found: dict[int, Source] = {}
    waiting: list[tuple[int, tuple[int, ...], bool]] = [(target, (), True)]
    seen = {target}
    for _ in range(_MOST_STEPS):
        if not waiting:
            return tuple(found.values())
        place, way, direct = waiting.pop(0)
        for node in step.sources.get(place, []):
            known = tuple(_known(step, node, around))
            if known:
                earlier = found.get(known[-1])
                if earlier is None or (direct and not earlier.is_direct):
                    found[known[-1]] = Source(node, known, way, direct)
            elif node not in seen:
                seen.add(node)
                waiting.append((node, (*way, node), direct and node not in step.own))
    return None


def _known(step: StepNodes, node: int, around: set[int]) -> Iterator[int]:
    for call in step.calls(node):
        if call in around:
            return
        if call in step.matched:
            yield call
