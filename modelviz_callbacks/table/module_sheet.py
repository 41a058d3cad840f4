"""All that is known of one module, as text."""

from collections.abc import Iterator, Sequence

from modelviz_callbacks.graph.costs import Costs, ModuleCost
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, StateEntry, TensorSpec
from modelviz_callbacks.graph.module_calls import ModuleCall, calls_of
from modelviz_callbacks.graph.module_tree import ModuleTree, own_name
from modelviz_callbacks.graph.plain_text import last_part
from modelviz_callbacks.graph.units import human_bytes, human_count, human_share
from modelviz_callbacks.table.architecture_table import parameters_text
from modelviz_callbacks.table.columns import aligned, visible
from modelviz_callbacks.table.entries import WIDTH, Entry, entry_lines, listed
from modelviz_callbacks.table.tensor_text import sizes_text, tensor_text

_HEADINGS = ("Own", "Shape", "Dtype", "Device", "")
_ALIGNMENT = "<<<<<"
_MOST_CALLS = 12


def module_sheet(graph: ArchitectureGraph, path: str, width: int = WIDTH) -> str:
    """Shows one module in full: what it is, what it holds, and each of its calls.

    Args:
        graph: The graph.
        path: The module's path in it; `""` is the model itself.
        width: The most places that a line may take.
    """
    sheet = _Sheet(graph, path)
    lines = list(entry_lines(sheet.head(), width))
    if rows := sheet.states():
        lines += ["", *aligned([_HEADINGS, *rows], _ALIGNMENT, width)]
    for number, call in enumerate(sheet.calls[:_MOST_CALLS], start=1):
        lines += ["", f"Call {number} of {len(sheet.calls)}"]
        lines += entry_lines(_call(call), width)
    if len(sheet.calls) > _MOST_CALLS:
        lines += ["", f"and {len(sheet.calls) - _MOST_CALLS:,} more calls"]
    return "\n".join(lines) + "\n"


class _Sheet:
    def __init__(self, graph: ArchitectureGraph, path: str) -> None:
        self._graph = graph
        self._tree = ModuleTree(graph.modules)
        # A module that is tied to another one is described where it came first.
        self._given = self._tree.entries[path]
        self._entry = self._tree.entries[self._tree.first_path(path)]
        self._costs = Costs.of(graph)
        self.calls = list(calls_of(graph, path))

    def head(self) -> Iterator[Entry]:
        entry = self._entry
        yield "Module", [self._given.path or "the model itself"]
        if self._given.tied_to is not None:
            yield "Is", [self._given.tied_to or "the model itself"]
        yield "Class", [entry.class_name]
        if entry.config:
            yield "Configuration", [entry.config]
        yield "Runs", [*([entry.runs] if entry.runs != "eager" else []), _mode(entry)]
        yield from self._figures(self._costs.by_module()[entry.path])
        children = self._tree.children(entry.path)
        yield from listed("Holds", (_part(child) for child in children))
        failure = self._graph.failure
        if failure is not None and failure.path in {self._given.path, entry.path}:
            at = f" at {failure.operation}" if failure.operation else ""
            yield "Stopped", [f"here{at}: {failure.exception}: {failure.message}"]

    def states(self) -> list[tuple[str, ...]]:
        entry = self._entry
        return [
            *(_state(state, _training(state)) for state in entry.parameters),
            *(_state(state, _keeping(state)) for state in entry.buffers),
        ]

    def _figures(self, cost: ModuleCost) -> Iterator[Entry]:
        total = self._costs.total()
        if cost.parameters:
            share = self._share(cost.parameters, total.parameters)
            yield "Parameters", [parameters_text(cost) + share]
        if cost.buffers:
            yield "Buffers", [f"{cost.buffers:,} ({human_bytes(cost.buffer_bytes)})"]
        if cost.uninitialized:
            yield "Not counted", [f"{cost.uninitialized} that have no shape yet"]
        if cost.flops_forward is not None:
            bound = "at least " if cost.uncounted_calls else ""
            share = self._share(cost.flops_forward, total.flops_forward or 0)
            yield "FLOPs", [f"{bound}{human_count(cost.flops_forward)} in the forward{share}"]
        if cost.activation_bytes:
            yield "Outputs", [f"{human_bytes(cost.activation_bytes)} of all that is in it"]
        yield "Calls", [f"{len(self.calls):,}" if self.calls else self._uncalled()]

    def _share(self, part: int, whole: int) -> str:
        share = human_share(part, whole) if self._entry.path else ""
        return f"; {share} % of the model's" if share else ""

    def _uncalled(self) -> str:
        if not self._graph.nodes:
            return "not known: the step was not seen"
        return "none" if self._graph.failure is None else "none before the step stopped"


def _mode(entry: ModuleEntry) -> str:
    return "in train mode" if entry.training else "in eval mode"


def _part(child: ModuleEntry) -> str:
    return f"{own_name(child.path)} ({last_part(child.class_name)})"


def _training(state: StateEntry) -> str:
    return "trainable" if state.requires_grad else "frozen"


def _keeping(state: StateEntry) -> str:
    return "buffer, not in the state dict" if state.persistent is False else "buffer"


def _state(state: StateEntry, kind: str) -> tuple[str, ...]:
    shape = "not initialized" if state.shape is None else sizes_text(state.shape)
    tied = "" if state.tied_to is None else f", is {state.tied_to}"
    return (
        visible(state.name),
        shape,
        visible(state.dtype),
        visible(state.device),
        visible(kind + tied),
    )


def _call(call: ModuleCall) -> Iterator[Entry]:
    yield from _tensors("  In", call.inputs)
    yield from listed("  Fed by", call.fed_by)
    yield from _tensors("  Out", call.outputs)
    yield from listed("  Feeds", call.feeds)


def _tensors(label: str, specs: Sequence[TensorSpec]) -> Iterator[Entry]:
    yield from listed(label, (f"{spec.name} {tensor_text(spec)}".strip() for spec in specs))
