"""What else comes out of the same calls: shapes, which fingerprints leave out."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelviz_callbacks.graph.model import ArchitectureGraph, Node, TensorSpec


@dataclass(frozen=True)
class ShapeChange:
    """A call or an operation that gives tensors of other shapes now.

    Attributes:
        node: What gives them, in the new graph.
        place: The path of the module that it ran in; None in the step itself.
        old: The shapes before.
        new: The shapes now.
    """

    node: Node
    place: str | None
    old: tuple[tuple[int, ...], ...]
    new: tuple[tuple[int, ...], ...]


def shape_changes(
    old: ArchitectureGraph, new: ArchitectureGraph
) -> tuple[tuple[ShapeChange, ...], int]:
    """Compares the shapes of what the calls and operations of two steps give.

    They say something of the architecture only where both steps had inputs of the same shapes, as
    a test has them.

    Args:
        old: The earlier graph.
        new: The later one.

    Returns:
        Where other shapes come from, in the order of the step, and how many calls and operations
        give other shapes in all. None where the two steps did not do the same: nothing says then
        which call of the one is which of the other.
    """
    if [_key(node) for node in old.nodes] != [_key(node) for node in new.nodes]:
        return (), 0
    holders = {node.parent for node in new.nodes}
    pairs = [
        (was, node)
        for was, node in zip(old.nodes, new.nodes, strict=True)
        if node.id not in holders and _shapes(was.outputs) != _shapes(node.outputs)
    ]
    # What was given other shapes gives others, too.
    causes = [(was, node) for was, node in pairs if _shapes(was.inputs) == _shapes(node.inputs)]
    paths = {node.id: node.path for node in new.nodes}
    return tuple(_change(was, node, paths) for was, node in causes or pairs), len(pairs)


def _key(node: Node) -> tuple[object, ...]:
    return node.kind, node.name, node.path, node.parent


def _change(was: Node, node: Node, paths: Mapping[int, str | None]) -> ShapeChange:
    place = None if node.parent is None else paths.get(node.parent)
    return ShapeChange(node, place, _shapes(was.outputs), _shapes(node.outputs))


def _shapes(specs: tuple[TensorSpec, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(spec.shape for spec in specs)


def describe_shapes(old: ArchitectureGraph, new: ArchitectureGraph, most: int) -> tuple[str, ...]:
    """Puts the changes of shapes into words.

    Args:
        old: The earlier graph.
        new: The later one.
        most: How many of them are named before the rest is counted.

    Returns:
        A line like `"shapes: up gives [1, 8, 64, 64] → [1, 8, 32, 32]"`, or none.
    """
    changes, in_all = shape_changes(old, new)
    if not changes:
        return ()
    named = "; ".join(_in_words(change) for change in changes[:most])
    rest = in_all - len(changes[:most])
    return (f"shapes: {named}{f' and {rest} more, after that' if rest else ''}",)


def _in_words(change: ShapeChange) -> str:
    node = change.node
    if node.kind == "input":
        return f"input {node.name} {_listed(change.old)} → {_listed(change.new)}"
    inside = "" if change.place is None else f" in {change.place or 'the model itself'}"
    name = node.path or "the model itself" if node.kind == "module" else f"{node.name}{inside}"
    return f"{name} gives {_listed(change.old)} → {_listed(change.new)}"


def _listed(shapes: tuple[tuple[int, ...], ...]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes) or "nothing"
