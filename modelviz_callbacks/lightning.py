"""The Lightning integration: a callback."""

import importlib
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.archive.writer import check_run_dir
from modelviz_callbacks.errors import contained, warn
from modelviz_callbacks.lightning_run import (
    as_sharded,
    checkpoints_folder,
    describe_run,
    find_run_dir,
    loaded_checkpoint,
)
from modelviz_callbacks.lightning_step import FirstStep
from modelviz_callbacks.recording.precedent import Precedent
from modelviz_callbacks.recording.recorder import Recorder
from modelviz_callbacks.recording.resume import Checkpoint, Resume
from modelviz_callbacks.settings import FORMATS, VISUALIZERS, Settings
from modelviz_callbacks.watch.module_paths import find_module

_FLAVOURS = ("lightning.pytorch", "pytorch_lightning")
_INSTALL = 'pip install "modelviz-callbacks[lightning]"'


def _callback_class() -> type:
    """Makes a class that is a Callback for the Trainers of both packages, where both are there."""
    bases = []
    for name in _FLAVOURS:
        try:
            bases.append(importlib.import_module(name).Callback)
        except ImportError:
            continue
    if not bases:
        raise ImportError(f"ModelVizCallback needs Lightning: {_INSTALL}")
    return type("Callback", tuple(bases), {})


if TYPE_CHECKING:
    from lightning.pytorch import Callback

    from modelviz_callbacks.archive.reference import RecordReference
else:
    Callback = _callback_class()


