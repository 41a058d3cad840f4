"""The end of this process: who is called then, and whether it is a bad one."""

import atexit
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from multiprocessing.util import Finalize


def call_at_process_end(function: Callable[[], object]) -> Callable[[], object]:
    """Has a function called when this process ends by itself.

    Returns:
        A function that takes that back.
    """
    if parent_process() is None:
        atexit.register(function)
        return partial(atexit.unregister, function)
    # Forked children run no handlers of atexit, spawned ones do when no exception is left to see.
    return Finalize(None, function, exitpriority=0).cancel


def ends_by_exception() -> bool:
    """Whether this process ends by what nobody caught, or by an exit status of its own."""
    # In a child of multiprocessing it is on its way; else the interpreter has printed it.
    raised = sys.exc_info()[1]
    if isinstance(raised, SystemExit):
        return bool(raised.code)
    return raised is not None or hasattr(sys, "last_value")


def ends_by_interrupt() -> bool:
    """Whether this process ends by Ctrl+C that nobody caught."""
    raised = sys.exc_info()[1] or getattr(sys, "last_value", None)
    return isinstance(raised, KeyboardInterrupt)
