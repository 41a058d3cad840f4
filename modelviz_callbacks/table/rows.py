"""The rows of the architecture table: modules as a tree, equal siblings in a row folded."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node, TensorSpec
from modelviz_callbacks.graph.module_tree import ModuleTree, own_name, parent_path
from modelviz_callbacks.graph.plain_text import last_part

# So many equal modules one after the other are shown as one, and so many whose parts are shown too.
_FEWEST_FOLDED = 3
_FEWEST_FOLDED_WITH_PARTS = 2
_NUMBER = re.compile(r"\d+")
# The step did not stop; None would be the step itself, outside of all modules.
_NOWHERE = object()


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        lines: The box-drawing characters before the name.
        name: The last part of a module's path, or what operations there are.
        class_name: The module's class.
        outputs: What its first call gave out.
        parameters: Distinct parameters in it.
        flops: The FLOPs of all its calls; None where not known.
        is_lower_bound: Whether some of its FLOPs could not be counted.
        marks: What is unusual about it.
    """

    lines: str
    name: str
    class_name: str
    outputs: tuple[TensorSpec, ...] = ()
    parameters: int = 0
    flops: int | None = None
    is_lower_bound: bool = False
    marks: tuple[str, ...] = ()


def table_rows(graph: ArchitectureGraph, costs: Costs, depth: int) -> Iterator[Row]:
    """Gives the rows of a graph, in the order of `model.named_modules()`.

    Args:
        graph: The graph.
        costs: Its costs.
        depth: How many levels below the model are shown.
    """
    rows = _Rows(graph, costs, depth)
    for entry in graph.modules[:1]:
        yield from rows.of_module([entry], "", "", 0)
    outside = rows.computing(None)
    if outside:
        yield _operations("", outside)


