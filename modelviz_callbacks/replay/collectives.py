"""Keeping a replay from talking to other ranks: it runs on one of them, and would wait for ever."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from modelviz_callbacks.errors import ReplayRefusedError

# The functions of torch.distributed, of torch.distributed.nn and the functional collectives all
# end in operations of these namespaces, whatever they were called through.
_NAMESPACES = ("c10d", "symm_mem")
_FUNCTIONAL = "_c10d_functional"
# They wait for what the real step has begun, on every rank, or only wrap a tensor.
_HARMLESS = ("wait_tensor", "_wrap_tensor_autograd")
# What no operation shows: making a group talks through a store, and a coalescing that has begun
# cannot be taken back. Everything that does either looks these functions up here.
_FUNCTIONS = {
    "_process_group_name": "makes a process group",
    "_coalescing_manager": "joins collectives together",
}


class _StopReplayError(BaseException):
    """Ends a replay; a forward that tries again after an exception must not catch it."""


@contextlib.contextmanager
def collectives_refused() -> Iterator[None]:
    """Ends its body where it is about to communicate with other ranks, before anything is sent.

    Only this thread's communication is refused; a checkpoint may be written by another one.

    Raises:
        ReplayRefusedError: If the body was about to communicate, whatever it made of being ended.
    """
    if not _are_several_ranks():
        yield
        return
    guard = _CollectiveGuard()
    refusal = None
    try:
        with _functions_refused(guard.refuse), guard:
            yield
    except (_StopReplayError, Exception):
        if guard.reason is None:
            raise
        refusal = guard.reason
    if (refusal := refusal or guard.reason) is not None:
        raise ReplayRefusedError(f"no extra forward: {refusal}")


def forward_alone(wrapper: DistributedDataParallel, *inputs: Any, **kwargs: Any) -> Any:
    """Runs what a data-parallel wrapper runs; sends nothing, and expects no backward.

    The wrapper's own forward prepares its reducer for a backward pass, in C++ where nothing of it
    could be put back.
    """
    if wrapper.device_ids:
        move: Any = wrapper.to_kwargs
        moved, moved_kwargs = move(inputs, kwargs, wrapper.device_ids[0])
        inputs, kwargs = moved[0], moved_kwargs[0]
    return wrapper.module(*inputs, **kwargs)


class _CollectiveGuard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses each operation that communicates.

    Attributes:
        reason: What was refused first, in words, or None.
    """

    def __init__(self) -> None:
        """Makes a guard that has refused nothing yet."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.reason: str | None = None

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs one operation, unless it communicates."""
        if any(kind.__name__ == "DTensor" for kind in types):
            self.refuse("computes with DTensors")
        if _communicates(func) and not _is_alone(args):
            self.refuse(f"calls {func.__name__.partition('.')[0].strip('_')}")
        return func(*args, **(kwargs or {}))

    def refuse(self, what: str) -> None:
        """Ends the replay.

        Args:
            what: What the forward does, in the third person.
        """
        self.reason = self.reason or f"the forward {what}, which all ranks do together"
        raise _StopReplayError(self.reason)


def _are_several_ranks() -> bool:
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )


def _communicates(func: Any) -> bool:
    if func.namespace.startswith(_FUNCTIONAL):
        return not func.__name__.startswith(_HARMLESS)
    return func.namespace in _NAMESPACES


def _is_alone(args: tuple[Any, ...]) -> bool:
    """Whether an operation's group is known to have no other rank in it."""
    sizes = [size for arg in args if (size := _group_size(arg)) is not None]
    return bool(sizes) and max(sizes) == 1


def _group_size(argument: Any) -> int | None:
    group: Any = None
    c10d: Any = distributed.distributed_c10d
    # Most arguments are no group at all; what is unknown counts as a group of several.
    with contextlib.suppress(Exception):
        if isinstance(argument, distributed.ProcessGroup):
            group = argument
        elif isinstance(argument, torch.ScriptObject):
            group = distributed.ProcessGroup.unbox(argument)
        elif isinstance(argument, str):
            group = c10d._resolve_process_group(argument)
    return None if group is None else int(group.size())


@contextlib.contextmanager
def _functions_refused(refuse: Callable[[str], None]) -> Iterator[None]:
    with contextlib.ExitStack() as undo:
        for module in (distributed, distributed.distributed_c10d):
            for name, what in _FUNCTIONS.items():
                original = getattr(module, name, None)
                if original is not None:
                    undo.callback(setattr, module, name, original)
                    setattr(module, name, _refusing(original, refuse, what))
        yield


def _refusing(
    original: Callable[..., Any], refuse: Callable[[str], None], what: str
) -> Callable[..., Any]:
    thread = threading.get_ident()

    @wraps(original)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread:
            refuse(what)
        return original(*args, **kwargs)

    return refusing
