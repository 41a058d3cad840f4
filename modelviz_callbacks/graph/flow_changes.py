"""What a step does more or less often than another one."""

from collections import Counter
from collections.abc import Mapping

from modelviz_callbacks.graph.diff import FlowChange
from modelviz_callbacks.graph.module_match import ModuleMatch
from modelviz_callbacks.graph.node_matching import StepNodes

FlowKey = tuple[str, str, str | None]


def flow_changes(
    before: StepNodes, after: StepNodes, match: ModuleMatch, unlike: tuple[set[int], set[int]]
) -> tuple[FlowChange, ...]:
    """Counts the calls, operations and ends that only one of two steps has.

    Args:
        before: The nodes of the earlier step, with those that are the same.
        after: The nodes of the later one.
        match: Which modules are the same.
        unlike: The ids of nodes in each step that are not compared, as what is in modules that
            were replaced by others.

    Returns:
        What does not follow from modules that came, went or were replaced; sorted.
    """
    olds, news = _unexplained(before, unlike[0]), _unexplained(after, unlike[1])
    lost = Counter(_key(before, node, match.to_new) for node in olds)
    gained = Counter(_key(after, node, {}) for node in news)
    keys = [key for key in lost.keys() | gained.keys() if lost[key] != gained[key]]
    stay = _common(before, after, match, lost, gained)
    return tuple(
        FlowChange(*key, stay[key] + lost[key], stay[key] + gained[key])
        for key in sorted(keys, key=_sortable)
    )


def _unexplained(step: StepNodes, unlike: set[int]) -> list[int]:
    lonely = set(step.left_over())
    return [
        node
        for node in step.left_over()
        if node not in unlike and node not in step.own and step.parents[node] not in lonely
    ]


def _common(
    before: StepNodes,
    after: StepNodes,
    match: ModuleMatch,
    lost: Counter[FlowKey],
    gained: Counter[FlowKey],
) -> Counter[FlowKey]:
    """Counts what both steps do, by its new names."""
    olds = Counter(_key(before, node, match.to_new) for node in before.nodes)
    news = Counter(_key(after, node, {}) for node in after.nodes)
    return (olds - lost) & (news - gained)


def replaced_calls(step: StepNodes, replaced: set[str]) -> set[int]:
    """Gives the ids of what is in calls of replaced modules.

    The model itself holds everything: what is in it is another only if its parts are.
    """
    inside: set[int] = set()
    for node, parent in step.parents.items():
        path = step.path(parent)
        if parent in inside or (path and path in replaced):
            inside.add(node)
    return inside


def _key(step: StepNodes, node: int, new_paths: Mapping[str, str]) -> FlowKey:
    kind, name = step.nodes[node].kind, step.nodes[node].name
    if kind == "module":
        path = step.path(node) or ""
        return kind, new_paths.get(path, path), None
    parent = step.path(step.parents[node])
    return kind, name, None if parent is None else new_paths.get(parent, parent)


def _sortable(key: FlowKey) -> tuple[str, str, str]:
    kind, name, parent = key
    return parent or "", kind, name
