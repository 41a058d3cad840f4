"""Comparing two graphs: which modules are the same, and what is another in them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from modelviz_callbacks.graph.connection_changes import connection_changes
from modelviz_callbacks.graph.diff import GraphDiff, ModuleChange, ModuleMove
from modelviz_callbacks.graph.fingerprint import fingerprints, trained_parameters
from modelviz_callbacks.graph.flow_changes import flow_changes, replaced_calls
from modelviz_callbacks.graph.matching import match_modules
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry
from modelviz_callbacks.graph.module_changes import module_changes
from modelviz_callbacks.graph.module_match import ModuleMatch
from modelviz_callbacks.graph.module_tree import full_name, parent_path
from modelviz_callbacks.graph.node_matching import StepNodes, match_nodes

# The fingerprints of the old and of the new graph.
Kinds = tuple[Mapping[str, str], Mapping[str, str]]


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
    return GraphPair(old, new).diff


class GraphPair:
    """Two graphs that are compared; what several questions need is found out once.

    Attributes:
        old: The earlier graph.
        new: The later one.
    """

    def __init__(self, old: ArchitectureGraph, new: ArchitectureGraph) -> None:
        """Takes the graphs; nothing is compared yet."""
        self.old = old
        self.new = new

    @cached_property
    def fingerprints(self) -> Kinds:
        """The fingerprints of either."""
        return fingerprints(self.old), fingerprints(self.new)

    @cached_property
    def match(self) -> ModuleMatch:
        """Which modules are the same; the same pairs in both directions."""
        before, after = (kinds["structure"] for kinds in self.fingerprints)
        if before == after:
            return ModuleMatch({entry.path: entry.path for entry in self.old.modules})
        if before < after:
            return match_modules(self.old.modules, self.new.modules)
        return match_modules(self.new.modules, self.old.modules).inverted()

    @cached_property
    def steps(self) -> tuple[StepNodes, StepNodes]:
        """Which nodes are the same; the same pairs in both directions."""
        before, after = (sorted(kinds.items()) for kinds in self.fingerprints)
        # Both directions are to give the same pairs, so one of them is always taken.
        if before <= after:
            return match_nodes(self.old, self.new, self.match)
        news, olds = match_nodes(self.new, self.old, self.match.inverted())
        return olds, news

    @cached_property
    def diff(self) -> GraphDiff:
        """What is another, as `compare` gives it."""
        found = self._modules_apart()
        flows = [kinds.get("dataflow") for kinds in self.fingerprints]
        if None in flows or flows[0] == flows[1]:
            return found
        return _with_flow(found, self.steps, self.match)

    def _modules_apart(self) -> GraphDiff:
        match = self.match
        before = {entry.path: entry for entry in self.old.modules}
        after = {entry.path: entry for entry in self.new.modules}
        both = [
            (before[match.to_old[path]], entry)
            for path, entry in after.items()
            if path in match.to_old
        ]
        then, now = _Trained(self.old, match.new_name), _Trained(self.new, str)
        return GraphDiff(
            added=tuple(entry for path, entry in after.items() if path not in match.to_old),
            removed=tuple(entry for path, entry in before.items() if path not in match.to_new),
            moved=tuple(
                ModuleMove(was.path, is_now.path)
                for was, is_now in both
                if not match.is_implied(was.path, is_now.path)
            ),
            changed=tuple(
                ModuleChange(is_now.path, changes)
                for was, is_now in both
                if (changes := tuple(module_changes(was, is_now, match)))
            ),
            reordered=_is_reordered(before, after, match),
            now_trained=now.but_not(then),
            now_frozen=then.but_not(now),
        )


def _with_flow(
    found: GraphDiff, steps: tuple[StepNodes, StepNodes], match: ModuleMatch
) -> GraphDiff:
    replaced = {
        module.path
        for module in found.changed
        if any(change.what == "class" for change in module.changes)
    }
    unlike = (
        replaced_calls(steps[0], {match.to_old[path] for path in replaced}),
        replaced_calls(steps[1], replaced),
    )
    connections = connection_changes(*steps, unlike)
    found = replace(
        found,
        flow=flow_changes(*steps, match, unlike),
        skips_added=connections.skips_added,
        skips_removed=connections.skips_removed,
        connections=connections.changes,
    )
    return found or replace(found, rewired=True)


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
