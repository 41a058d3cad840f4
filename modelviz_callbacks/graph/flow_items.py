"""What is another in the flow of data, in words."""

from collections import Counter
from collections.abc import Mapping

from modelviz_callbacks.graph.diff import (
    ConnectionChange,
    Endpoint,
    FlowChange,
    GraphDiff,
    SkipConnection,
)
from modelviz_callbacks.graph.module_tree import with_ancestors
from modelviz_callbacks.graph.plain_text import first_of, named, plain

_MOST_SOURCES = 3


def skip_words(skip: SkipConnection) -> tuple[str, str]:
    """Says where a skip connection is, and from where it leads to what, around what."""
    start = "its input" if skip.is_input else _part(skip.source, skip.parent)
    around = " … ".join(_part(end, skip.parent) for end in skip.around)
    where = "the step" if skip.parent is None else named(skip.parent)
    return where, f"from {start} to {_part(skip.join, skip.parent)}, around {around}"


def connection_words(change: ConnectionChange) -> tuple[str, str]:
    """Says what takes its data from elsewhere, and from where."""
    gained, lost = (_all_of(ends) for ends in (change.gained, change.lost))
    does = "gives out" if change.gives_out else "takes"
    if not lost:
        return _end(change.target), f"{does} {gained}, too"
    if not gained:
        return _end(change.target), f"{does} {lost} no more"
    return _end(change.target), f"{does} {gained} instead of {lost}"


def flow_words(change: FlowChange) -> tuple[str, str]:
    """Says what the step does more or less often, and how often."""
    place = "" if change.parent is None else f" in {named(change.parent)}"
    if change.kind == "module":
        what = f"call of {named(change.name)}"
    elif change.kind == "op":
        what = plain(change.name)
    else:
        what = _of_the_step(change.kind, change.name)
    if change.old and change.new:
        times = f"{_times(change.new)}, before {_times(change.old)}"
    else:
        most = max(change.old, change.new)
        times = _times(most) if most > 1 else ""
    return f"{what}{place}", times


def unexplained_flow(diff: GraphDiff) -> list[FlowChange]:
    """Gives the changes that are more than an operation which joined a skip connection."""
    moves = {move.old: move.new for move in diff.moved}
    joins: Counter[tuple[str, str, str | None]] = Counter()
    for skips, sign in ((diff.skips_added, 1), (diff.skips_removed, -1)):
        for join in {skip.join for skip in skips}:
            parent = join.parent
            if parent is not None and sign < 0:
                parent = _new_path(parent, moves)
            joins[join.kind, join.name, parent] += sign
    return [
        change
        for change in diff.flow
        if change.new - change.old != joins[change.kind, change.name, change.parent]
    ]


def _new_path(path: str, moves: Mapping[str, str]) -> str:
    """Gives the path of a module that is in both graphs, after all moves."""
    for outer in with_ancestors(path):
        if outer in moves:
            inner = path[len(outer) :].lstrip(".")
            return ".".join(filter(None, (moves[outer], inner)))
    return path


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _all_of(ends: tuple[Endpoint, ...]) -> str:
    return first_of([_end(end) for end in ends], _MOST_SOURCES)


def _end(end: Endpoint) -> str:
    if end.kind == "module":
        return named(end.name)
    if end.kind != "op":
        return _of_the_step(end.kind, end.name)
    return plain(end.name) if end.parent is None else f"{plain(end.name)} in {named(end.parent)}"


def _of_the_step(kind: str, name: str) -> str:
    """Names an input or output; many names say already which of both it is."""
    return plain(name) if name.startswith(kind) else f"{kind} {plain(name)}"


def _part(end: Endpoint, parent: str | None) -> str:
    """Names an end as seen from a module."""
    if end.kind == "module" and parent and end.name.startswith(f"{parent}."):
        return plain(end.name[len(parent) + 1 :])
    return plain(end.name) if end.kind == "op" and end.parent == parent else _end(end)
