"""What a model holds and computes: parameters, buffers, bytes, FLOPs, activations, calls."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from modelviz_callbacks.graph.dtypes import element_bytes
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node, StateEntry
from modelviz_callbacks.graph.module_tree import ModuleTree, full_name, with_ancestors


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

    def __init__(
        self, total: Cost, by_module: dict[str, ModuleCost], never: tuple[str, ...]
    ) -> None:
        """Holds what `of` counted."""
        self._total = total
        self._by_module = by_module
        self._never_called = never

    @classmethod
    def of(cls, graph: ArchitectureGraph) -> "Costs":
        """Counts what was seen.

        Args:
            graph: The graph; one of modules alone, without nodes, has no FLOPs, activations and
                calls.
        """
        tree = ModuleTree(graph.modules)
        work = _Work(tree, graph.nodes)
        by_module = {path: _module_cost(tree, work, path) for path in tree.entries}
        total = work.of_all.added_to(_held(tree.entries.values()))
        return cls(total, by_module, _never_called(tree, work))

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
        return self._never_called


@dataclass
class _Tally:
    """What nodes computed."""

    flops: int | None = None
    uncounted: int = 0
    activations: int | None = None

    def add(self, node: Node) -> None:
        if node.flops is None:
            self.uncounted += 1
        else:
            self.flops = (self.flops or 0) + node.flops
        self.activations = (self.activations or 0) + _output_bytes(node)

    def added_to(self, cost: Cost) -> Cost:
        return replace(
            cost,
            flops_forward=self.flops,
            uncounted_calls=self.uncounted,
            activation_bytes=self.activations,
        )


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
        self.of_all.add(node)
        for path in within:
            self.by_path.setdefault(path, _Tally()).add(node)


def _module_cost(tree: ModuleTree, work: _Work, path: str) -> ModuleCost:
    first = tree.first_path(path)
    cost = work.by_path.get(first, _Tally()).added_to(_held(tree.below(path)))
    return ModuleCost(**vars(cost), calls=work.calls.get(first, 0))


def _held(modules: Iterable[ModuleEntry]) -> Cost:
    """Counts parameters and buffers, each tensor once."""
    parameters: dict[str, StateEntry] = {}
    buffers: dict[str, StateEntry] = {}
    for entry in modules:
        for states, found in ((entry.parameters, parameters), (entry.buffers, buffers)):
            for state in states:
                found.setdefault(state.tied_to or full_name(entry, state.name), state)
    # One tensor may be both, say a parameter that another module holds as a buffer.
    every = [*parameters.values(), *(buffers[name] for name in buffers if name not in parameters)]
    by_dtype: dict[str, int] = {}
    for state in every:
        by_dtype[state.dtype] = by_dtype.get(state.dtype, 0) + _bytes(state)
    return Cost(
        parameters=sum(map(_values, parameters.values())),
        trainable_parameters=sum(_values(p) for p in parameters.values() if p.requires_grad),
        buffers=sum(map(_values, buffers.values())),
        parameter_bytes=sum(map(_bytes, parameters.values())),
        buffer_bytes=sum(map(_bytes, buffers.values())),
        uninitialized=sum(state.shape is None for state in every),
        bytes_by_dtype=dict(sorted(by_dtype.items())),
    )


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


def _values(state: StateEntry) -> int:
    return math.prod(state.shape) if state.shape is not None else 0


def _bytes(state: StateEntry) -> int:
    return _values(state) * element_bytes(state.dtype)


def _output_bytes(node: Node) -> int:
    # A nested tensor's ragged sizes are not known: -1.
    return sum(
        math.prod(spec.shape) * element_bytes(spec.dtype)
        for spec in node.outputs
        if min(spec.shape, default=0) >= 0
    )
