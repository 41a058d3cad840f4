"""A diff as short items in words, each of which tells of all that changed alike."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from modelviz_callbacks.graph.diff import Change, ChangeKind, GraphDiff, ModuleMove
from modelviz_callbacks.graph.flow_items import (
    connection_words,
    flow_words,
    skip_words,
    unexplained_flow,
)
from modelviz_callbacks.graph.model import ModuleEntry
from modelviz_callbacks.graph.module_tree import own_name, parent_path
from modelviz_callbacks.graph.path_patterns import (
    Pattern,
    numbers_in,
    path_patterns,
    without_numbers,
)
from modelviz_callbacks.graph.plain_text import first_of, last_part, many, named, plain

ItemKind = Literal[
    "added",
    "removed",
    "moved",
    "changed",
    "reordered",
    "trained",
    "frozen",
    "skip added",
    "skip removed",
    "connection",
    "flow added",
    "flow removed",
    "flow changed",
    "rewired",
]

_MOST_CHANGES = 4
_MOST_NAMES = 3
_MOST_PARAMETERS = 3


@dataclass(frozen=True)
class DiffItem:
    """One thing that is another, or several alike.

    Attributes:
        kind: What kind of thing it is.
        subject: What it is about, like `"layer1.[0-2].conv1"`.
        detail: What is said of it, like `"kernel_size (3, 3) → (5, 5)"`; empty if nothing more is.
        paths: The modules that it is about: for `"removed"` by their old paths, for all other
            kinds by their new ones; empty where it is about none or about operations.
    """

    kind: ItemKind
    subject: str
    detail: str = ""
    paths: tuple[str, ...] = ()


def diff_items(diff: GraphDiff) -> Iterator[DiffItem]:
    """Puts a diff into words.

    Args:
        diff: What is another.

    Yields:
        Items by kind, in the order of `ItemKind`.
    """
    yield from _came_or_went("added", diff.added)
    yield from _came_or_went("removed", diff.removed)
    yield from _moves(diff.moved)
    yield from _changes(diff)
    if diff.reordered:
        yield DiffItem("reordered", "the modules or parameters come in another order")
    yield from _parameters("trained", diff.now_trained)
    yield from _parameters("frozen", diff.now_frozen)
    yield from _flow(diff)
    if diff.rewired:
        said = "the first step runs the same calls in another order, or connects them otherwise"
        yield DiffItem("rewired", said)


def outermost(modules: Sequence[ModuleEntry]) -> dict[str, list[ModuleEntry]]:
    """Gives modules by the path of the outermost one that they came or went with, it first."""
    holders: dict[str, str] = {}
    found: dict[str, list[ModuleEntry]] = {}
    for module in modules:
        path = module.path
        holder = holders.get(parent_path(path), path) if path else path
        holders[path] = holder
        found.setdefault(holder, []).append(module)
    return found


def _came_or_went(kind: ItemKind, modules: Sequence[ModuleEntry]) -> Iterator[DiffItem]:
    alike: dict[tuple[str, int], list[str]] = {}
    for path, held in outermost(modules).items():
        alike.setdefault((held[0].class_name, len(held) - 1), []).append(path)
    for (class_name, inside), paths in alike.items():
        for pattern in path_patterns(paths):
            yield DiffItem(
                kind, named(pattern.text), _what(class_name, inside, pattern), pattern.paths
            )


def _what(class_name: str, inside: int, pattern: Pattern) -> str:
    count = len(pattern.paths)
    what = plain(last_part(class_name))
    if count > 1:
        what = f"{count:,} × {what}"
    if not inside:
        return what
    return f"{what} with {many(inside, 'module')} in {'each' if count > 1 else 'it'}"


def _moves(moves: Sequence[ModuleMove]) -> Iterator[DiffItem]:
    alike: dict[object, list[ModuleMove]] = {}
    for move in moves:
        # What stayed where it was, while what holds it did not, is no news of its own.
        if move.old != move.new:
            alike.setdefault(_way(move), []).append(move)
    for group in alike.values():
        yield DiffItem("moved", *_way_words(group), tuple(move.new for move in group))


def _way(move: ModuleMove) -> object:
    """Equal for moves that are told together: `net.1 → net.2` and `net.2 → net.4`."""
    holder = parent_path(move.old)
    if holder == parent_path(move.new) and _are_numbered(move):
        return holder
    return without_numbers(move.old), without_numbers(move.new), _step(move)


def _are_numbered(move: ModuleMove) -> bool:
    return own_name(move.old).isdecimal() and own_name(move.new).isdecimal()


def _step(move: ModuleMove) -> tuple[int, ...]:
    """Gives how much larger the numbers in the new path are."""
    pairs = zip(numbers_in(move.old), numbers_in(move.new), strict=False)
    return tuple(int(now) - int(before) for before, now in pairs)


def is_rename(move: ModuleMove) -> bool:
    """Whether a module is where it was, under another name."""
    return bool(move.old and move.new) and parent_path(move.old) == parent_path(move.new)


def _way_words(moves: Sequence[ModuleMove]) -> tuple[str, str]:
    first = moves[0]
    how = "renamed" if is_rename(first) else "moved"
    if len(moves) == 1:
        return f"{named(first.old)} → {named(first.new)}", how
    if len({_step(move) for move in moves}) > 1:
        last = moves[-1]
        ways = (f"{named(move.old)} → {named(move.new)}" for move in (first, last))
        return " … ".join(ways), f"{len(moves):,} modules {how}"
    olds = path_patterns(move.old for move in moves)
    news = path_patterns(move.new for move in moves)
    return f"{named(olds[0].text)} → {named(news[0].text)}", f"{len(moves):,} modules {how}"


def _changes(diff: GraphDiff) -> Iterator[DiffItem]:
    alike: dict[str, list[str]] = {}
    for module in diff.changed:
        alike.setdefault(change_words(module.changes), []).append(module.path)
    for words, paths in alike.items():
        yield DiffItem("changed", _names(paths), words, tuple(paths))


def _names(paths: Sequence[str]) -> str:
    patterns = path_patterns(paths)
    names = first_of([named(pattern.text) for pattern in patterns], _MOST_NAMES)
    return names if len(paths) == len(patterns) else f"{names} ({many(len(paths), 'module')})"


def change_words(changes: Sequence[Change]) -> str:
    """Says what changed in a module: `"kernel_size 3 → 5, stride 1 → 2"`.

    What follows is left out: two classes have little in common that could be compared, and
    parameters have other shapes where the configuration is another.
    """
    kinds = {change.kind for change in changes}
    told = [change for change in changes if change.kind not in _follow(kinds)]
    return first_of([_change(change) for change in told], _MOST_CHANGES)


def _follow(kinds: set[ChangeKind]) -> set[ChangeKind]:
    if "class" in kinds:
        return {"config", "state", "dtype"}
    return {"state"} if "config" in kinds else set()


def _change(change: Change) -> str:
    what = plain(change.what)
    if change.kind == "tie":
        return f"{what} {_tie(change.old, change.new)}"
    if change.old is None:
        return f"{what} {plain(change.new or '')} added"
    if change.new is None:
        return f"{what} {plain(change.old)} removed"
    old, new = change.old, change.new
    if change.kind == "class" and last_part(old) != last_part(new):
        old, new = last_part(old), last_part(new)
    return f"{what} {plain(old)} → {plain(new)}"


def _tie(old: str | None, new: str | None) -> str:
    if new is None:
        return f"no longer the same as {plain(old or '')}"
    return f"now the same as {plain(new)}{'' if old is None else f' instead of {plain(old)}'}"


def _parameters(kind: ItemKind, names: Sequence[str]) -> Iterator[DiffItem]:
    if names:
        patterns = [plain(pattern.text) for pattern in path_patterns(names)]
        paths = dict.fromkeys(parent_path(name) for name in names)
        yield DiffItem(
            kind,
            many(len(names), "parameter tensor"),
            first_of(patterns, _MOST_PARAMETERS),
            tuple(paths),
        )


def _flow(diff: GraphDiff) -> Iterator[DiffItem]:
    yield from _alike("skip added", map(skip_words, diff.skips_added))
    yield from _alike("skip removed", map(skip_words, diff.skips_removed))
    yield from _alike("connection", map(connection_words, diff.connections))
    changes = unexplained_flow(diff)
    yield from _alike("flow added", (flow_words(c) for c in changes if not c.old))
    yield from _alike("flow removed", (flow_words(c) for c in changes if not c.new))
    yield from _alike("flow changed", (flow_words(c) for c in changes if c.old and c.new))


def _alike(kind: ItemKind, told: Iterable[tuple[str, str]]) -> Iterator[DiffItem]:
    """Puts together what differs in numbers alone: in every block the same happened."""
    alike: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for words in told:
        alike.setdefault((without_numbers(words[0]), without_numbers(words[1])), []).append(words)
    for group in alike.values():
        subjects = path_patterns(dict.fromkeys(subject for subject, _ in group))
        details = path_patterns(dict.fromkeys(detail for _, detail in group))
        times = f"{len(group):,} × " if len(group) > 1 else ""
        yield DiffItem(kind, f"{times}{subjects[0].text}", details[0].text if details else "")
