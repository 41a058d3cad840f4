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
    context: contextlib.AbstractContextManager[Any]
    if hasattr(torch.compiler, "set_stance"):
        context = torch.compiler.set_stance("force_eager")
    else:  # torch < 2.6
        context = sys.modules["torch._dynamo"].config.patch(disable=True)
    return context
