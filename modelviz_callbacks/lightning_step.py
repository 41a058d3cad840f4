"""The first training step of a Trainer: what is attached to it, and what came of it."""

import inspect
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from torch import nn

from modelviz_callbacks.errors import contained, one_line
from modelviz_callbacks.lightning_run import (
    is_redirected,
    named_result,
    rehearsal_refusal,
    runs_compiled_step,
    tensorboard_sinks,
)
from modelviz_callbacks.recording.recorder import Recorder
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.watch.method_watch import MethodShadow, MethodWatch, unwatched
from modelviz_callbacks.watch.module_paths import find_module
from modelviz_callbacks.watch.root_calls import CallObserver, CallWatcher, watchable_modules

_CAUGHT = "the first training step raised {}; the training caught it and went on"


class FirstStep:
    """Watches a training step for a recorder, from `arm` to `disarm`.

    Attributes:
        ended_data: A StopIteration that the step raised: Lightning takes it for the end of the
            data and tells nobody.
        raised: What else the step raised, in words: the training may go on all the same.
    """

    def __init__(self, settings: Settings) -> None:
        """Has nothing attached yet."""
        self.ended_data: StopIteration | None = None
        self.raised: str | None = None
        self._settings = settings
        self._recorder: Recorder | None = None
        self._watcher: CallWatcher | None = None
        self._shadows: list[MethodShadow] = []
        self._in_step = False

    @property
    def armed(self) -> bool:
        """Whether a step is waited for, or running."""
        return self._watcher is not None

    def arm(
        self, recorder: Recorder, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Attaches the watching; rehearses what would show nothing.

        Args:
            recorder: What it is for.
            trainer: The Trainer.
            pl_module: Its module.
            batch: The batch that the step is going to be given.
            batch_idx: Its number.
        """
        self._recorder = recorder
        with self._contained("reach the loggers"):
            recorder.publish_to(tensorboard_sinks(trainer))
        recorder.note_input(batch)
        if self._settings.input_fn is not None:
            module = find_module(pl_module, self._settings.target or "")
            with trainer.precision_plugin.train_step_context():
                recorder.see_chosen(self._settings.target or "", module, batch)
        elif runs_compiled_step(pl_module):
            with trainer.precision_plugin.train_step_context():
                self._see_compiled(recorder, pl_module, batch, batch_idx)
        if not runs_compiled_step(pl_module):
            recorder.step.arm(pl_module)
            self._shadows = [
                MethodWatch(pl_module, "training_step", self._entered, self._left),
                # What Lightning does with a loss is no part of the architecture.
                MethodShadow(pl_module, "log", unwatched),
                MethodShadow(pl_module, "manual_backward", recorder.step.backward),
            ]
        see = partial(recorder.see, output_follows=True)
        observer = CallObserver(see, recorder.see_output, self._passes)
        self._watcher = CallWatcher(self._watched(pl_module), observer)
        self._watcher.arm()

    def disarm(self) -> None:
        """Takes everything off the module and forgets the step; may be called again."""
        self.ended_data = self.raised = self._recorder = None
        watcher, self._watcher = self._watcher, None
        with self._contained("end the watching"):
            while self._shadows:
                self._shadows.pop().remove()
            if watcher is not None:
                watcher.disarm()

    def _entered(self, arguments: dict[str, Any]) -> None:
        self._in_step = True
        if self._recorder is not None:
            self._recorder.step.begin(arguments)

    def _left(self, result: Any, error: BaseException | None) -> None:
        self._in_step = False
        # Of another error only the words are kept: it holds what a second try needs the memory of.
        self.ended_data = error if isinstance(error, StopIteration) else None
        self.raised = None if error is None else _CAUGHT.format(one_line(error))
        if self._recorder is not None:
            self._recorder.step.end(*named_result(result))
            if error is None:
                self._recorder.write_step()

    def _see_compiled(self, recorder: Recorder, pl_module: Any, batch: Any, batch_idx: int) -> None:
        step = pl_module.training_step
        if (refusal := rehearsal_refusal(pl_module)) is not None:
            recorder.explain_unseen(f"the training step is compiled, and not rehearsed: {refusal}")
        else:
            arguments = (batch, batch_idx)[: len(inspect.signature(step).parameters)]
            recorder.see_within(self._candidates(pl_module), step, *arguments)

    def _watched(self, pl_module: nn.Module) -> dict[str, nn.Module]:
        # Nothing may be attached to a step that is compiled as a whole.
        if self._settings.input_fn is not None or runs_compiled_step(pl_module):
            return {}
        return self._candidates(pl_module)

    def _candidates(self, pl_module: nn.Module) -> dict[str, nn.Module]:
        if self._settings.target is not None:
            return {self._settings.target: find_module(pl_module, self._settings.target)}
        return watchable_modules(pl_module)

    def _passes(self, module: nn.Module) -> bool:
        # What hooks around the step call is no part of it.
        return not self._in_step or is_redirected(module)

    def _contained(self, task: str) -> AbstractContextManager[None]:
        return contained(task, reraise=self._settings.on_error == "raise")