class _Rows:
    def __init__(self, graph: ArchitectureGraph, costs: Costs, depth: int) -> None:
        self._tree = ModuleTree(graph.modules)
        self._costs = costs.by_module()
        self._never = set(costs.never_called())
        self._depth = depth
        self._stopped = graph.failure.path if graph.failure else _NOWHERE
        self._first_call: dict[str, Node] = {}
        self._computing: dict[str | None, list[Node]] = {}
        paths = {node.id: node.path for node in graph.nodes if node.path is not None}
        for node in graph.nodes:
            if node.path is not None:
                self._first_call.setdefault(self._tree.first_path(node.path), node)
            elif node.kind == "op" and node.flops != 0:
                holder = None if node.parent is None else paths.get(node.parent)
                self._computing.setdefault(holder, []).append(node)
        self._kinds = self._equal_kinds()

    def computing(self, path: str | None) -> list[Node]:
        """Gives the operations of a module that compute FLOPs."""
        return self._computing.get(path, [])

    def of_module(
        self, run: Sequence[ModuleEntry], lines: str, below: str, level: int
    ) -> Iterator[Row]:
        """Gives the row of a run of equal modules, and of what is in the first of them."""
        entry = run[0]
        yield self._row(run, lines)
        if level == self._depth or entry.tied_to is not None:
            return
        runs = list(self._runs(entry.path, shows_parts=level + 1 < self._depth))
        operations = self.computing(entry.path)
        for place, inner in enumerate(runs, start=1):
            is_last = place == len(runs) and not operations
            branch, space = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            yield from self.of_module(inner, below + branch, below + space, level + 1)
        if operations:
            yield _operations(f"{below}└─ ", operations)

    def _runs(self, path: str, *, shows_parts: bool) -> Iterator[list[ModuleEntry]]:
        children = self._tree.children(path)
        for _, group in groupby(children, key=self._kind):
            run = list(group)
            with_parts = shows_parts and self._tree.children(run[0].path)
            if len(run) < (_FEWEST_FOLDED_WITH_PARTS if with_parts else _FEWEST_FOLDED):
                yield from ([entry] for entry in run)
            else:
                yield run

    def _kind(self, entry: ModuleEntry) -> tuple[str, int]:
        # `q_proj` and `k_proj` may be equal, but they are no series.
        return _NUMBER.sub("#", own_name(entry.path)), self._kinds[entry.path]

    def _row(self, run: Sequence[ModuleEntry], lines: str) -> Row:
        entry = run[0]
        cost = self._costs[entry.path]
        call = self._first_call.get(self._tree.first_path(entry.path))
        name = own_name(entry.path)
        class_name = last_part(entry.class_name)
        if len(run) > 1:
            name += f"{' …' if len(run) > 2 else ','} {own_name(run[-1].path)}"  # noqa: PLR2004
            class_name = f"{len(run)} × {class_name}"
        return Row(
            lines,
            name or class_name,
            class_name if name else "",
            call.outputs if call else (),
            cost.parameters,
            cost.flops_forward,
            cost.uncounted_calls > 0,
            (*(["each"] if len(run) > 1 else []), *self._marks(entry)),
        )

    def _marks(self, entry: ModuleEntry) -> Iterator[str]:
        cost = self._costs[entry.path]
        if self._stopped == entry.path:
            yield "stopped here"
        if entry.path in self._never:
            yield "never called" if self._stopped is _NOWHERE else "not reached"
        if cost.calls > 1:
            yield f"{cost.calls} calls"
        if entry.tied_to is not None:
            yield f"is {entry.tied_to or 'the model'}"
            return
        # What holds for all that is in a module is told once.
        holder = self._tree.entries.get(parent_path(entry.path)) if entry.path else None
        if self._is_frozen(entry) and not (holder and self._is_frozen(holder)):
            yield "frozen"
        if not entry.training and (holder is None or holder.training):
            yield "eval"
        yield from _own_marks(entry)

    def _is_frozen(self, entry: ModuleEntry) -> bool:
        cost = self._costs[entry.path]
        return cost.parameters > 0 and cost.trainable_parameters == 0

    def _equal_kinds(self) -> dict[str, int]:
        """Numbers the modules so that those that look alike, with all in them, have one number."""
        numbers: dict[Any, int] = {}
        kinds: dict[str, int] = {}
        # Parts come after what holds them.
        for entry in reversed(self._tree.entries.values()):
            look = self._look(entry, kinds)
            kinds[entry.path] = numbers.setdefault(look, len(numbers))
        return kinds

    def _look(self, entry: ModuleEntry, kinds: dict[str, int]) -> tuple[Any, ...]:
        cost = self._costs[entry.path]
        call = self._first_call.get(entry.path)
        states = (*entry.parameters, *entry.buffers)
        return (
            entry.class_name,
            entry.config,
            entry.training,
            entry.tied_to,
            self._stopped == entry.path,
            tuple((s.name, s.shape, s.dtype, s.requires_grad, s.tied_to) for s in states),
            (cost.calls, cost.flops_forward, cost.uncounted_calls),
            tuple(spec.shape for spec in call.outputs) if call else None,
            tuple(operation.name for operation in self.computing(entry.path)),
            tuple((own_name(c.path), kinds[c.path]) for c in self._tree.children(entry.path)),
        )


def _own_marks(entry: ModuleEntry) -> Iterator[str]:
    if entry.runs != "eager":
        yield entry.runs
    states = (*entry.parameters, *entry.buffers)
    yield from (f"{state.name} is {state.tied_to}" for state in states if state.tied_to)
    if any(state.shape is None for state in states):
        yield "not initialized"


def _operations(lines: str, operations: list[Node]) -> Row:
    return Row(
        lines,
        ", ".join(dict.fromkeys(node.name for node in operations)),
        f"{len(operations)} operations" if len(operations) > 1 else "operation",
        operations[0].outputs if len(operations) == 1 else (),
        flops=sum(node.flops or 0 for node in operations),
        is_lower_bound=any(node.flops is None for node in operations),
    )
