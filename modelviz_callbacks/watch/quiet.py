"""Which module calls are nobody's business: our own replays, and calls that are only traced."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import torch

_TRACERS = ("torch.jit._trace", "torch.export._trace")


class _Thread(threading.local):
    depth = 0


_THREAD = _Thread()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Marks the module calls of its body, in this thread, as a replay's.

    No watcher that was armed outside sees them; one that is armed inside does.
    """
    _THREAD.depth += 1
    try:
        yield
    finally:
        _THREAD.depth -= 1


def quiet_depth() -> int:
    """Gives how many `quiet` blocks this thread is in."""
    return _THREAD.depth


def is_traced() -> bool:
    """Whether PyTorch is only following a call: tracing, exporting, compiling or capturing it.

    What is watched then would become a part of the traced program, or of the CUDA graph.
    """
    # First, for a compiler takes what follows as it is.
    if torch.compiler.is_compiling():
        return True
    if torch._C._is_tracing() or _is_fx_tracing():
        return True
    cuda: Any = torch.cuda
    # A build for CUDA on a machine without a driver raises where nothing is initialised.
    return bool(cuda.is_initialized() and cuda.is_current_stream_capturing())


def is_called_by_tracer() -> bool:
    """Whether a tracer makes the current call from outside of what it traces.

    `torch.jit.trace` runs the model to check its work; `torch.export` of torch 2.4 compiles it and
    runs that.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") in _TRACERS:
            return True
        frame = frame.f_back
    return False


def _is_fx_tracing() -> bool:
    # Nothing can be traced by torch.fx before it is in memory.
    tracer: Any = sys.modules.get("torch.fx._symbolic_trace")
    if tracer is None:
        return False
    # torch < 2.9 knows only the second, which newer versions warn about.
    tracing = getattr(tracer, "is_fx_symbolic_tracing", None) or tracer.is_fx_tracing
    return bool(tracing())
