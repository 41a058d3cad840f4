"""Running compiled code eagerly: in a replay nothing is compiled, and nothing runs compiled."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

import torch


class _Thread(threading.local):
    forced = False


_THREAD = _Thread()


@contextlib.contextmanager
def forced_eager() -> Iterator[None]:
    """Runs its body as if nothing were compiled."""
    before = _THREAD.forced
    with _stance():
        _THREAD.forced = True
        try:
            yield
        finally:
            _THREAD.forced = before


def is_forced_eager() -> bool:
    """Whether this thread runs compiled code eagerly."""
    return _THREAD.forced


def _stance() -> contextlib.AbstractContextManager[Any]:
    # Without torch._dynamo in memory nothing can be compiled; importing it takes seconds.
    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    if hasattr(torch.compiler, "set_stance"):
        stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        return stance
    return _never_entered()  # torch < 2.6


@contextlib.contextmanager
def _never_entered() -> Iterator[None]:
    """Keeps this thread's frames from the compiler.

    The compiler's own switch (`torch._dynamo.config.disable`) would have each frame that it sees
    meanwhile run eagerly for ever.
    """
    eval_frame = sys.modules["torch._dynamo.eval_frame"]
    enter = eval_frame.set_eval_frame

    def set_eval_frame(callback: object) -> object:
        return enter(None if _THREAD.forced else callback)

    before = enter(None)
    eval_frame.set_eval_frame = set_eval_frame  # type: ignore[attr-defined]
    try:
        yield
    finally:
        eval_frame.set_eval_frame = enter  # type: ignore[attr-defined]
        enter(before)
