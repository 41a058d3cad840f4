"""The spine: open → watch → replay each root call → write → publish → draw, in this order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from modelviz_callbacks.archive.reference import RecordReference
from modelviz_callbacks.errors import ModelVizError, ReplayRefusedError, is_interrupt
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.account import Account
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.precedent import Precedent
from modelviz_callbacks.recording.publisher import Publisher
from modelviz_callbacks.recording.record_book import RecordBook
from modelviz_callbacks.recording.root_views import RootViews
from modelviz_callbacks.recording.step_watch import StepWatch
from modelviz_callbacks.replay.inner_calls import inner_calls
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.replay.plan import replay_refusal
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.sinks.base import Sink
from modelviz_callbacks.visualizers import architecture
from modelviz_callbacks.watch.input_spec import tensor_specs
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.root_calls import RootCall, chosen_call
from modelviz_callbacks.watch.tensor_tree import clone_tensor, holds, map_tensors
from modelviz_callbacks.watch.wrappers import unwrap

_ONLY_WATCHED = (
    "the run goes on from a checkpoint, and its modules are those of that checkpoint's record: "
    "the first step was watched, and nothing run again"
)


class Recorder:
    """Makes one record of one training run.

    The calls come in this order: `open`, `step.arm`, `step.begin`, `see` for each root call of
    the first step, `step.end`, `close`, `finish`. None of them raises what went wrong inside,
    unless the settings say so.

    Attributes:
        step: The watching of the first step.
    """

    def __init__(
        self,
        model: nn.Module,
        run_dir: str,
        settings: Settings,
        environment: dict[str, Any] | None = None,
        precedent: Precedent | None = None,
    ) -> None:
        """Prepares a record.

        Args:
            model: The model that is trained, without wrappers but those that shard it.
            run_dir: Where the record's folder is made: a path or an fsspec URL.
            settings: The options.
            environment: What the integration knows of the run: precision, strategy, ….
            precedent: The record that the run has already; by default none.
        """
        self._model: nn.Module | None = model
        self._settings = settings
        self._containment = Containment(settings.on_error)
        self._book = RecordBook(run_dir)
        self._views = RootViews(settings, self._containment)
        self._publisher = Publisher(self._book, settings, self._containment)
        self.step = StepWatch(self._containment, wanted=architecture.NAME in settings.visualizers)
        self._account = Account(self._book, settings, self._containment, self.step, self._views)
        self._account.environment = dict(environment or {})
        self._closed = False
        self._precedent = precedent or Precedent()
        self._at_start: Mapping[str, str] = {}

    @property
    def directory(self) -> str | None:
        """The record's folder, or None where it could not be made."""
        return self.reference.directory

    @property
    def reference(self) -> RecordReference:
        """The record, as a checkpoint keeps it."""
        own = RecordReference(self.fingerprints, self._at_start, self._book.directory)
        return self._precedent.kept or own

    @property
    def fingerprints(self) -> dict[str, str]:
        """Hashes of the architecture, by what they are of; empty before the first step's end."""
        return self._book.manifest.fingerprints

    @property
    def closed(self) -> bool:
        """Whether the first step is over."""
        return self._closed

    def open(self) -> None:
        """Makes the record's folder and what can be said before the first step.

        A process that is killed in its first step leaves this. Where an earlier record tells the
        same modules, it is kept, and nothing new is made as long as nothing is another.
        """
        with self._containment.on_training_thread("begin the record"):
            self._account.describe_modules(self._wrapped_model())
            self._at_start = self.fingerprints
            if self._precedent.begin(self._at_start):
                self._closed = True
                self._model = None
            elif self._precedent.kept is not None:
                self._views.leave_out(_ONLY_WATCHED)
            else:
                self._account.begin(self._wrapped_model(), self._precedent.origin())

    def describe_run(self, environment: dict[str, Any]) -> None:
        """Adds to what the integration knows of the run."""
        self._account.environment |= environment

    def publish_to(self, sinks: Sequence[Sink]) -> None:
        """Chooses the loggers that the record is shown in."""
        self._publisher.sinks = tuple(sinks)

    def note_input(self, batch: Any) -> None:
        """Describes the first batch: nested data with tensors of any shape."""
        with self._containment.on_training_thread("describe the first batch"):
            self._book.update(input=tensor_specs(batch))

    def see(self, call: RootCall, *, output_follows: bool = False) -> None:
        """Runs the visualizers on a call that is about to run, if it is a new root.

        Args:
            call: The call.
            output_follows: Whether `see_output` will be called with its output.
        """
        with self._containment.on_training_thread(f"replay {call.path or 'the model'}"):
            if self._closed or self._account.written or not self._views.is_new(call):
                return
            self._account.add_root(call)
            self._views.show(self._watched_model(), call, output_follows=output_follows)

    def see_output(self, call: RootCall, output: Any, error: BaseException | None = None) -> None:
        """Shows what a seen call's own output tells, right after it ran.

        Args:
            call: The call, the same object as in `see`.
            output: Its output, of whatever shape.
            error: What it raised; there is no output to look at then.
        """
        if error is not None or not self._views.awaits_output(call):
            return
        task = f"look at the output of {call.path or 'the model'}"
        with self._containment.on_training_thread(task):
            self._views.show_output(call, output)

    def see_chosen(self, path: str, module: nn.Module, *args: Any, **kwargs: Any) -> None:
        """Runs the visualizers on a module with the input that the user's `input_fn` makes.

        Args:
            path: The module's path.
            module: The module.
            *args: What `input_fn` is called with; it gets clones of the tensors.
            **kwargs: Likewise.
        """
        input_fn = self._settings.input_fn
        if input_fn is None or self._explained_by_record():
            return
        with self._containment.on_training_thread("make an input with input_fn"):
            if holds((args, kwargs), Iterator):
                raise ModelVizError("the batch holds an iterator, which input_fn would use up")
            given_args, given_kwargs = map_tensors((args, kwargs), clone_tensor)
            with Isolation(self._watched_model(), (module,), (args, kwargs)).replay():
                chosen = input_fn(*given_args, **given_kwargs)
            self.see(chosen_call(path, module, chosen))

    def see_within(
        self, modules: dict[str, nn.Module], step: Callable[..., Any], *args: Any
    ) -> None:
        """Watches a rehearsal of a compiled step, where the real one shows nothing.

        Args:
            modules: The modules that may be roots, by path.
            step: The step; it is rehearsed once, eagerly and without leaving a mark.
            *args: Its arguments.
        """
        if self._explained_by_record():
            return
        with self._containment.on_training_thread("rehearse the compiled training step"):
            model = self._watched_model()
            if (refusal := replay_refusal(model, args)) is not None:
                self.explain_unseen(f"the training step is compiled; {refusal}")
                return
            self._account.note_rehearsal()
            watched = self.step.watched(step, model, "loss")
            calls, error = inner_calls(modules, Isolation(model, (), args), watched, *args)
            for call in calls:
                self.see(call)
            if isinstance(error, ReplayRefusedError):
                self._account.note_rehearsal(ended=error)
            elif error is not None:
                raise error

    def start_over(self) -> None:
        """Forgets a batch that was not trained on; another one will be the first."""
        with self._containment.on_training_thread("forget a skipped batch"):
            self.step.forget()
            self._views.clear()
            self._account.start_over()

    def explain_unseen(self, reason: str) -> None:
        """Gives the reason why no call of the step can be seen."""
        self._account.explain_unseen(reason)

    def write_step(self) -> None:
        """Writes what was seen of the step when it has ended well, before its backward pass.

        That one waits for the other ranks, who may have failed; or it may be killed for memory.
        """
        if self._closed or self._account.written or not self._views.roots:
            return
        if self._precedent.kept is not None:
            # There is a record already, and whether it tells this step is seen at its end.
            return
        with self._containment.on_training_thread("write the record"):
            self._account.write_unfinished(self._wrapped_model())

    def close(self, error: BaseException | None = None, note: str | None = None) -> None:
        """Ends the first step: writes, publishes, starts drawing. Later calls do nothing.

        Args:
            error: What the step raised.
            note: Why the record holds less than one might expect.
        """
        if self._closed:
            return
        self._closed = True
        self.step.disarm()
        try:
            self._finish_step(error, note)
        except BaseException as interrupt:
            # It may come at any moment, and the training ends with it.
            self._account.write_interrupted(interrupt)
            error = error or interrupt
            raise
        finally:
            # Nothing of the model is kept until the end of the training.
            self._model = None
            self._views.clear()
            with self._containment.on_training_thread("save the record"):
                self._book.update(timings={"training_thread_s": round(self._containment.held_s, 6)})
                self._book.save()
            if error is not None and is_interrupt(error):
                self.finish_after(error)

    def withdraw(self) -> None:
        """Gives the record up before its first step, and takes away what is there of it."""
        self._closed = True
        self.step.disarm()
        with self._containment.on_training_thread("take the record back"):
            self._book.withdraw()
        self._model = None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the pictures.

        Args:
            timeout_s: The longest wait in seconds; None waits as long as the drawing may take.

        Returns:
            Whether all drawing is over.
        """
        return self._publisher.wait(timeout_s)

    def finish(self, timeout_s: float | None = None) -> None:
        """Waits for the pictures for a limited time, then does without them.

        Args:
            timeout_s: The longest wait in seconds; None stands for `draw_timeout_s`.
        """
        self._publisher.finish(timeout_s)

    def finish_after(self, error: BaseException) -> None:
        """Finishes a training that raised; waits for nothing where somebody waits for it.

        Args:
            error: What it raised.
        """
        self._publisher.finish_after(error)

    # The steps of the above.

    def _finish_step(self, error: BaseException | None, note: str | None) -> None:
        with self._containment.on_training_thread("write the record"):
            self._account.look(self._wrapped_model(), error)
            told = False
            with self._containment.contained("compare the step with the record that is kept"):
                told = self._is_told(error, note)
            if not told:
                self._write(error, note)
                self._publisher.publish(self._account.graph)
        with self._containment.on_training_thread("start the drawing"):
            self._publisher.start_drawing()

    def _is_told(self, error: BaseException | None, note: str | None) -> bool:
        """Whether the kept record tells the step that is over, too."""
        if self._precedent.kept is None or (error is not None and note is None):
            return False
        graph = self._account.graph
        seen = self._at_start if graph is None else self._account.fingerprints(graph)
        return self._precedent.tells(seen, note)

    def _write(self, error: BaseException | None, note: str | None) -> None:
        model, resumed_from = self._wrapped_model(), self._precedent.origin()
        if self._precedent.kept is not None:
            self._account.begin(model, resumed_from)
        self._account.write(model, error, note)
        if resumed_from is not None:
            with self._containment.contained("compare the run with its checkpoint's record"):
                shown = self._account.graph or ArchitectureGraph(describe_modules(model))
                self._precedent.tell_drift(self._book, shown, self._account.fingerprints(shown))

    def _explained_by_record(self) -> bool:
        """Whether a kept record makes it needless to run anything again."""
        if self._precedent.kept is None:
            return False
        self.explain_unseen(_ONLY_WATCHED)
        return True

    def _watched_model(self) -> nn.Module:
        return unwrap(self._wrapped_model())

    def _wrapped_model(self) -> nn.Module:
        if self._model is None:
            raise RuntimeError("the record is closed")
        return self._model