class ModelVizCallback(Callback):
    """Records the architecture at the first training batch, beside the checkpoints.

    The record goes to `<run dir>/architecture/`, an earlier one is kept. Of several processes
    only rank 0 records. `fast_dev_run` records nothing.

    Example:
        >>> Trainer(callbacks=[ModelVizCallback(depth=2)])
    """

    def __init__(
        self,
        depth: int = 3,
        visualizers: Sequence[str] = VISUALIZERS,
        target: str | None = None,
        input_fn: Callable[..., Any] | None = None,
        dirpath: str | os.PathLike[str] | None = None,
        formats: Sequence[str] = FORMATS,
        draw_timeout_s: float = 60.0,
        on_error: str = "warn",
    ) -> None:
        """Checks the options.

        Args:
            depth: How many levels of modules the summary and the diagram show.
            visualizers: Which of `"repr"`, `"torchinfo"`, `"torchview"`, `"torchviz"`,
                `"architecture"` run.
            target: Path of the module to record, like `"net.encoder"`; by default those that the
                training step calls itself.
            input_fn: Makes the recorded module's arguments of the first batch: a tuple of
                positional arguments, a dict of keyword arguments, or the only argument.
            dirpath: The run's folder, a path or an fsspec URL; by default the one that holds
                the checkpoints' folder.
            formats: Pictures to draw, of `"svg"`, `"png"`; with none, DOT sources only.
            draw_timeout_s: Seconds that one picture may take, and the longest wait for pictures
                when the training ends.
            on_error: `"warn"`, or `"raise"` for debugging.

        Raises:
            SettingsError: If an option has a value that cannot work.
        """
        super().__init__()
        self.settings = Settings(
            depth, visualizers, target, input_fn, formats, draw_timeout_s, on_error
        )
        self._dirpath = None if dirpath is None else check_run_dir(dirpath, "dirpath")
        # A run folder counts as recorded once a first step in it has ended well.
        self._recorded: dict[str, RecordReference] = {}
        self._number = 1
        self._run_dir = ""
        self._stage = "before the fit"
        self._checkpoint: Checkpoint | None = None
        self._recorder: Recorder | None = None
        self._step = FirstStep(self.settings)

    @property
    def directory(self) -> str | None:
        """The record's folder on rank 0 once the fit has started, else None."""
        return None if self._recorder is None else self._recorder.directory

    @property
    def state_key(self) -> str:
        """What tells this callback's state in a checkpoint from another one's.

        The options are not in it: a run that is drawn in another way goes on all the same.
        """
        return "ModelVizCallback" if self._number == 1 else f"ModelVizCallback-{self._number}"

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Learns which of several such callbacks this is."""
        ours = [c for c in trainer.callbacks if isinstance(c, ModelVizCallback)]
        self._number = 1 + next((n for n, c in enumerate(ours) if c is self), 0)
        self._stage = "before the fit"
        self._checkpoint = None

    # Not state_dict(): callbacks that have one must have different keys before they can learn
    # of each other.
    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Puts the fingerprints and the place of the record into a checkpoint, in plain types."""
        if self._recorder is None:
            return
        with self._contained("name the record in a checkpoint"):
            folder = checkpoints_folder(trainer) or self._run_dir
            state = self._recorder.reference.to_state(folder)
            checkpoint.setdefault("callbacks", {})[self.state_key] = state

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Learns from which checkpoint the fit goes on."""
        with self._contained("read the checkpoint's fingerprints"):
            if self._stage != "recording":
                self._checkpoint = loaded_checkpoint(trainer, checkpoint, self.state_key)

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins the record.

        Raises:
            SettingsError: If `target` names no module; the nearest names are given.
        """
        if self.settings.target is not None:
            find_module(pl_module, self.settings.target)
        with self._contained("begin the record"):
            # After a fit that failed something may be left.
            self._end_step(note="the fit ended without a word")
            self._recorder = None
            self._run_dir = self._dirpath or find_run_dir(trainer)
            self._stage = "waiting"
            if not trainer.strategy.restore_checkpoint_after_setup:
                self._begin(trainer, pl_module)

    def on_sanity_check_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins the record of a sharded model, whose checkpoint is loaded only now."""
        self._begin(trainer, pl_module)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins the record of a sharded model, if there was no sanity check."""
        self._begin(trainer, pl_module)

    def _begin(self, trainer: Any, pl_module: Any) -> None:
        if self._stage != "waiting":
            return
        self._stage = "recording"
        if trainer.fast_dev_run or not trainer.is_global_zero:
            return
        with self._contained("begin the record"):
            self._recorder = Recorder(
                as_sharded(trainer, pl_module),
                self._run_dir,
                self.settings,
                describe_run(trainer),
                self._precedent(),
            )
            self._recorder.open()

    def _precedent(self) -> Precedent:
        if self._checkpoint is None:
            return Precedent(earlier=self._recorded.get(self._run_dir))
        resume = None
        with self._contained("find the checkpoint's record"):
            resume = Resume(self._checkpoint, self._run_dir)
        return Precedent(resume)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Arms the watching of the first batch's step."""
        recorder = self._recorder
        if recorder is None or recorder.closed or self._step.armed:
            return
        with self._contained("watch the first training step"):
            try:
                self._step.arm(recorder, trainer, pl_module, batch, batch_idx)
            except Exception:
                self._end_step(note="the first training step could not be watched")
                raise

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ends the watching and starts the drawing."""
        # Without a step there was none: Lightning passes over a batch that is None.
        if self._step.armed:
            self._end_step(note=self._step.raised)
            if self._recorder is not None:
                self._recorded[self._run_dir] = self._recorder.reference

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Looks at a first batch that did not come to its end."""
        if not self._step.armed:
            return
        if self._step.ended_data is not None:
            self._end_step(self._step.ended_data)
            return
        # `on_train_batch_start` of the module gave -1; a later epoch may have a first batch.
        self._step.disarm()
        if self._recorder is not None:
            self._recorder.start_over()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Writes what was seen before the training failed or was interrupted."""
        if self._stage != "recording" and self._checkpoint is None and trainer.is_global_zero:
            with self._contained("compare the checkpoint's record with the model"):
                self._explain_weights(trainer, pl_module)
        self._begin(trainer, pl_module)
        note = None if self._step.armed else "the training ended before its first batch"
        self._end_step(exception, note)
        if self._recorder is not None:
            self._recorder.finish_after(exception)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Waits for the pictures, at most `draw_timeout_s`."""
        if self._recorder is not None:
            self._end_step(note="no training batch was run")
            self._recorder.finish()

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what belongs to this process: the callback may be sent to others."""
        # `log` and `log_dict` are the LightningModule's: the Trainer puts them here in every fit.
        kept = {key: v for key, v in vars(self).items() if key not in ("log", "log_dict")}
        return kept | {"_recorder": None, "_step": FirstStep(self.settings)}

    def _explain_weights(self, trainer: Any, pl_module: Any) -> None:
        """Says what is another in the model than in the record of weights that do not fit."""
        checkpoint = loaded_checkpoint(trainer, None, self.state_key)
        if checkpoint is not None:
            drift = Resume(checkpoint, self._run_dir).drift_of_modules(
                as_sharded(trainer, pl_module)
            )
            if drift is not None:
                warn(drift.as_weights_warning())

    def _end_step(self, error: BaseException | None = None, note: str | None = None) -> None:
        self._step.disarm()
        if self._recorder is not None:
            self._recorder.close(error, note)

    def _contained(self, task: str) -> AbstractContextManager[None]:
        return contained(task, reraise=self.settings.on_error == "raise")
