"""One record without a training loop: for a notebook, a script, a CI job."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from modelviz_callbacks.archive.writer import check_run_dir
from modelviz_callbacks.errors import ModelVizError, ReplayRefusedError
from modelviz_callbacks.recording.one_call import call_of, watch_call
from modelviz_callbacks.recording.recorder import Recorder
from modelviz_callbacks.replay.inner_calls import inner_calls
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.replay.plan import replay_refusal
from modelviz_callbacks.settings import FORMATS, VISUALIZERS, Settings
from modelviz_callbacks.sinks.tensorboard import summary_writer_sinks
from modelviz_callbacks.watch.module_paths import find_module
from modelviz_callbacks.watch.root_calls import RootCall
from modelviz_callbacks.watch.wrappers import require_module, unwrap, without_compilers


def record_architecture(
    model: nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    log_dir: str | os.PathLike[str] = "runs",
    writer: Any = None,
    *,
    depth: int = 3,
    visualizers: Sequence[str] = VISUALIZERS,
    target: str | None = None,
    input_fn: Callable[..., Any] | None = None,
    formats: Sequence[str] = FORMATS,
    draw_timeout_s: float = 60.0,
    on_error: str = "warn",
) -> str:
    """Records the architecture of a model as one call of it runs, and waits for the pictures.

    The model is left as it was, in its own train or eval mode.

    Args:
        model: The model; it may be wrapped.
        args: Positional arguments of the call: `(x,)`, with the tensors on the model's device.
        kwargs: Keyword arguments of the call.
        log_dir: Where the record's folder `architecture/` is made: a path or an fsspec URL.
        writer: A `SummaryWriter` of torch or tensorboardX, to show the record in TensorBoard.
        depth: How many levels of modules the summary and the diagram show.
        visualizers: Which of `"repr"`, `"torchinfo"`, `"torchview"`, `"torchviz"`,
            `"architecture"` run.
        target: Path of the module to record instead of the model, like `"encoder"`.
        input_fn: Makes the recorded module's arguments of `args` and `kwargs`.
        formats: Pictures to draw, of `"svg"`, `"png"`; with none, DOT sources only.
        draw_timeout_s: Seconds that one picture may take, and the longest wait in all.
        on_error: `"warn"`, or `"raise"` for debugging.

    Returns:
        The record's folder.

    Raises:
        SettingsError: If an option has a value that cannot work.
        ModelVizError: If the record's folder cannot be made.

    Example:
        >>> record_architecture(model, (x,), log_dir="runs/exp1")
        '/home/me/runs/exp1/architecture'
    """
    settings = Settings(depth, visualizers, target, input_fn, formats, draw_timeout_s, on_error)
    inner = unwrap(require_module(model))
    module = find_module(inner, target) if target else inner
    call = call_of(model, args, kwargs)
    recorder = Recorder(without_compilers(model), check_run_dir(log_dir, "log_dir"), settings)
    recorder.publish_to(summary_writer_sinks(writer))
    recorder.open()
    recorder.note_input(call.named_arguments())
    error = _show(recorder, settings, call, module)
    if recorder.step.wanted and replay_refusal(inner, (call.args, call.kwargs)) is None:
        error = watch_call(recorder.step, call) or error
    if isinstance(error, ReplayRefusedError):
        recorder.close(note=f"the call was ended, and so is what is shown of it: {error}")
    recorder.close(error)
    recorder.finish()
    if recorder.directory is None:
        raise ModelVizError(f"log_dir={os.fspath(log_dir)!r}: the record cannot be written there.")
    return recorder.directory


def _show(
    recorder: Recorder, settings: Settings, call: RootCall, module: nn.Module
) -> Exception | None:
    if settings.input_fn is not None:
        recorder.see_chosen(settings.target or "", module, *call.args, **call.kwargs)
        return None
    if module is call.module:
        recorder.see(call)
        return None
    calls, error = inner_calls(
        {settings.target or "": module},
        Isolation(call.module, (), (call.args, call.kwargs)),
        lambda args, kwargs: call.module(*args, **kwargs),
        call.args,
        call.kwargs,
    )
    for inner_call in calls[:1]:
        recorder.see(inner_call)
    return error
