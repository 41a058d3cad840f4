"""Gathering the many operations of one call into few boxes, as modules are closed at a depth."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from modelviz_callbacks.graph.call_tree import CallTree
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.graph.runs import Run

# A hand-written attention has two dozen; a detector's head has hundreds.
_MANY = 40
_FEW = 3

Gathered = tuple[int, ...]


def is_heap(tree: CallTree, siblings: Sequence[int]) -> bool:
    """Whether there are too many operations among siblings to look at each."""
    return sum(tree.nodes[node].kind == "op" for node in siblings) > _MANY


def has_heap(graph: ArchitectureGraph) -> bool:
    """Whether there are so many in any call."""
    counts = Counter(node.parent for node in graph.nodes if node.kind == "op")
    return any(count > _MANY for count in counts.values())


def gather(
    tree: CallTree, siblings: Sequence[int], runs: Iterable[Run]
) -> Iterator[Run | Gathered]:
    """Gathers operations that follow each other, and that data flows between.

    Those between two module calls, without a gap: so no data leaves a box and comes back to it.

    Args:
        tree: The graph's nodes as a tree.
        siblings: Ids of nodes in the same call, in order.
        runs: The runs that cover them.

    Yields:
        The runs in order; instead of those of connected operations, the ids of all of them.
    """

    def is_operations(run: Run) -> bool:
        return all(tree.nodes[node].kind == "op" for node in _covered(siblings, run))

    for gathers, neighbours in groupby(runs, is_operations):
        if gathers:
            yield from _connected(tree, siblings, list(neighbours))
        else:
            yield from neighbours


def _connected(
    tree: CallTree, siblings: Sequence[int], runs: Sequence[Run]
) -> Iterator[Run | Gathered]:
    heads = {node: node for run in runs for node in _covered(siblings, run)}

    def head(node: int) -> int:
        while heads[node] != node:
            heads[node] = node = heads[heads[node]]
        return node

    for node in heads:
        for crossing in tree.entering.get(node, ()):
            if crossing.sibling in heads:
                first, second = sorted((head(node), head(crossing.sibling)))
                heads[second] = first
    parts: dict[int, list[int]] = {}
    for node in heads:
        parts.setdefault(head(node), []).append(node)
    shown = set[int]()
    for run in runs:
        part = parts[head(siblings[run.start])]
        if len(part) < _FEW:
            yield run
        elif part[0] not in shown:
            shown.add(part[0])
            yield tuple(part)


def _covered(siblings: Sequence[int], run: Run) -> Sequence[int]:
    return siblings[run.start : run.start + run.length]
