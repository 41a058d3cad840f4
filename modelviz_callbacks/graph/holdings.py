"""What modules hold: parameters and buffers, each tensor counted once."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from modelviz_callbacks.graph.dtypes import element_bytes
from modelviz_callbacks.graph.model import ModuleEntry, StateEntry
from modelviz_callbacks.graph.module_tree import ModuleTree, full_name


@dataclass
class Held:
    """What parameters and buffers there are; the fields are those of `Cost`."""

    parameters: int = 0
    trainable_parameters: int = 0
    buffers: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    uninitialized: int = 0
    bytes_by_dtype: dict[str, int] = field(default_factory=dict)

    def add_parameter(self, state: StateEntry) -> None:
        """Counts a parameter."""
        values, size_bytes = self._add(state)
        self.parameters += values
        self.parameter_bytes += size_bytes
        if state.requires_grad:
            self.trainable_parameters += values

    def add_buffer(self, state: StateEntry, *, is_parameter: bool) -> None:
        """Counts a buffer; if it is a parameter too, its bytes are in `bytes_by_dtype` already."""
        values, size_bytes = _size(state) if is_parameter else self._add(state)
        self.buffers += values
        self.buffer_bytes += size_bytes

    def add(self, other: "Held") -> None:
        """Counts what something else holds, none of which is shared with what was counted."""
        self.parameters += other.parameters
        self.trainable_parameters += other.trainable_parameters
        self.buffers += other.buffers
        self.parameter_bytes += other.parameter_bytes
        self.buffer_bytes += other.buffer_bytes
        self.uninitialized += other.uninitialized
        for dtype, size_bytes in other.bytes_by_dtype.items():
            self._add_bytes(dtype, size_bytes)

    def figures(self) -> dict[str, Any]:
        """Gives the fields of a `Cost`."""
        return {**vars(self), "bytes_by_dtype": dict(sorted(self.bytes_by_dtype.items()))}

    def _add(self, state: StateEntry) -> tuple[int, int]:
        values, size_bytes = _size(state)
        self.uninitialized += state.shape is None
        self._add_bytes(state.dtype, size_bytes)
        return values, size_bytes

    def _add_bytes(self, dtype: str, size_bytes: int) -> None:
        self.bytes_by_dtype[dtype] = self.bytes_by_dtype.get(dtype, 0) + size_bytes


def held_by_module(tree: ModuleTree) -> dict[str, Held]:
    """Counts what each module holds with all in it, by the path under which it came first."""
    held: dict[str, Held] = {}
    # Where nothing is shared, a module holds its own and what its parts hold.
    sums: dict[str, Held] = {}
    for path, entry in reversed(tree.entries.items()):
        if entry.tied_to is not None:
            continue
        children = tree.children(path)
        parts = [sums[child.path] for child in children if child.path in sums]
        ties = [state for state in (*entry.parameters, *entry.buffers) if state.tied_to]
        if ties or len(parts) < len(children):
            held[path] = held_by_all(tree.below(path))
            continue
        held[path] = sums[path] = held_by_all([entry])
        for part in parts:
            sums[path].add(part)
    return held


def held_by_all(modules: Iterable[ModuleEntry]) -> Held:
    """Counts parameters and buffers, each tensor once."""
    parameters: dict[str, StateEntry] = {}
    buffers: dict[str, StateEntry] = {}
    for entry in modules:
        for states, found in ((entry.parameters, parameters), (entry.buffers, buffers)):
            for state in states:
                found.setdefault(state.tied_to or full_name(entry, state.name), state)
    held = Held()
    for state in parameters.values():
        held.add_parameter(state)
    for name, state in buffers.items():
        # One tensor may be both, say a parameter that another module holds as a buffer.
        held.add_buffer(state, is_parameter=name in parameters)
    return held


def _size(state: StateEntry) -> tuple[int, int]:
    """Gives a parameter's or buffer's number of values and its bytes."""
    values = math.prod(state.shape) if state.shape is not None else 0
    return values, values * element_bytes(state.dtype)
