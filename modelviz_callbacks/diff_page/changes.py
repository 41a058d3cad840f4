"""The list of changes: what is marked, said once for all modules that it is said of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelviz_callbacks.diff_page.sides import Side
from modelviz_callbacks.graph.diff_marks import Mark, MarkKind
from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.graph.module_tree import with_ancestors
from modelviz_callbacks.graph.siblings import numberless

# In the order of the list.
_KINDS: tuple[MarkKind, ...] = ("added", "removed", "moved", "changed", "trained", "frozen")
_ALONE = {"added", "removed"}

# The module's path in the old graph and in the new one, the node's id in the old one and the new.
Place = list[str | int | None]


def changes_of(old: Side, new: Side) -> list[dict[str, Any]]:
    """Lists the changes.

    Args:
        old: The earlier architecture.
        new: The later one.

    Returns:
        For each its `kind` and `text`, the `name` of what it is of (a class or an operation), how
        many modules came or went `inside` it, and its `places`: each the module's path in the old
        and in the new architecture, and the node's id in them, null where there is none. Of what
        came or went with its holder, the holder alone is listed.
    """
    listing = _Listing()
    was, is_now = _class_names(old.graph), _class_names(new.graph)
    for path, mark, inside in _module_marks(new):
        listing.add(mark, is_now[path], _of_modules(new.marks.other_paths.get(path), path), inside)
    for path, mark, inside in _module_marks(old):
        if mark.kind == "removed":
            listing.add(mark, was[path], _of_modules(path, None), inside)
    for place, side in enumerate((old, new)):
        for node, mark in _node_marks(side):
            there: Place = [None, None, None, None]
            there[2 + place] = node.id
            listing.add(mark, node.name, there, 0)
    return listing.in_order()


def _of_modules(old: str | None, new: str | None) -> Place:
    return [old, new, None, None]


class _Listing:
    def __init__(self) -> None:
        self._places: dict[tuple[str, str, str, int], list[Place]] = {}
        self._texts: dict[tuple[str, str, str, int], str] = {}

    def add(self, mark: Mark, name: str, place: Place, inside: int) -> None:
        # When a block comes or goes, all after it have other numbers: that is said once.
        text = numberless(mark.text) if mark.kind == "moved" else mark.text
        key = mark.kind, text, name, inside
        self._texts.setdefault(key, mark.text)
        self._places.setdefault(key, []).append(place)

    def in_order(self) -> list[dict[str, Any]]:
        listed = [
            {
                "kind": key[0],
                "text": self._texts[key],
                "name": key[2],
                "inside": key[3],
                "places": _paired(places),
            }
            for key, places in self._places.items()
        ]
        return sorted(listed, key=lambda change: _KINDS.index(change["kind"]))


def _paired(places: list[Place]) -> list[Place]:
    """Puts nodes of both graphs that the same is said of side by side."""
    of_old = [place for place in places if place[2] is not None]
    of_new = [place for place in places if place[3] is not None]
    if not of_old or len(of_old) != len(of_new):
        return places
    return [[None, None, was[2], now[3]] for was, now in zip(of_old, of_new, strict=True)]


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
    return {entry.path: entry.class_name.rpartition(".")[2] for entry in graph.modules}


def _node_marks(side: Side) -> Iterator[tuple[Node, Mark]]:
    for node in side.graph.nodes:
        for mark in side.marks.nodes.get(node.id, ()):
            yield node, mark
