"""What keeps the modules of a complete autograd graph one below the other."""

from collections.abc import Collection, Iterator

from modelviz_callbacks.draw.libraries.autograd_source import AutogradSource
from modelviz_callbacks.draw.libraries.autograd_tree import AutogradTree


def spacers(
    source: AutogradSource, tree: AutogradTree, aside: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Gives pairs of nodes of which the second has to stand below the first.

    Parameters are fed by nothing, and would stand beside what comes before their module; then one
    module would stand beside the other, too.

    Args:
        source: The autograd graph.
        tree: It grouped by module.
        aside: Parameters and what is done to them before they meet the data.

    Yields:
        What feeds a module, and a parameter that is used there first.
    """
    parents = {node.id: node.parent for node in tree.graph.nodes}

    def is_in(node: int, container: int | None) -> bool:
        around = parents[tree.ids[node]]
        while around is not None and around != container:
            around = parents[around]
        return around == container

    seen: set[tuple[int, int]] = set()
    for tail, end, _ in source.edges:
        container = parents[tree.ids[end]]
        if tail in aside or end in aside or container is None or is_in(tail, container):
            continue
        waiting = [end]
        while waiting:
            node = waiting.pop()
            if (tail, node) in seen:
                continue
            seen.add((tail, node))
            parameters = list(_parameters_of(node, source, aside))
            yield from ((tail, parameter) for parameter in parameters)
            if not parameters:
                waiting += (one for one in source.after[node] if is_in(one, container))


def _parameters_of(node: int, source: AutogradSource, aside: Collection[int]) -> Iterator[int]:
    for feeding in source.before[node]:
        if feeding in aside:
            yield from _parameters_of(feeding, source, aside)
            if not source.before[feeding]:
                yield feeding
