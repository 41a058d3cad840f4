"""The plain-PyTorch integration: a hook on the model."""

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from torch import nn

from modelviz_callbacks.archive.writer import check_run_dir
from modelviz_callbacks.fabric_run import describe_fabric
from modelviz_callbacks.recording.recorder import Recorder
from modelviz_callbacks.settings import FORMATS, VISUALIZERS, Settings
from modelviz_callbacks.sinks.tensorboard import summary_writer_sinks
from modelviz_callbacks.watch.module_paths import find_module
from modelviz_callbacks.watch.root_calls import CallObserver, CallWatcher, RootCall
from modelviz_callbacks.watch.wrappers import (
    data_parallel_wrapper,
    inside_distributed,
    is_first_rank,
    require_module,
    unwrap,
    without_compilers,
)

_NOT_CALLED = (
    "the model was not called in train mode before close(), unless inside compiled or traced "
    "code, where nothing is watched: of a compiled step, compile the model instead; where a "
    "method of the model is called, give the hook the part that it calls"
)


class ModelVizHook:
    """Records the architecture at the first call of a model in train mode, then disarms itself.

    The record goes to `<log_dir>/architecture/`; an existing one is kept and the new one goes to
    `architecture-2` and so on. Of several processes only rank 0 records. Wrappers
    (DistributedDataParallel, DataParallel, Fabric's, compiled modules) are seen through.

    Example:
        >>> hook = ModelVizHook(model, "runs/exp1", writer=writer, depth=2)
        >>> train(model)     # as always
        >>> hook.wait()      # if you want to look at the pictures now
    """

    def __init__(
        self,
        model: nn.Module,
        log_dir: str | os.PathLike[str],
        writer: Any = None,
        *,
        depth: int = 3,
        visualizers: Sequence[str] = VISUALIZERS,
        target: str | None = None,
        input_fn: Callable[..., Any] | None = None,
        formats: Sequence[str] = FORMATS,
        draw_timeout_s: float = 60.0,
        on_error: str = "warn",
    ) -> None:
        """Arms the hook.

        Args:
            model: The model that the loop calls; it may be wrapped.
            log_dir: The run's folder, a path or an fsspec URL.
            writer: A `SummaryWriter` of torch or tensorboardX, to show the record in TensorBoard.
            depth: How many levels of modules the summary and the diagram show.
            visualizers: Which of `"repr"`, `"torchinfo"`, `"torchview"`, `"torchviz"`,
                `"architecture"` run.
            target: Path of the module to record instead of the model, like `"encoder"`.
            input_fn: Makes the recorded call's arguments from the first call's: called as the
                model was, it gives a tuple of positional arguments, a dict of keyword arguments,
                or the only argument.
            formats: Pictures to draw, of `"svg"`, `"png"`; with none, DOT sources only.
            draw_timeout_s: Seconds that one picture may take, and the longest wait in `close()`.
            on_error: `"warn"`, or `"raise"` for debugging.

        Raises:
            SettingsError: If an option has a value that cannot work.
            ModelVizError: If another armed hook is on the model.
        """
        settings = Settings(
            depth=depth,
            visualizers=visualizers,
            target=target,
            input_fn=input_fn,
            formats=formats,
            draw_timeout_s=draw_timeout_s,
            on_error=on_error,
        )
        self._settings = settings
        inner = unwrap(require_module(model))
        module = find_module(inner, target) if target else inner
        sinks = summary_writer_sinks(writer)
        run_dir, of_fabric = check_run_dir(log_dir, "log_dir"), describe_fabric(model)
        self._recorder = Recorder(without_compilers(model), run_dir, settings, of_fabric)
        self._recorder.publish_to(sinks)
        entrance = inside_distributed(model)
        # Threads may call the model at the same time; of their calls one is the step.
        self._one = threading.Lock()
        self._step: RootCall | None = None
        self._watchers = self._make_watchers(entrance, module)
        self._strategy = of_fabric.get("strategy") or data_parallel_wrapper(model)
        self._records = is_first_rank()
        if self._records:
            self._arm(entrance)

    @property
    def directory(self) -> str | None:
        """The record's folder, or None where none is made."""
        return self._recorder.directory

    @property
    def fingerprints(self) -> dict[str, str]:
        """Hashes of the architecture, to be kept in a loop's own checkpoints.

        As in the record's manifest: of the modules as soon as the hook is made, of what was seen
        after the first call; empty on other ranks than the first.

        Example:
            >>> torch.save({"model": model.state_dict(), "architecture": hook.fingerprints}, path)
        """
        return dict(self._recorder.fingerprints)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the pictures.

        Args:
            timeout_s: The longest wait in seconds; None waits as long as the drawing may take.

        Returns:
            Whether all drawing is over.
        """
        return self._recorder.wait(timeout_s)

    def close(self) -> None:
        """Disarms the hook if need be, and waits for the pictures, at most `draw_timeout_s`."""
        self._close(None)

    def _close(self, error: BaseException | None) -> None:
        self._disarm()
        if self._records:
            self._recorder.close(note=_NOT_CALLED)
            if error is None:
                self._recorder.finish()
            else:
                self._recorder.finish_after(error)

    def __enter__(self) -> "ModelVizHook":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(error)

    def _make_watchers(self, entrance: nn.Module, module: nn.Module) -> list[CallWatcher]:
        begins = partial(self._step_begins, module)
        step = CallObserver(entered=begins, left=self._step_ends, passes=_is_in_eval)
        watchers = [CallWatcher({"": entrance}, step, alone=True)]
        if module is not unwrap(entrance) and self._settings.input_fn is None:
            see = partial(self._recorder.see, output_follows=True)
            target = CallObserver(see, self._recorder.see_output, self._is_outside)
            watched = {self._settings.target or "": module}
            watchers.append(CallWatcher(watched, target, alone=True))
        return watchers

    def _arm(self, entrance: nn.Module) -> None:
        # Below the hook's own watchers, which begin and end it.
        self._recorder.step.arm(entrance)
        try:
            for watcher in self._watchers:
                watcher.arm()
            self._recorder.open()
        except BaseException:
            self._disarm()
            self._recorder.step.disarm()
            raise

    def _disarm(self) -> None:
        # The watchers go, and with them all that would keep the model alive.
        while self._watchers:
            self._watchers.pop().disarm()

    def _is_outside(self, _module: nn.Module) -> bool:
        return self._step is None

    def _step_begins(self, module: nn.Module, call: RootCall) -> None:
        if not self._one.acquire(blocking=False):
            return
        if not is_first_rank():
            # The process group may have been made after the hook.
            self._records = False
            self._disarm()
            self._recorder.withdraw()
            return
        self._step = call
        strategy = self._strategy or data_parallel_wrapper(call.module)
        self._recorder.describe_run({"strategy": strategy})
        self._recorder.note_input(call.named_arguments())
        path = self._settings.target or ""
        if self._settings.input_fn is not None:
            self._recorder.see_chosen(path, module, *call.args, **call.kwargs)
        elif module is call.module:
            self._recorder.see(call, output_follows=True)
        self._recorder.step.begin(call.named_arguments())

    def _step_ends(self, call: RootCall, output: Any, error: BaseException | None) -> None:
        if call is not self._step:
            return
        self._step = None
        self._recorder.step.end(output, "output")
        self._disarm()
        try:
            self._recorder.see_output(call, output, error)
        finally:
            self._recorder.close(error)


def _is_in_eval(module: nn.Module) -> bool:
    return not unwrap(module).training
