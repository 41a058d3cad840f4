"""Watching one training step: every module call and every operation between modules. Passive."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, _len_torch_function_stack, _pop_mode, _push_mode

from modelviz_callbacks.watch.flops import describe_call, describe_recurrence
from modelviz_callbacks.watch.graph_builder import Draft, GraphBuilder
from modelviz_callbacks.watch.operations import (
    BACKWARD,
    COMPUTING,
    changes_nothing,
    operation_name,
    written_tensor,
)
from modelviz_callbacks.watch.root_calls import _Shadow, watchable_modules
from modelviz_callbacks.watch.wrappers import is_compiled, unwrap

# A watched module call takes two frames more than a plain one.
_MORE_FRAMES = 3


class StepTracer:
    """Sees what happens in one step, from `begin` to `end`.

    Modules are watched through shadows of their `_call_impl`, operations through a
    `TorchFunctionMode`. Whatever goes wrong in the watching ends the watching, never the step.
    """

    def __init__(self, model: nn.Module) -> None:
        """Prepares the watching of `model`; nothing is attached yet."""
        self._modules = watchable_modules(model)
        self._shadows: list[_Shadow] = []
        self._mode = _OperationMode(self._operation)
        self._thread = 0
        self._calls: list[Draft] = []
        self._inside_leaf: Draft | None = None
        self.builder = GraphBuilder()
        self.error: Exception | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watches what runs in its body, on this thread."""
        limit = sys.getrecursionlimit()
        self._thread = threading.get_ident()
        try:
            for path, module in self._modules.items():
                self._shadows.append(_Shadow(path, module, self._call))
            sys.setrecursionlimit(_MORE_FRAMES * limit)
            with self._mode:
                yield
        finally:
            self._thread = 0
            sys.setrecursionlimit(limit)
            while self._shadows:
                self._shadows.pop().remove()

    # Module calls.

    def _call(self, shadow: _Shadow, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._is_watching():
            return shadow.original(*args, **kwargs)
        draft = self._begin_call(shadow, args, kwargs)
        if draft is None:
            return shadow.original(*args, **kwargs)
        try:
            result = self._run(shadow, args, kwargs)
        except BaseException as error:
            self._end_call(draft, None, error)
            raise
        self._end_call(draft, result, None)
        return result

    def _begin_call(
        self, shadow: _Shadow, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Draft | None:
        module = shadow.module
        with self._bookkeeping():
            draft = self.builder.begin_call(
                type(unwrap(module)).__name__,
                shadow.path,
                self._calls[-1] if self._calls else None,
                _named(module, args, kwargs),
            )
            self._calls.append(draft)
            draft.is_blind = _must_not_see_modes(module)
            if _is_leaf(module):
                self._inside_leaf = draft
                draft.computed += describe_recurrence(module, draft.inputs)
            return draft
        return None

    def _end_call(self, draft: Draft, result: Any, error: BaseException | None) -> None:
        with self._bookkeeping():
            self._inside_leaf = None
            self._calls.pop()
            if error is None:
                self.builder.end_call(draft, result)
            else:
                self.builder.failed(error, draft)

    def _run(self, shadow: _Shadow, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if _must_not_see_modes(shadow.module):
            with _without(self._mode):
                return shadow.original(*args, **kwargs)
        return shadow.original(*args, **kwargs)

    # Operations.

    def _operation(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self._inside_leaf is not None:
            if function in COMPUTING:
                with self._bookkeeping():
                    self._inside_leaf.computed.append(describe_call(function, args, kwargs))
            return function(*args, **kwargs)
        if not self._is_watching():
            return function(*args, **kwargs)
        if function in BACKWARD:
            with self._bookkeeping():
                self.builder.add_backward(args[:1])
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            with self._bookkeeping():
                self.builder.failed_operation(
                    error, operation_name(function), self._current(), (args, kwargs)
                )
            raise
        if function is torch.Tensor.__iter__:
            parts = tuple(result)
            self._seen(function, args, kwargs, parts)
            return iter(parts)
        self._seen(function, args, kwargs, result)
        return result

    def _seen(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
    ) -> None:
        with self._bookkeeping():
            name = operation_name(function)
            if changes_nothing(name, args, result):
                return
            written = written_tensor(function, args, kwargs, result)
            draft = self.builder.add_operation(
                name, self._current(), (args, kwargs), result, written
            )
            if draft is not None and function in COMPUTING:
                draft.computed.append(describe_call(function, args, kwargs))

    def _current(self) -> Draft | None:
        return self._calls[-1] if self._calls else None

    def _is_watching(self) -> bool:
        return (
            self._thread == threading.get_ident()
            and self._inside_leaf is None
            # Gradient checkpointing runs forwards again in the backward pass.
            and torch._C._current_graph_task_id() == -1
        )

    @contextmanager
    def _bookkeeping(self) -> Iterator[None]:
        """Contains what goes wrong in the watching; tensors are looked at unseen."""
        try:
            with torch._C.DisableTorchFunction():
                yield
        except Exception as error:  # noqa: BLE001 - the step goes on unwatched
            self._thread = 0
            self._inside_leaf = None
            self.error = error


class _OperationMode(TorchFunctionMode):
    def __init__(self, operation: Callable[..., Any]) -> None:
        super().__init__()
        self._operation = operation

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return self._operation(func, args, kwargs or {})


@contextmanager
def _without(mode: TorchFunctionMode) -> Iterator[None]:
    """Takes one mode off the stack for a while; the user's own stay."""
    above: list[Any] = []
    found = False
    while _len_torch_function_stack() and not found:
        above.append(_pop_mode())
        found = above[-1] is mode
    for other in reversed(above[:-1] if found else above):
        _push_mode(other)
    try:
        yield
    finally:
        if found:
            others = [_pop_mode() for _ in above[:-1]]
            for other in (mode, *reversed(others)):
                _push_mode(other)


# These look for torch functions before they choose their fused path.
_FUSED = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)


def _must_not_see_modes(module: nn.Module) -> bool:
    if is_compiled(module):
        return True
    return isinstance(module, _FUSED) and not module.training


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module is one of torch's own, without parts: nobody asks what it does inside."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    return type(module).__module__.startswith("torch.nn.modules.") and not module._modules


def _named(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    code = getattr(type(module).forward, "__code__", None)
    names = () if code is None else code.co_varnames[1 : code.co_argcount]
    named = {
        names[index] if index < len(names) else f"args[{index}]": value
        for index, value in enumerate(args)
    }
    return named | kwargs

