"""Where this process enters code that `torch.compile` made: watched code must not be seen there.

A compiler reads what it finds on the modules and on torch's stacks of modes, and checks at each
later call that it is still so: it would compile a second time when the watching is over.
"""

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Any

from modelviz_callbacks.watch.forced_eager import is_forced_eager

# Called right before compiled code runs; gives what is called right after it.
EntryListener = Callable[[], Callable[[], object]]

# Torch's own list of what to do around a compiled call, one for each thing that was compiled.
_HOOKS = "enter_exit_hooks"

_LISTENERS: list[tuple[int, EntryListener]] = []


def on_entry(listener: EntryListener) -> Callable[[], None]:
    """Has a listener called around each compiled call of this thread.

    Code that is compiled later counts too; what is only rehearsed does not.

    Args:
        listener: Called right before the call; what it gives is called right after.

    Returns:
        A function that ends it.
    """
    entry = threading.get_ident(), listener
    _LISTENERS.append(entry)
    attach()

    def end() -> None:
        with contextlib.suppress(ValueError):
            _LISTENERS.remove(entry)
        if not _LISTENERS:
            _detach()

    return end


def attach() -> None:
    """Attaches to torch's compiler if it is in memory, and if somebody listens."""
    context = _context_class()
    if context is not None and _LISTENERS and not isinstance(vars(context).get(_HOOKS), _Hooks):
        setattr(context, _HOOKS, _Hooks())


class _Hooks:
    """Stands before the lists of all that was compiled, and of what will be."""

    def __get__(self, context: Any, owner: object = None) -> Any:
        if context is None:
            return self
        if _HOOKS not in vars(context):
            raise AttributeError(_HOOKS)
        return _WithOurs(vars(context)[_HOOKS])

    def __set__(self, context: Any, hooks: Any) -> None:
        vars(context)[_HOOKS] = hooks


class _WithOurs(list[Any]):
    """A list of hooks with ours in front; what is added goes to the list itself."""

    def __init__(self, own: list[Any]) -> None:
        super().__init__([_enter, *own])
        self._own = own

    def append(self, hook: Any) -> None:
        self._own.append(hook)


def _enter() -> Callable[[], None]:
    thread = threading.get_ident()
    listeners = () if is_forced_eager() else tuple(_LISTENERS)
    leave = [listener() for of_thread, listener in listeners if of_thread == thread]

    def left() -> None:
        for each in reversed(leave):
            each()

    return left


def _detach() -> None:
    context = _context_class()
    if context is not None and isinstance(vars(context).get(_HOOKS), _Hooks):
        delattr(context, _HOOKS)


def _context_class() -> type | None:
    # Without torch._dynamo in memory nothing can be compiled; importing it takes seconds.
    module = sys.modules.get("torch._dynamo.eval_frame")
    found = getattr(module, "_TorchDynamoContext", None)
    return found if isinstance(found, type) else None
