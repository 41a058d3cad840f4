"""One call of a model, watched without a training loop and without leaving a mark."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from modelviz_callbacks.errors import ReplayRefusedError
from modelviz_callbacks.recording.step_watch import StepWatch
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.watch.root_calls import RootCall
from modelviz_callbacks.watch.tensor_tree import clone_tensor, map_tensors
from modelviz_callbacks.watch.wrappers import unwrap


def call_of(model: nn.Module, args: Any, kwargs: Mapping[str, Any] | None) -> RootCall:
    """Describes a call that has not been made yet.

    Args:
        model: The model; it may be wrapped.
        args: Positional arguments; anything but a tuple or a list is the only one.
        kwargs: Keyword arguments.
    """
    # f(model, x) is what one types first; a tensor would be split by rows.
    positional = tuple(args) if isinstance(args, (tuple, list)) else (args,)
    return RootCall("", unwrap(model), positional, dict(kwargs or {}))


def watch_call(step: StepWatch, call: RootCall) -> Exception | None:
    """Runs a call once, in an isolation and on clones of its tensors, to watch it.

    Args:
        step: What watches; it has the graph afterwards.
        call: The call.

    Returns:
        What the call raised, if it did; a `ReplayRefusedError` where it was ended.
    """
    watched = step.watched(call.module, call.module, "output")
    error: Exception | None = None
    try:
        with Isolation(call.module, (), (call.args, call.kwargs)).replay():
            args, kwargs = map_tensors((call.args, call.kwargs), clone_tensor)
            try:
                watched(*args, **kwargs)
            except Exception as raised:  # noqa: BLE001 - the graph shows where it stopped
                error = raised
    except ReplayRefusedError as refusal:
        error = refusal
    return error
