"""What is another in one architecture than in another one: plain data, the same every time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from modelviz_callbacks.graph.fingerprint import fingerprints, trained_parameters
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node, StateEntry
from modelviz_callbacks.graph.module_tree import full_name, with_ancestors


@dataclass(frozen=True)
class Change:
    """A value that is another now.

    Attributes:
        what: What it is the value of, like `"kernel_size"`, `"weight"` or `"argument 1:"`.
        old: The value before; None where there was none.
        new: The value now; None where there is none any more.
    """

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ModuleChange:
    """A module that is in both architectures, and not the same.

    Attributes:
        path: Its path.
        changes: What is another, at least one.
    """

    path: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class FlowChange:
    """A call, an operation or an end of the graph that the step has more or less often.

    Attributes:
        kind: As in `Node`.
        name: A called module's path, an operation's name, or the name of an end.
        parent: The path of the module that an operation ran in; None in the step itself.
        old: How many there were.
        new: How many there are.
    """

    kind: str
    name: str
    parent: str | None
    old: int
    new: int


@dataclass(frozen=True)
class GraphDiff:
    """What is another in a new graph than in an old one.

    Attributes:
        added: Modules of the new one alone, in its order.
        removed: Modules of the old one alone, in its order.
        changed: Modules of both that are not the same, in the new one's order.
        reordered: Whether what both have comes in another order.
        now_trained: Parameters of both that only the new one trains, by name.
        now_frozen: Parameters of both that only the old one trained, by name.
        flow: What the step does more or less often, apart from what follows from added, removed
            and replaced modules; sorted.
        rewired: Whether the same calls and operations are connected in another way.
    """

    added: tuple[ModuleEntry, ...] = ()
    removed: tuple[ModuleEntry, ...] = ()
    changed: tuple[ModuleChange, ...] = ()
    reordered: bool = False
    now_trained: tuple[str, ...] = ()
    now_frozen: tuple[str, ...] = ()
    flow: tuple[FlowChange, ...] = ()
    rewired: bool = False

    def __bool__(self) -> bool:
        """Whether anything is another."""
        return self != GraphDiff()


def compare(old: ArchitectureGraph, new: ArchitectureGraph) -> GraphDiff:
    """Compares two graphs in all that their fingerprints are made of.

    Modules are the same if their paths are; data flow is compared where both steps were seen to
    their end.

    Args:
        old: The earlier graph.
        new: The later one.

    Returns:
        What is another; empty if all fingerprints that both have are equal.
    """
    before, after = _by_path(old), _by_path(new)
    added = tuple(entry for path, entry in after.items() if path not in before)
    removed = tuple(entry for path, entry in before.items() if path not in after)
    both = [(before[path], entry) for path, entry in after.items() if path in before]
    changed = tuple(
        ModuleChange(is_now.path, changes)
        for was, is_now in both
        if (changes := tuple(_module_changes(was, is_now)))
    )
    trained_before, trained_now = set(trained_parameters(old)), set(trained_parameters(new))
    shared = _parameter_names(old) & _parameter_names(new)
    flow = _flow_changes(old, new, {entry.path for entry in (*added, *removed)}, changed)
    return GraphDiff(
        added=added,
        removed=removed,
        changed=changed,
        reordered=_order(before, after) != _order(after, before),
        now_trained=tuple(sorted((trained_now - trained_before) & shared)),
        now_frozen=tuple(sorted((trained_before - trained_now) & shared)),
        flow=flow,
        rewired=not (flow or added or removed or changed) and _flows_differ(old, new),
    )


def _by_path(graph: ArchitectureGraph) -> dict[str, ModuleEntry]:
    return {entry.path: entry for entry in graph.modules}


def _order(modules: Mapping[str, ModuleEntry], others: Mapping[str, ModuleEntry]) -> list[str]:
    """Gives the names of modules, parameters and buffers that are in both, in order."""
    order = []
    for path, entry in modules.items():
        if (other := others.get(path)) is None:
            continue
        order.append(path)
        for states, theirs in (
            (entry.parameters, other.parameters),
            (entry.buffers, other.buffers),
        ):
            names = {state.name for state in theirs}
            order += [full_name(entry, state.name) for state in states if state.name in names]
    return order


def _parameter_names(graph: ArchitectureGraph) -> set[str]:
    return {full_name(entry, p.name) for entry in graph.modules for p in entry.parameters}


def _module_changes(old: ModuleEntry, new: ModuleEntry) -> Iterator[Change]:
    if old.class_name != new.class_name:
        yield Change("class", old.class_name, new.class_name)
        if old.config != new.config:
            yield Change("configuration", old.config, new.config)
    elif old.config != new.config:
        yield from _config_changes(old.config, new.config)
    if old.tied_to != new.tied_to:
        yield Change("the same module as", old.tied_to, new.tied_to)
    yield from _state_changes(old.parameters, new.parameters)
    yield from _state_changes(old.buffers, new.buffers)


def _config_changes(old: str, new: str) -> Iterator[Change]:
    """Compares two configurations like `"3, 64, kernel_size=(7, 7)"` part by part."""
    before, after = _config_parts(old), _config_parts(new)
    positional = [[key for key in parts if key.isdigit()] for parts in (before, after)]
    if before == after or positional[0] != positional[1]:
        # Only the order or the spaces are others, or it cannot be said which part is which.
        yield Change("configuration", old, new)
        return
    for key in dict.fromkeys((*after, *before)):
        if before.get(key) != after.get(key):
            what = f"argument {key}:" if key.isdigit() else key
            yield Change(what, before.get(key), after.get(key))


def _config_parts(config: str) -> dict[str, str]:
    """Gives the parts of a configuration by keyword, or by place (from 1) where there is none."""
    parts: dict[str, str] = {}
    for place, part in enumerate(_split(config), start=1):
        keyword, sign, value = part.partition("=")
        named = sign and keyword.strip().isidentifier()
        parts[keyword.strip() if named else str(place)] = (value if named else part).strip()
    return parts


def _split(config: str) -> Iterator[str]:
    """Splits at the commas outside of brackets."""
    depth, begin = 0, 0
    for place, character in enumerate(config):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield config[begin:place]
            begin = place + 1
    if config[begin:].strip():
        yield config[begin:]


def _state_changes(old: Iterable[StateEntry], new: Iterable[StateEntry]) -> Iterator[Change]:
    before = {state.name: state for state in old}
    after = {state.name: state for state in new}
    for name in dict.fromkeys((*after, *before)):
        was, is_now = before.get(name), after.get(name)
        if was is None or is_now is None:
            yield Change(name, _shape(was), _shape(is_now))
            continue
        if was.shape != is_now.shape:
            yield Change(name, _shape(was), _shape(is_now))
        if was.dtype != is_now.dtype:
            yield Change(f"dtype of {name}", was.dtype, is_now.dtype)
        if was.tied_to != is_now.tied_to:
            yield Change(f"{name} is the same as", was.tied_to, is_now.tied_to)


def _shape(state: StateEntry | None) -> str | None:
    if state is None:
        return None
    return "not yet known" if state.shape is None else str(list(state.shape))


def _flow_changes(
    old: ArchitectureGraph,
    new: ArchitectureGraph,
    only_in_one: set[str],
    changed: Iterable[ModuleChange],
) -> tuple[FlowChange, ...]:
    if not _flows_differ(old, new):
        return ()
    replaced = {m.path for m in changed if any(change.what == "class" for change in m.changes)}
    # The model itself holds everything: what is in it is another only if its parts are.
    explained = (only_in_one | replaced) - {""}
    before, after = _flow_counts(old), _flow_counts(new)
    return tuple(
        FlowChange(kind, name, parent, before[kind, name, parent], after[kind, name, parent])
        for kind, name, parent in sorted(before.keys() | after.keys(), key=_sortable)
        if before[kind, name, parent] != after[kind, name, parent]
        and explained.isdisjoint(with_ancestors(name) if kind == "module" else ())
        and (parent is None or explained.isdisjoint(with_ancestors(parent)))
    )


def _flows_differ(old: ArchitectureGraph, new: ArchitectureGraph) -> bool:
    before, after = (fingerprints(graph).get("dataflow") for graph in (old, new))
    return before is not None and after is not None and before != after


def _sortable(key: tuple[str, str, str | None]) -> tuple[str, str, str]:
    kind, name, parent = key
    return parent or "", kind, name


def _flow_counts(graph: ArchitectureGraph) -> Counter[tuple[str, str, str | None]]:
    nodes = {node.id: node for node in graph.nodes}
    return Counter(_flow_key(node, nodes) for node in graph.nodes)


def _flow_key(node: Node, nodes: Mapping[int, Node]) -> tuple[str, str, str | None]:
    if node.kind == "module":
        return node.kind, node.path or "", None
    parent = None if node.parent is None else nodes.get(node.parent)
    return node.kind, node.name, None if parent is None else parent.path
