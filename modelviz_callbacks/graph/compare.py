"""Comparing two graphs: which modules are the same, and what is another in them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from modelviz_callbacks.graph.diff import FlowChange, GraphDiff, ModuleChange, ModuleMove
from modelviz_callbacks.graph.fingerprint import fingerprints, trained_parameters
from modelviz_callbacks.graph.matching import ModuleMatch, match_modules
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node
from modelviz_callbacks.graph.module_changes import module_changes
from modelviz_callbacks.graph.module_tree import full_name, parent_path, with_ancestors

FlowKey = tuple[str, str, str | None]


def compare(old: ArchitectureGraph, new: ArchitectureGraph) -> GraphDiff:
    """Compares two graphs in all that their fingerprints are made of.

    Modules are recognised by their paths and by their structure; data flow is compared where both
    steps were seen to their end.

    Args:
        old: The earlier graph.
        new: The later one.

    Returns:
        What is another; empty if all fingerprints that both have are equal.
    """
    match = match_graphs(old, new)
    before = {entry.path: entry for entry in old.modules}
    after = {entry.path: entry for entry in new.modules}
    added = tuple(entry for path, entry in after.items() if path not in match.to_old)
    removed = tuple(entry for path, entry in before.items() if path not in match.to_new)
    both = [
        (before[match.to_old[path]], entry) for path, entry in after.items() if path in match.to_old
    ]
    changed = tuple(
        ModuleChange(is_now.path, changes)
        for was, is_now in both
        if (changes := tuple(module_changes(was, is_now, match)))
    )
    moved = tuple(
        ModuleMove(was.path, is_now.path)
        for was, is_now in both
        if not match.is_implied(was.path, is_now.path)
    )
    then, now = _Trained(old, match.new_name), _Trained(new, str)
    flow = _flow_changes(old, new, match, changed)
    found = GraphDiff(
        added=added,
        removed=removed,
        moved=moved,
        changed=changed,
        reordered=_is_reordered(before, after, match),
        now_trained=now.but_not(then),
        now_frozen=then.but_not(now),
        flow=flow,
    )
    if not (flow or added or removed or changed or moved) and _flows_differ(old, new):
        return GraphDiff(**{**vars(found), "rewired": True})
    return found


def match_graphs(old: ArchitectureGraph, new: ArchitectureGraph) -> ModuleMatch:
    """Finds which modules are the same; the same pairs in both directions."""
    kinds = [fingerprints(graph)["structure"] for graph in (old, new)]
    if kinds[0] == kinds[1]:
        return ModuleMatch({entry.path: entry.path for entry in old.modules})
    if kinds[0] < kinds[1]:
        return match_modules(old.modules, new.modules)
    return match_modules(new.modules, old.modules).inverted()


def _is_reordered(
    before: Mapping[str, ModuleEntry],
    after: Mapping[str, ModuleEntry],
    match: ModuleMatch,
) -> bool:
    """Whether what is in the same module as before comes in another order in it.

    Optimizers count parameters by it.
    """
    olds, news = _by_holder(before), _by_holder(after)
    return (
        any(
            _in_other_order(
                [match.to_new.get(path, "") for path in olds.get(was, [])], news[is_now]
            )
            for was, is_now in match.to_new.items()
            if is_now in news
        )
        or any(
            _in_other_order(*([state.name for state in states] for states in both))
            for was, is_now in match.to_new.items()
            for both in (
                (before[was].parameters, after[is_now].parameters),
                (before[was].buffers, after[is_now].buffers),
            )
        )
        or (match.is_identity() and _in_other_order(list(before), list(after)))
    )


def _by_holder(modules: Iterable[str]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for path in modules:
        if path:
            parts.setdefault(parent_path(path), []).append(path)
    return parts


def _in_other_order(old: Sequence[str], new: Sequence[str]) -> bool:
    if old == new:
        return False
    both = set(old) & set(new)
    return [name for name in old if name in both] != [name for name in new if name in both]


class _Trained:
    """The parameters of one graph and which of them are trained, by their names in the new one."""

    def __init__(self, graph: ArchitectureGraph, rename: Callable[[str], str]) -> None:
        # A shared parameter has several names, of which the first one is told.
        self.names: set[str] = set()
        self.trained: set[str] = set()
        self.told: set[str] = set()
        for entry in graph.modules:
            for parameter in entry.parameters:
                names = {rename(full_name(entry, parameter.name))}
                if parameter.tied_to is not None:
                    names.add(rename(parameter.tied_to))
                self.names |= names
                if parameter.requires_grad:
                    self.trained |= names
        self.told = {rename(name) for name in trained_parameters(graph)}

    def but_not(self, other: "_Trained") -> tuple[str, ...]:
        """Gives what is trained here, and is there as well without being trained."""
        return tuple(sorted((self.told & other.names) - other.trained))


def _flow_changes(
    old: ArchitectureGraph,
    new: ArchitectureGraph,
    match: ModuleMatch,
    changed: Iterable[ModuleChange],
) -> tuple[FlowChange, ...]:
    if not _flows_differ(old, new):
        return ()
    replaced = {m.path for m in changed if any(change.what == "class" for change in m.changes)}
    gone = {entry.path for entry in old.modules} - match.to_new.keys()
    come = {entry.path for entry in new.modules} - match.to_old.keys()
    # The model itself holds everything: what is in it is another only if its parts are.
    was_replaced = {match.to_old[path] for path in replaced}
    before = _flow_counts(old, (gone | was_replaced) - {""}, match.to_new)
    after = _flow_counts(new, (come | replaced) - {""}, {})
    return tuple(
        FlowChange(*key, before[key], after[key])
        for key in sorted(before.keys() | after.keys(), key=_sortable)
        if before[key] != after[key]
    )


def _flows_differ(old: ArchitectureGraph, new: ArchitectureGraph) -> bool:
    before, after = (fingerprints(graph).get("dataflow") for graph in (old, new))
    return before is not None and after is not None and before != after


def _sortable(key: FlowKey) -> tuple[str, str, str]:
    kind, name, parent = key
    return parent or "", kind, name


def _flow_counts(
    graph: ArchitectureGraph, explained: set[str], renamed: Mapping[str, str]
) -> Counter[FlowKey]:
    """Counts calls and operations that are not in explained modules, by their new names."""
    nodes = {node.id: node for node in graph.nodes}
    counts: Counter[FlowKey] = Counter()
    for node in graph.nodes:
        parent = None if node.parent is None else nodes.get(node.parent)
        above = None if parent is None else parent.path
        places = [path for path in (node.path, above) if path is not None]
        if not any(not explained.isdisjoint(with_ancestors(path)) for path in places):
            counts[_flow_key(node, above, renamed)] += 1
    return counts


def _flow_key(node: Node, above: str | None, renamed: Mapping[str, str]) -> FlowKey:
    if node.kind == "module":
        path = node.path or ""
        return node.kind, renamed.get(path, path), None
    return node.kind, node.name, None if above is None else renamed.get(above, above)
