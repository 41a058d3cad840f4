"""A diff in words: a line for each kind of change, however many changes there are."""

from collections.abc import Iterator, Sequence

from modelviz_callbacks.graph.diff import Change, FlowChange, GraphDiff, ModuleChange, ModuleMove
from modelviz_callbacks.graph.model import ModuleEntry
from modelviz_callbacks.graph.module_tree import with_ancestors

# A configuration may be a page; names may come from a file that anybody wrote.
_MOST_CHARACTERS = 80
_MOST_CHANGES = 4
_MOST_NAMES = 3


def describe_diff(diff: GraphDiff, most: int) -> tuple[str, ...]:
    """Puts a diff into words.

    Args:
        diff: What is another.
        most: How many things a line names before it counts the rest.

    Returns:
        Lines like `"net.conv1: kernel_size (3, 3) → (5, 5)"`; none if nothing is another.
    """
    lines = [
        _listed("added", _outermost(diff.added), most),
        _listed("removed", _outermost(diff.removed), most),
        _listed("moved or renamed", [move_words(move) for move in diff.moved], most),
        _listed("reconfigured", [_group(*group) for group in _alike(diff.changed)], most),
        "the modules or parameters come in another order" if diff.reordered else "",
        _parameters("trained now, and not before", diff.now_trained, most),
        _parameters("not trained any more", diff.now_frozen, most),
        _listed("in the first step", [_flow(change) for change in diff.flow], most),
        "the first step connects the same calls in another way" if diff.rewired else "",
    ]
    return tuple(line for line in lines if line)


def _listed(heading: str, things: Sequence[str], most: int) -> str:
    return f"{heading}: {_first(things, most, '; ')}" if things else ""


def _parameters(heading: str, names: Sequence[str], most: int) -> str:
    if not names:
        return ""
    count = f"{len(names)} parameter{'s' if len(names) > 1 else ''}"
    return f"{heading}: {count} ({_first([plain(n) for n in names], most, ', ')})"


def _first(things: Sequence[str], most: int, separator: str) -> str:
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return separator.join(things[:most]) + more


def _outermost(modules: Sequence[ModuleEntry]) -> list[str]:
    """Names modules without what lies in them, which came or went with them."""
    paths = {module.path for module in modules}
    inside: dict[str, int] = {}
    outermost = []
    for module in modules:
        holders = [path for path in with_ancestors(module.path) if path in paths]
        inside[holders[-1]] = inside.get(holders[-1], 0) + 1
        if len(holders) == 1:
            outermost.append(module)
    return [_module(module, inside[module.path] - 1) for module in outermost]


def move_words(move: ModuleMove) -> str:
    """Says where a module was and where it is: `"encoder → backbone"`."""
    return f"{_name(move.old)} → {_name(move.new)}"


def _module(module: ModuleEntry, inside: int) -> str:
    kind = module.class_name.rpartition(".")[2]
    holds = f" with {inside} module{'s' if inside > 1 else ''} in it" if inside else ""
    return f"{_name(module.path)} ({plain(kind)}{holds})"


def _alike(modules: Sequence[ModuleChange]) -> Iterator[tuple[list[str], Sequence[Change]]]:
    """Gives the paths of the modules in which the same changed."""
    groups: dict[tuple[Change, ...], list[str]] = {}
    for module in modules:
        groups.setdefault(module.changes, []).append(module.path)
    for changes, paths in groups.items():
        yield paths, changes


def _group(paths: Sequence[str], changes: Sequence[Change]) -> str:
    names = _first([_name(path) for path in paths], _MOST_NAMES, ", ")
    return f"{names} with {change_words(changes)}"


def change_words(changes: Sequence[Change]) -> str:
    """Says what changed in a module: `"kernel_size 3 → 5, stride 1 → 2"`."""
    if any(change.what == "class" for change in changes):
        # Two classes have little in common that could be compared.
        changes = [change for change in changes if change.what != "configuration"]
    return _first([_change(change) for change in changes], _MOST_CHANGES, ", ")


def _change(change: Change) -> str:
    what = plain(change.what)
    if change.old is None:
        return f"{what} {plain(change.new or '')} added"
    if change.new is None:
        return f"{what} {plain(change.old)} removed"
    old, new = change.old, change.new
    if change.what == "class" and _last(old) != _last(new):
        old, new = _last(old), _last(new)
    return f"{what} {plain(old)} → {plain(new)}"


def _flow(change: FlowChange) -> str:
    name = _name(change.name) if change.kind == "module" else plain(change.name)
    kind = {"module": "call of ", "input": "input ", "output": "output "}.get(change.kind, "")
    place = "" if change.parent is None else f" in {_name(change.parent)}"
    return f"{kind}{name}{place} {_times(change.new)} (before: {_times(change.old)})"


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _name(path: str) -> str:
    return plain(path) if path else "the model itself"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def plain(text: str) -> str:
    """Makes a text from anybody's file one short line, fit for any screen."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[: _MOST_CHARACTERS - 1]}…"
