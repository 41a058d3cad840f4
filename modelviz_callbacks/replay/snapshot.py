"""The Python side of a model: what its attributes, containers and hooks held before a replay."""

import types
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.jit import ScriptModule
from torch.nn.modules import module as modules

from modelviz_callbacks.replay import restorers as keep
from modelviz_callbacks.replay.reach import (
    FOREIGN,
    code_names,
    is_users,
    named_globals,
    named_methods,
    package,
    rebound_globals,
)
from modelviz_callbacks.replay.restorers import CONTAINERS, WEAK_CONTAINERS, Restorer
from modelviz_callbacks.replay.tensor_state import TensorState

_ATOMIC = (str, bytes, int, float, complex, type(None), types.ModuleType)
_DESCRIPTORS = (types.FunctionType, staticmethod, classmethod, property)
_MAX_ELEMENTS = 10_000
_MAX_OBJECTS = 200_000
_MAX_MEMORY = 64 * 2**20
# A forward calls a helper, which calls another one.
_HELPER_LEVELS = 2


class Snapshot:
    """Remembers what can be reached from some modules and arguments, and puts it back.

    Reached are the modules' attributes, the containers and plain objects in them, random
    generators, tensors, arrays, what stands in the bodies of their classes, and what forward hooks
    and `forward` itself hold on to: closures, bound objects, and what they name: methods, helper
    functions, global containers and generators.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        """Takes the snapshot. Containers are copied shallowly, buffers and arrays are cloned.

        Args:
            roots: Modules, and whatever else a replay is given.
        """
        self._seen: dict[int, Any] = {}
        self._restorers: list[Restorer] = []
        self._tensors: list[TensorState] = []
        # Of each class that was visited.
        self._slots: dict[type[Any], tuple[str, ...]] = {}
        self._memory = 0
        self._queue: list[Any] = list(roots)
        while self._queue and len(self._seen) < _MAX_OBJECTS:
            self._visit(self._queue.pop())

    def restorers(self) -> list[Restorer]:
        """Gives what puts each thing back; each writes only what changed."""
        return [*self._restorers, *(tensor.restore for tensor in self._tensors)]

    def _is_new(self, value: Any) -> bool:
        if id(value) in self._seen:
            return False
        self._seen[id(value)] = value
        return True

    def _visit(self, value: Any) -> None:
        if isinstance(value, _ATOMIC) or not self._is_new(value):
            return
        if isinstance(value, torch.Tensor):
            self._tensors.append(TensorState(value))
        elif isinstance(value, nn.Module):
            self._visit_module(value)
        elif isinstance(value, CONTAINERS):
            self._visit_container(value)
        elif isinstance(value, (tuple, frozenset)):
            self._queue.extend(value)
        elif not self._keep_leaf(value):
            self._visit_object(value)

    def _visit_module(self, module: nn.Module) -> None:
        # A buffer's content is always kept: batch norm writes it unseen by the dispatcher.
        for buffer in module._buffers.values():
            if buffer is not None and self._is_new(buffer):
                self._tensors.append(TensorState(buffer, keep_content=True))
        self._visit_container(vars(module))
        if isinstance(module, ScriptModule):
            return  # the rest of its state is not Python's
        kind = type(module)
        self._visit_class(kind)
        if isinstance(kind.forward, types.FunctionType) and self._is_new(kind.forward):
            self._visit_function(kind.forward, kind)

    def _visit_container(self, container: Any) -> None:
        self._restorers.append(keep.container_restorer(container))
        elements = container.values() if isinstance(container, dict) else container
        if len(container) <= _MAX_ELEMENTS:
            self._queue.extend(elements)

    def _visit_object(self, value: Any) -> None:
        if isinstance(value, types.MethodType):
            self._queue.extend((value.__func__, value.__self__))
        elif isinstance(value, types.FunctionType):
            self._visit_function(value)
        elif isinstance(value, type):
            self._visit_class(value)
        elif isinstance(value, partial):
            self._queue.extend((value.func, value.args, value.keywords))
        elif package(value) not in FOREIGN:
            self._visit_state(value)

    def _keep_leaf(self, value: Any) -> bool:
        """Keeps what holds no other object that matters; whether `value` is of that kind."""
        if (generator := keep.generator_restorer(value)) is not None:
            self._restorers.append(generator)
        elif isinstance(value, WEAK_CONTAINERS):
            self._restorers.append(keep.weak_restorer(value))
            if isinstance(value, weakref.WeakKeyDictionary):
                self._queue.extend(value.values())
        elif (size := keep.memory_size(value)) is not None:
            self._memory += size
            if self._memory <= _MAX_MEMORY:
                self._restorers.append(keep.memory_restorer(value))
        elif type(value).__name__ == "_lru_cache_wrapper":
            self._visit_cached(value)
        else:
            return False
        return True

    def _visit_cached(self, value: Any) -> None:
        if (emptied := keep.cache_restorer(value)) is not None:
            self._restorers.append(emptied)
        self._queue.append(value.__wrapped__)

    def _visit_state(self, value: Any) -> None:
        kind = type(value)
        if isinstance(getattr(value, "__dict__", None), dict):
            self._visit_container(vars(value))
        self._visit_class(kind)
        if slots := self._slots.get(kind):
            self._restorers.append(keep.names_restorer(value, slots))
            self._queue.extend(getattr(value, name, None) for name in slots)

    def _visit_class(self, kind: type[Any]) -> None:
        if kind in self._slots:
            return
        self._slots[kind] = keep.slots_of(kind) if is_users(kind.__module__) else ()
        for base in kind.__mro__[1:]:
            self._visit_class(base)
        if is_users(kind.__module__):
            self._restorers.append(keep.class_restorer(kind))
            body = vars(kind)
            self._queue.extend(v for v in body.values() if not isinstance(v, _DESCRIPTORS))
            self._queue.append(body.get("__call__"))

    def _visit_function(
        self,
        function: types.FunctionType,
        owner: type[Any] | None = None,
        levels: int = _HELPER_LEVELS,
    ) -> None:
        if not is_users(function.__module__):
            return
        for cell in function.__closure__ or ():
            self._visit_cell(cell)
        names = code_names(function.__code__)
        if rebound := rebound_globals(function.__code__):
            self._restorers.append(keep.globals_restorer(function.__globals__, rebound))
        for value in named_globals(function, names):
            self._visit_global(value, levels)
        for method in named_methods(owner, names) if owner is not None and levels else ():
            if self._is_new(method):
                self._visit_function(method, owner, levels - 1)

    def _visit_cell(self, cell: types.CellType) -> None:
        try:
            content = cell.cell_contents
        except ValueError:  # an empty cell
            return
        if self._is_new(cell):
            self._restorers.append(keep.cell_restorer(cell))
            self._queue.append(content)

    def _visit_global(self, value: Any, levels: int) -> None:
        if isinstance(value, _ATOMIC) or id(value) in self._seen:
            return
        if isinstance(value, types.FunctionType):
            if levels and self._is_new(value):
                self._visit_function(value, None, levels - 1)
        elif isinstance(value, CONTAINERS):
            # A global registry may hold the whole program: its elements are not entered.
            self._is_new(value)
            self._restorers.append(keep.container_restorer(value))
        else:
            self._queue.append(value)


def global_hooks() -> Iterator[Any]:
    """Gives the hooks that run in every module's forward, and what those that count keep.

    `torch.utils.flop_counter` follows the modules so.
    """
    for registry in (modules._global_forward_pre_hooks, modules._global_forward_hooks):
        yield registry
        for hook in registry.values():
            if isinstance(hook, types.MethodType):
                yield vars(hook.__self__)
