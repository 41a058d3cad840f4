"""What a model holds and computes: parameters, buffers, bytes, FLOPs, activations, calls."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from modelviz_callbacks.graph.dtypes import element_bytes
from modelviz_callbacks.graph.holdings import Held, held_by_all, held_by_module
from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.graph.module_tree import ModuleTree, with_ancestors


@dataclass(frozen=True)
class Cost:
    """What a model, or a module with all that is in it, holds and computes.

    Attributes:
        parameters: Number of values in parameters; a shared parameter counts once.
        trainable_parameters: The same for parameters that require a gradient.
        buffers: Number of values in buffers.
        parameter_bytes: Size of the parameters.
        buffer_bytes: Size of the buffers.
        uninitialized: Number of lazy parameters and buffers that have no shape yet; they are in
            none of the figures.
        flops_forward: Floating-point operations of the forward, a multiplication with its addition
            being two; None where nothing was counted. Where some calls could not be counted, it is
            the sum of the others.
        uncounted_calls: Number of calls and operations whose FLOPs could not be counted.
        activation_bytes: Size of everything that leaf calls and operations gave out. It tells how
            a model's parts compare, not how much memory a step takes: results that were written in
            place and views of other results cannot be told apart from new tensors and count again,
            what autograd keeps inside of operations is not seen, and what is freed early counts.
        bytes_by_dtype: Size of parameters and buffers by dtype, like `{"bfloat16": 2048}`.
    """

    parameters: int = 0
    trainable_parameters: int = 0
    buffers: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    uninitialized: int = 0
    flops_forward: int | None = None
    uncounted_calls: int = 0
    activation_bytes: int | None = None
    bytes_by_dtype: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ModuleCost(Cost):
    """What one module costs, all its calls together.

    Parts count wherever they are called from, so a container that is never called itself, like
    `nn.ModuleList`, has the sum of its parts. What a module calls counts as well, also where it
    is held by another one.

    Attributes:
        calls: How often it was called.
    """

    calls: int = 0


class Costs:
    """The costs of a model: `Costs.of(graph).total()`, `Costs.of(graph).by_module()["head"]`."""

    def __init__(self, tree: ModuleTree, work: "_Work") -> None:
        """Holds what is counted; `of` makes it."""
        self._tree = tree
        self._work = work

    @classmethod
    def of(cls, graph: ArchitectureGraph) -> "Costs":
        """Counts what was seen.

        Args:
            graph: The graph; one of modules alone, without nodes, has no FLOPs, activations and
                calls.
        """
        tree = ModuleTree(graph.modules)
        return cls(tree, _Work(tree, graph.nodes))

    def total(self) -> Cost:
        """Gives the costs of the whole step; operations outside of all modules count here only."""
        return self._total

    def by_module(self) -> Mapping[str, ModuleCost]:
        """Gives each module's costs by its path; `""` is the model itself."""
        return self._by_module

    def never_called(self) -> tuple[str, ...]:
        """Gives the modules that no call reached, without those in them.

        A container whose parts are called is none of them, and neither is what is in a module that
        nothing was seen in: `nn.MultiheadAttention` uses its `out_proj` without calling it.
        """
        return _never_called(self._tree, self._work)

    @cached_property
    def _total(self) -> Cost:
        return Cost(
            **held_by_all(self._tree.entries.values()).figures(), **self._work.of_all.figures()
        )

    @cached_property
    def _by_module(self) -> dict[str, ModuleCost]:
        held = held_by_module(self._tree)
        firsts = {path: self._tree.first_path(path) for path in self._tree.entries}
        return {path: self._module_cost(first, held) for path, first in firsts.items()}

    def _module_cost(self, path: str, held: Mapping[str, Held]) -> ModuleCost:
        return ModuleCost(
            **held.get(path, Held()).figures(),
            **self._work.by_path.get(path, _Tally()).figures(),
            calls=self._work.calls.get(path, 0),
        )


@dataclass
class _Tally:
    """What nodes computed."""

    flops: int | None = None
    uncounted: int = 0
    activations: int | None = None

    def add(self, flops: int | None, activations: int) -> None:
        if flops is None:
            self.uncounted += 1
        else:
            self.flops = (self.flops or 0) + flops
        self.activations = (self.activations or 0) + activations

    def figures(self) -> dict[str, Any]:
        return {
            "flops_forward": self.flops,
            "uncounted_calls": self.uncounted,
            "activation_bytes": self.activations,
        }


class _Work:
    """What was computed, by module path."""

    def __init__(self, tree: ModuleTree, nodes: Iterable[Node]) -> None:
        self.nodes = [node for node in nodes if node.kind in {"module", "op"}]
        self.of_all = _Tally()
        self.by_path: dict[str, _Tally] = {}
        self.calls: dict[str, int] = {}
        # Called, and nothing was seen in them.
        self.closed: set[str] = set()
        self._within: dict[int | None, frozenset[str]] = {None: frozenset()}
        with_parts = {node.parent for node in self.nodes}
        for node in self.nodes:
            self._add(node, tree, is_leaf=node.id not in with_parts)

    def _add(self, node: Node, tree: ModuleTree, *, is_leaf: bool) -> None:
        within = self._within[node.parent]
        if node.path is not None:
            path = tree.first_path(node.path)
            self.calls[path] = self.calls.get(path, 0) + 1
            within = within.union(with_ancestors(path))
            self._within[node.id] = within
            if is_leaf:
                self.closed.add(path)
        if not is_leaf:
            return
        activations = _output_bytes(node)
        self.of_all.add(node.flops, activations)
        for path in within:
            if (tally := self.by_path.get(path)) is None:
                tally = self.by_path[path] = _Tally()
            tally.add(node.flops, activations)


def _never_called(tree: ModuleTree, work: _Work) -> tuple[str, ...]:
    if not work.nodes:
        return ()
    reached = _reached(tree, work)
    told = work.closed.copy()
    never: list[str] = []
    for path in tree.entries:
        if path in reached or _cannot_be_called(tree, path):
            continue
        if told.isdisjoint(with_ancestors(path)):
            told.add(path)
            never.append(path)
    return tuple(never)


def _reached(tree: ModuleTree, work: _Work) -> set[str]:
    """Gives the paths of modules that were called or hold one that was."""
    reached = {above for path in work.calls for above in with_ancestors(path)}
    for path, entry in tree.entries.items():
        if entry.tied_to in reached:
            reached.update(with_ancestors(path))
    return reached


def _cannot_be_called(tree: ModuleTree, path: str) -> bool:
    name = tree.entries[path].class_name.removeprefix("torch.nn.modules.container.")
    if name in {"ModuleList", "ModuleDict"}:
        return not tree.children(path)
    return name in {"ParameterList", "ParameterDict"}


def _output_bytes(node: Node) -> int:
    # A nested tensor's ragged sizes are not known: -1.
    return sum(
        math.prod(spec.shape) * element_bytes(spec.dtype)
        for spec in node.outputs
        if min(spec.shape, default=0) >= 0
    )
