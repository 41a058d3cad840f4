"""Structural equality: two calls have the same number if the same happened in the same modules."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from modelviz_callbacks.graph.call_tree import CallTree
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, StateEntry, TensorSpec


@dataclass(frozen=True)
class Signature:
    """What a call is like, with all that is in it, whatever its name and its neighbours.

    Attributes:
        content: Equal if modules, structure, edges within and all tensors that come out are.
        whole: Equal if all tensors that go into the nodes in it are equal too.
    """

    content: int
    whole: int


def call_signatures(graph: ArchitectureGraph, tree: CallTree) -> dict[int, Signature]:
    """Gives the signature of every node.

    Args:
        graph: The graph.
        tree: Its nodes as a tree.

    Returns:
        Signature by node id.
    """
    return _Signatures(graph, tree).made


class _Signatures:
    """Works from the leaves up; a number stands for everything below it, so nothing is repeated."""

    def __init__(self, graph: ArchitectureGraph, tree: CallTree) -> None:
        self._tree = tree
        self._numbers: dict[Hashable, int] = {}
        self._failed = None if graph.failure is None else graph.failure.node
        self._modules = self._module_numbers(graph.modules)
        self.made: dict[int, Signature] = {}
        for node in reversed(tree.order):
            self.made[node] = self._of(node)

    def _number(self, content: Hashable) -> int:
        return self._numbers.setdefault(content, len(self._numbers))

    def _of(self, node_id: int) -> Signature:
        node, children = self._tree.nodes[node_id], self._tree.children.get(node_id, [])
        names = [_relative(self._tree.nodes[child].path, node.path) for child in children]
        content = self._number(
            (
                node.kind,
                node.name,
                None if node.path is None else self._modules.get(node.path, node.path),
                _specs(node.outputs),
                node_id == self._failed,
                tuple(zip(names, (self.made[child].content for child in children), strict=True)),
                tuple(self._edges(node_id)),
            )
        )
        below = tuple(self.made[child].whole for child in children)
        # What a call takes shows in the nodes in it; it may be handed a cache that ever grows.
        taken = () if children else _specs(node.inputs)
        return Signature(content, self._number((content, taken, below)))

    def _edges(self, node: int) -> Iterable[Hashable]:
        """Describes the edges between the children of a node, by places in its subtree."""
        tree = self._tree
        for edge in tree.within.get(node, []):
            source, target = tree.steps(node, edge.source), tree.steps(node, edge.target)
            yield source, edge.output, target, tree.input_key(edge)

    def _module_numbers(self, entries: Iterable[ModuleEntry]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        parts: dict[str, list[tuple[str, int]]] = {}
        for entry in reversed(list(entries)):
            inside = parts.pop(entry.path, [])
            numbers[entry.path] = self._number(_module(entry, tuple(inside)))
            parent, _, name = entry.path.rpartition(".")
            parts.setdefault(parent, []).append((name, numbers[entry.path]))
        return numbers


def _module(entry: ModuleEntry, inside: Hashable) -> Hashable:
    tie = None if entry.tied_to is None else _from(entry.path, entry.tied_to)
    states = [
        tuple(_state(state, entry.path) for state in of) for of in (entry.parameters, entry.buffers)
    ]
    return (entry.class_name, entry.config, entry.training, entry.runs, tie, *states, inside)


def _state(state: StateEntry, path: str) -> Hashable:
    tie = None if state.tied_to is None else _from(path, state.tied_to)
    return (state.name, state.shape, state.dtype, state.device, state.requires_grad, tie)


def _specs(specs: Iterable[TensorSpec]) -> Hashable:
    return tuple((spec.name, spec.shape, spec.dtype, spec.device) for spec in specs)


def _relative(path: str | None, parent: str | None) -> str | None:
    """Gives a module's path in its caller, or its whole path if it belongs to another module."""
    if path is None or not parent:
        return path
    return path[len(parent) :] if path.startswith(f"{parent}.") else path


def _from(path: str, name: str) -> tuple[int, str]:
    """Says where a name is as seen from a path: how many levels up, and then where."""
    here, there = path.split(".") if path else [], name.split(".")
    shared = 0
    while shared < min(len(here), len(there)) and here[shared] == there[shared]:
        shared += 1
    return len(here) - shared, ".".join(there[shared:])
