"""What a piece of code calls, found out by running it once without leaving a mark."""

from collections.abc import Callable
from typing import Any

from torch import nn

from modelviz_callbacks.errors import ReplayRefusedError
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.watch.root_calls import CallObserver, CallWatcher, RootCall
from modelviz_callbacks.watch.tensor_tree import clone_tensor, map_tensors


def inner_calls(
    modules: dict[str, nn.Module], isolation: Isolation, run: Callable[..., Any], *arguments: Any
) -> tuple[list[RootCall], Exception | None]:
    """Runs code in an isolation, and looks with what it calls modules.

    Args:
        modules: The modules to look at, by path.
        isolation: The isolation of the model that they belong to.
        run: The code.
        *arguments: What it is called with; it gets clones of the tensors.

    Returns:
        The first outermost call of each module, with clones of its arguments, and what the code
        raised, if it did; a `ReplayRefusedError` where it was ended.
    """
    seen: dict[int, RootCall] = {}

    def keep(call: RootCall) -> None:
        if id(call.module) not in seen:
            args, kwargs = map_tensors((call.args, call.kwargs), clone_tensor)
            seen[id(call.module)] = RootCall(call.path, call.module, args, kwargs)

    watcher = CallWatcher(modules, CallObserver(entered=keep))
    error: Exception | None = None
    try:
        with isolation.replay():
            clones = map_tensors(arguments, clone_tensor)
            watcher.arm()
            try:
                run(*clones)
            except Exception as raised:  # noqa: BLE001 - what was seen before it is still shown
                error = raised
            finally:
                watcher.disarm()
    except ReplayRefusedError as refusal:
        error = refusal
    return list(seen.values()), error
