"""The list of changes: what is marked, said once for all modules that it is said of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelviz_callbacks.comparison.costs_apart import PartCost
from modelviz_callbacks.diff_page.sides import Place, Side
from modelviz_callbacks.graph.diff import GraphDiff
from modelviz_callbacks.graph.diff_items import DiffItem, diff_items
from modelviz_callbacks.graph.diff_marks import Mark, MarkKind
from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.graph.module_tree import with_ancestors
from modelviz_callbacks.graph.path_patterns import path_patterns, without_numbers
from modelviz_callbacks.graph.plain_text import first_of, last_part, many, named, plain

# In the order of the list.
_KINDS: tuple[MarkKind, ...] = ("added", "removed", "moved", "changed", "trained", "frozen")
_ALONE = {"added", "removed"}
_MOST_NAMES = 3


def changes_of(
    old: Side, new: Side, diff: GraphDiff, parts: Iterable[PartCost] = ()
) -> list[dict[str, Any]]:
    """Lists the changes.

    Args:
        old: The earlier architecture.
        new: The later one.
        diff: What is another.
        parts: What was gained or lost with which module.

    Returns:
        For each its `kind`, the `subject` (paths, or an operation and where it ran) and the `text`
        in words; the `parameters` and `flops` that were gained by it; and its `places`: each the
        module's path in the old and in the new architecture, and the node's id in them, null where
        there is none. Of what came or went with its holder, the holder alone is listed.
    """
    listing = _Listing()
    was, is_now = _class_names(old.graph), _class_names(new.graph)
    for item in diff_items(diff):
        if item.kind == "moved":
            listing.add_moves(item, [_of_modules(new.marks.other_paths[p], p) for p in item.paths])
    for path, mark, inside in _module_marks(new):
        if mark.kind == "moved":
            continue
        place = _of_modules(new.marks.other_paths.get(path), path)
        listing.add(mark, _of_module(mark, is_now[path], inside), place, path)
    for path, mark, inside in _module_marks(old):
        if mark.kind == "removed":
            text = _of_module(mark, was[path], inside)
            listing.add(mark, text, _of_modules(path, None), path)
    for at, (side, replaced) in enumerate(zip((old, new), _replaced(new, diff), strict=True)):
        for node, mark, where in _node_marks(side):
            # Of what another class does otherwise, the class is told.
            if where is None or replaced.isdisjoint(with_ancestors(where)):
                listing.add(mark, _of_node(mark, node), _of_node_in(at, node.id), where)
    return listing.in_order({(part.kind, part.path): part for part in parts})


def _replaced(new: Side, diff: GraphDiff) -> tuple[set[str], set[str]]:
    """Gives the modules that are of another class now, by their old paths and their new ones."""
    changed = (m.path for m in diff.changed if any(c.kind == "class" for c in m.changes))
    is_now = set(changed) - {""}
    return {new.marks.other_paths[path] for path in is_now}, is_now


def _of_module(mark: Mark, class_name: str, inside: int) -> str:
    if mark.kind not in _ALONE:
        return mark.text
    name = plain(class_name)
    return f"{name} with {many(inside, 'module')} in it" if inside else name


def _of_node(mark: Mark, node: Node) -> str:
    ends = {"input": f"input {plain(node.name)}", "output": f"output {plain(node.name)}"}
    name = ends.get(node.kind, plain(node.name))
    return name if mark.text == mark.kind else f"{name}: {mark.text}"


def _of_modules(old: str | None, new: str | None) -> Place:
    return old, new, None, None


def _of_node_in(side: int, node: int) -> Place:
    return (None, None, node, None) if side == 0 else (None, None, None, node)


class _Listing:
    def __init__(self) -> None:
        self._items: dict[tuple[str, str], _Item] = {}

    def add_moves(self, told: DiffItem, places: list[Place]) -> None:
        """Lists moves in the words of the terminal: when a block comes, all after it move."""
        item = _Item("moved", told.detail, places, list(told.paths), told.subject)
        self._items["moved", told.subject] = item

    def add(self, mark: Mark, text: str, place: Place, where: str | None) -> None:
        key = mark.kind, without_numbers(text) if where is None else text
        item = self._items.setdefault(key, _Item(mark.kind, text))
        item.places.append(place)
        item.where.append(where)

    def in_order(self, parts: Mapping[tuple[str, str], PartCost]) -> list[dict[str, Any]]:
        items = sorted(self._items.values(), key=lambda item: _KINDS.index(item.kind))
        return [item.described(parts) for item in items]


@dataclass
class _Item:
    kind: MarkKind
    text: str
    places: list[Place] = field(default_factory=list)
    where: list[str | None] = field(default_factory=list)
    subject: str | None = None

    def described(self, parts: Mapping[tuple[str, str], PartCost]) -> dict[str, Any]:
        paths = [path for path in dict.fromkeys(self.where) if path is not None]
        names = [named(pattern.text) for pattern in path_patterns(paths)] or ["the step"]
        found = [part for path in paths if (part := parts.get((self.kind, path)))]
        flops = [part.flops for part in found if part.flops is not None]
        return {
            "kind": self.kind,
            "subject": self.subject or first_of(names, _MOST_NAMES),
            "text": self.text,
            "parameters": sum(part.parameters for part in found),
            "flops": sum(flops),
            "places": _paired(self.places),
        }


def _paired(places: list[Place]) -> list[Place]:
    """Puts nodes of both graphs that the same is said of side by side."""
    of_old = [place for place in places if place[2] is not None]
    of_new = [place for place in places if place[3] is not None]
    if not of_old or len(of_old) != len(of_new):
        return places
    return [(None, None, was[2], now[3]) for was, now in zip(of_old, of_new, strict=True)]


def _module_marks(side: Side) -> Iterator[tuple[str, Mark, int]]:
    """Gives what is marked, with how many came or went with it; those in it are not given."""
    inside = _inside(side.marks.modules)
    for path, marks in side.marks.modules.items():
        for mark in marks:
            if mark.kind not in _ALONE:
                yield path, mark, 0
            elif (path, mark.kind) in inside:
                yield path, mark, inside[path, mark.kind]


def _inside(marked: Mapping[str, Sequence[Mark]]) -> dict[tuple[str, MarkKind], int]:
    """Counts for each outermost module that came or went how many did in it."""
    found: dict[tuple[str, MarkKind], int] = {}
    kinds = {path: {mark.kind for mark in marks} & _ALONE for path, marks in marked.items()}
    for path, own in kinds.items():
        for kind in own:
            holders = (p for p in with_ancestors(path) if kind in kinds.get(p, ()))
            *_, outermost = holders
            found[outermost, kind] = found.get((outermost, kind), -1) + 1
    return found


def _class_names(graph: ArchitectureGraph) -> dict[str, str]:
    return {entry.path: last_part(entry.class_name) for entry in graph.modules}


def _node_marks(side: Side) -> Iterator[tuple[Node, Mark, str | None]]:
    """Gives nodes that are marked, with the module that they ran in; None is the step itself."""
    nodes = {node.id: node for node in side.graph.nodes}
    for node_id, marks in side.marks.nodes.items():
        node = nodes[node_id]
        holder = None if node.parent is None else nodes.get(node.parent)
        where = node.path if node.kind == "module" else None if holder is None else holder.path
        for mark in marks:
            yield node, mark, where
