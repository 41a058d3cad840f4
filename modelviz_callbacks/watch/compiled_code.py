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
# The lists of what was compiled while somebody listens.
_SET_MEANWHILE: dict[Any, list[Any]] = {}


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
    if context is not None and _LISTENERS and _HOOKS not in vars(context):
        # In front of each instance's own list. What sets it is no Python function: that may
        # happen while something is compiled, where the compiler looks into Python functions.
        setattr(context, _HOOKS, property(_with_ours, _SET_MEANWHILE.__setitem__))


def _with_ours(context: Any) -> list[Any]:
    own = _SET_MEANWHILE.get(context, vars(context).get(_HOOKS))
    if own is None:
        raise AttributeError(_HOOKS)
    return _WithOurs(own)


class _WithOurs(list[Any]):
    """A list of hooks with ours in front; what is added goes to the list itself."""

    def __init__(self, own: list[Any]) -> None:
        super().__init__([_enter, *own])
        self._own = own

    def append(self, hook: Any) -> None:
        self._own.append(hook)


def _enter() -> Callable[[], None]:
    thread = threading.get_ident()
    leave: list[Callable[[], object]] = []
    for of_thread, listener in () if is_forced_eager() else tuple(_LISTENERS):
        # The user's call goes on, whatever we make of it.
        with contextlib.suppress(Exception):
            if of_thread == thread:
                leave.append(listener())

    def left() -> None:
        for each in reversed(leave):
            with contextlib.suppress(Exception):
                each()

    return left


def _detach() -> None:
    context = _context_class()
    if context is not None and isinstance(vars(context).get(_HOOKS), property):
        # First, for another thread may be about to run compiled code.
        _hand_over()
        delattr(context, _HOOKS)
        _hand_over()
        _SET_MEANWHILE.clear()


def _hand_over() -> None:
    for context, hooks in tuple(_SET_MEANWHILE.items()):
        vars(context)[_HOOKS] = hooks


def _context_class() -> type | None:
    # Without torch._dynamo in memory nothing can be compiled; importing it takes seconds.
    module = sys.modules.get("torch._dynamo.eval_frame")
    found = getattr(module, "_TorchDynamoContext", None)
    return found if isinstance(found, type) else None
