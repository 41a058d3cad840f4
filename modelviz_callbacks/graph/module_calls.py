"""The calls of one module: what went in and came out, where it came from and where it went."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelviz_callbacks.graph.call_tree import CallTree, Crossing
from modelviz_callbacks.graph.model import ArchitectureGraph, Node, TensorSpec
from modelviz_callbacks.graph.module_tree import ModuleTree


@dataclass(frozen=True)
class ModuleCall:
    """A call of a module in the step.

    Attributes:
        inputs: The tensors that went in.
        outputs: The tensors that came out.
        fed_by: What made them, in words: a module's path, `"add in layer1.0"`, `"input x"`. What is
            beside the module in the same call is named as a whole, what is further away exactly.
        feeds: What took them, in the same words.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    fed_by: tuple[str, ...]
    feeds: tuple[str, ...]


def calls_of(graph: ArchitectureGraph, path: str) -> Iterator[ModuleCall]:
    """Gives the calls of a module, in order.

    Args:
        graph: The graph.
        path: The module's path, any of those that it has.
    """
    modules = ModuleTree(graph.modules)
    first = modules.first_path(path)
    tree = CallTree(graph)
    for node in graph.nodes:
        if node.path is not None and modules.first_path(node.path) == first:
            yield ModuleCall(
                node.inputs,
                node.outputs,
                _named(tree, tree.entering.get(node.id, ()), is_source=True),
                _named(tree, tree.leaving.get(node.id, ()), is_source=False),
            )


def _named(tree: CallTree, crossings: Iterable[Crossing], *, is_source: bool) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for edge, sibling in crossings:
        end = edge.source if is_source else edge.target
        names[_name(tree, tree.nodes[end if sibling is None else sibling])] = None
    return tuple(names)


def _name(tree: CallTree, node: Node) -> str:
    if node.path is not None:
        return node.path or "the model"
    if node.kind != "op":
        return f"{node.kind} {node.name}"
    holder = None if node.parent is None else tree.nodes[node.parent].path
    return node.name if holder is None else f"{node.name} in {holder or 'the model'}"
