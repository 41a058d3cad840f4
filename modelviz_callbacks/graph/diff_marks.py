"""Which modules of two diagrams are to be marked for what is another, and what is to be said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from modelviz_callbacks.graph.compare import GraphPair
from modelviz_callbacks.graph.diff import GraphDiff, SkipConnection
from modelviz_callbacks.graph.diff_items import change_words, is_rename
from modelviz_callbacks.graph.flow_items import connection_words, skip_words
from modelviz_callbacks.graph.module_tree import own_name, parent_path
from modelviz_callbacks.graph.node_matching import StepNodes
from modelviz_callbacks.graph.plain_text import named, plain

MarkKind = Literal["added", "removed", "moved", "changed", "trained", "frozen"]
ModuleMarks = dict[str, list["Mark"]]
NodeMarks = dict[int, list["Mark"]]
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Mark:
    """A reason to mark a module.

    Attributes:
        kind: `"added"` (in the new graph alone), `"removed"` (in the old one alone), `"moved"`
            (under another path in the other one), `"changed"` (not the same in the other one),
            `"trained"` or `"frozen"` (has parameters that only the new graph trains, or only the
            old one).
        text: What is to be said of it, in one line, fit for any screen.
    """

    kind: MarkKind
    text: str


@dataclass(frozen=True)
class GraphMarks:
    """The marks of one of the two graphs.

    Attributes:
        modules: The marks of a module, by its path in this graph. Of a module that came or went,
            the parts are marked as well; of one that moved, they are not.
        other_paths: The path in the other graph, by the path in this one, of modules in both.
        nodes: The marks of nodes, by their ids in this graph: of operations and ends that only
            one step has, of what joins a skip connection of this step alone, and of what takes its
            data from elsewhere. Calls have those of their modules besides.
    """

    modules: Mapping[str, tuple[Mark, ...]]
    other_paths: Mapping[str, str]
    nodes: Mapping[int, tuple[Mark, ...]]


def diff_marks(pair: GraphPair) -> tuple[GraphMarks, GraphMarks]:
    """Says what is to be marked in the diagrams of two graphs.

    Args:
        pair: The graphs.

    Returns:
        The marks of the old graph and those of the new one.
    """
    diff, match = pair.diff, pair.match
    marks: tuple[ModuleMarks, ModuleMarks] = ({}, {})
    for path, mark in _marks_of_new(diff):
        marks[1].setdefault(path, []).append(mark)
        if (was := match.to_old.get(path)) is not None:
            marks[0].setdefault(was, []).append(mark)
    for entry in diff.removed:
        marks[0].setdefault(entry.path, []).append(Mark("removed", "removed"))
    nodes: tuple[NodeMarks, NodeMarks] = ({}, {})
    if diff.flow or diff.skips_added or diff.skips_removed or diff.connections:
        _mark_nodes(nodes, diff, pair.steps)
    return (
        GraphMarks(_fixed(marks[0]), match.to_new, _fixed(nodes[0])),
        GraphMarks(_fixed(marks[1]), match.to_old, _fixed(nodes[1])),
    )


def _mark_nodes(
    nodes: tuple[NodeMarks, NodeMarks], diff: GraphDiff, steps: tuple[StepNodes, StepNodes]
) -> None:
    kinds: tuple[tuple[MarkKind, tuple[SkipConnection, ...]], ...] = (
        ("removed", diff.skips_removed),
        ("added", diff.skips_added),
    )
    for found, step, (kind, skips) in zip(nodes, steps, kinds, strict=True):
        for skip in skips:
            text = f"skip connection {kind}: {skip_words(skip)[1]}"
            found.setdefault(skip.join.node, []).append(Mark(kind, text))
        for node in step.left_over():
            if step.nodes[node].kind != "module" and node not in step.own and node not in found:
                found[node] = [Mark(kind, kind)]
    for change in diff.connections:
        mark = Mark("changed", connection_words(change)[1])
        node = change.target.node
        nodes[1].setdefault(node, []).append(mark)
        nodes[0].setdefault(steps[1].matched[node], []).append(mark)


def _marks_of_new(diff: GraphDiff) -> Iterator[tuple[str, Mark]]:
    for entry in diff.added:
        yield entry.path, Mark("added", "added")
    for move in diff.moved:
        how = "renamed" if is_rename(move) else "moved"
        yield move.new, Mark("moved", f"{how}: {named(move.old)} → {named(move.new)}")
    for change in diff.changed:
        yield change.path, Mark("changed", change_words(change.changes))
    for name in diff.now_trained:
        yield parent_path(name), Mark("trained", f"{plain(own_name(name))} is trained now")
    for name in diff.now_frozen:
        yield parent_path(name), Mark("frozen", f"{plain(own_name(name))} is not trained any more")


def _fixed(found: dict[_Key, list[Mark]]) -> dict[_Key, tuple[Mark, ...]]:
    return {key: tuple(marks) for key, marks in found.items()}
