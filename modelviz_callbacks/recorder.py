"""The spine: open → watch → replay each root call → write → publish → draw, in this order."""

import atexit
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from torch import nn

from modelviz_callbacks.archive.environment import describe_environment
from modelviz_callbacks.archive.layout import root_folder_names
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing
from modelviz_callbacks.errors import ModelVizError, NotApplicableError, contained, one_line
from modelviz_callbacks.graph.totals import count_totals
from modelviz_callbacks.record_book import RecordBook
from modelviz_callbacks.replay.ambient import accelerators, ambient_kept
from modelviz_callbacks.replay.inner_calls import inner_calls
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.replay.plan import replay_refusal
from modelviz_callbacks.replay.user_modes import outside_user_modes
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.sinks.base import Sink
from modelviz_callbacks.visualizers import architecture, module_repr
from modelviz_callbacks.visualizers.base import OutputVisualizer, Visualizer
from modelviz_callbacks.visualizers.run import Result, run_on_output, run_replays
from modelviz_callbacks.visualizers.selection import replaying_visualizers
from modelviz_callbacks.watch.input_spec import tensor_specs
from modelviz_callbacks.watch.method_watch import named_arguments
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.root_calls import RootCall, chosen_call
from modelviz_callbacks.watch.tensor_tree import clone_tensor, holds, map_tensors
from modelviz_callbacks.watch.tracer import StepTracer

# Each root call costs a few forwards: a step that calls fifty blocks one by one must not.
MOST_ROOTS = 8
_NOT_SEEN = "the first training step has not been seen"


class Recorder:
    """Makes one record of one training run.

    The calls come in this order: `open`, `arm`, `step_begins`, `see` for each root call of the
    first step, `step_ends`, `close`, `finish`. None of them raises what went wrong inside, unless
    the settings say so.
    """

    def __init__(
        self,
        model: nn.Module,
        run_dir: str,
        settings: Settings,
        environment: dict[str, Any] | None = None,
    ) -> None:
        """Prepares a record.

        Args:
            model: The model that is trained, without wrappers.
            run_dir: Where the record's folder is made: a path or an fsspec URL.
            settings: The options.
            environment: What the integration knows of the run: precision, strategy, ….
        """
        self._model: nn.Module | None = model
        self._settings = settings
        self._environment = environment or {}
        self._book = RecordBook(run_dir)
        self._roots: list[RootCall] = []
        self._results: list[Result] = []
        self._visualizers = replaying_visualizers(settings)
        self._awaiting_output: list[RootCall] = []
        self._tracer: StepTracer | None = None
        self._unseen = _nothing_seen(settings)
        self._sinks: Sequence[Sink] = ()
        self._drawing: Drawing | None = None
        self._training_thread_s = 0.0
        self._lock = threading.RLock()
        self._closed = False

    @property
    def watches(self) -> bool:
        """Whether the step is to be watched."""
        return architecture.NAME in self._settings.visualizers

    @property
    def directory(self) -> str | None:
        """The record's folder, or None where it could not be made."""
        return self._book.directory

    @property
    def closed(self) -> bool:
        """Whether the first step is over."""
        return self._closed

    def open(self) -> None:
        """Makes the record's folder and what can be said before the first step.

        A process that is killed in its first step leaves this.
        """
        with self._on_training_thread("begin the record"):
            model = self._watched_model()
            self._book.open()
            self._book.note(_NOT_SEEN)
            self._book.update(
                model={"class": _class_name(model), "roots": []},
                environment=describe_environment(model) | self._environment,
                totals=asdict(count_totals(model)),
            )
            if module_repr.NAME in self._settings.visualizers:
                self._show_modules(model)
            self._book.save()

    def publish_to(self, sinks: Sequence[Sink]) -> None:
        """Chooses the loggers that the record is shown in."""
        self._sinks = tuple(sinks)

    def note_input(self, batch: Any) -> None:
        """Describes the first batch: nested data with tensors of any shape."""
        with self._on_training_thread("describe the first batch"):
            self._book.update(input=tensor_specs(batch))

    def arm(self, entrance: nn.Module) -> None:
        """Attaches the watching of modules and operations; it sees nothing yet.

        Args:
            entrance: What the step calls: the model, or a wrapper around it.
        """
        if not self.watches or self._closed:
            return
        with self._on_training_thread("watch the first step"):
            self._tracer = StepTracer(entrance, _rehearsal)
            self._tracer.arm()

    def disarm(self) -> None:
        """Takes the watching off the model; what was seen is kept."""
        if self._tracer is not None:
            with self._contained("take the watching off the model"):
                self._tracer.disarm()

    def step_begins(self, inputs: Any) -> None:
        """Begins to watch.

        Args:
            inputs: What goes into the step, by name; nested data with tensors.
        """
        if self._tracer is not None:
            with self._on_training_thread("watch the first step"):
                self._tracer.begin(inputs)

    def step_ends(self, output: Any, name: str) -> None:
        """Ends the watching.

        Args:
            output: What the step returned, of whatever shape; None if it raised.
            name: What to call it.
        """
        if self._tracer is not None:
            with self._on_training_thread("end the watching"):
                self._tracer.end(output, name)

    def watched(
        self, run: Callable[..., Any], entrance: nn.Module, name: str
    ) -> Callable[..., Any]:
        """Gives a function that runs another one and watches it: for what is only rehearsed.

        Args:
            run: The function.
            entrance: The module that it calls, or that holds what it calls.
            name: What to call its result.
        """

        def watched(*args: Any, **kwargs: Any) -> Any:
            output = None
            self.arm(entrance)
            self.step_begins(named_arguments(run, args, kwargs))
            try:
                output = run(*args, **kwargs)
            finally:
                self.step_ends(output, name)
                self.disarm()
            return output

        return watched

    def see(self, call: RootCall, *, output_follows: bool = False) -> None:
        """Runs the visualizers on a call that is about to run, if it is a new root.

        Args:
            call: The call.
            output_follows: Whether `see_output` will be called with its output.
        """
        with self._on_training_thread(f"replay {call.path or 'the model'}"):
            if self._closed or not self._is_new_root(call):
                return
            self._book.add_root_call(
                {
                    "path": call.path,
                    "class": _class_name(call.module),
                    "training": call.module.training,
                    "inputs": tensor_specs(call.named_arguments()),
                }
            )
            self._roots.append(call)
            # A compiled call's own autograd graph is a single opaque node.
            watches = output_follows and not call.compiled
            if watches:
                self._awaiting_output = [call]
            self._replay(call, without=self._output_visualizers() if watches else ())

    def see_output(self, call: RootCall, output: Any, error: BaseException | None = None) -> None:
        """Shows what a seen call's own output tells, right after it ran.

        Args:
            call: The call, the same object as in `see`.
            output: Its output, of whatever shape.
            error: What it raised; there is no output to look at then.
        """
        if error is not None or not any(call is seen for seen in self._awaiting_output):
            return
        with self._on_training_thread(f"look at the output of {call.path or 'the model'}"):
            self._awaiting_output.clear()
            for visualizer in self._output_visualizers():
                self._take(run_on_output(visualizer, call, output))

    def see_chosen(self, path: str, module: nn.Module, *args: Any, **kwargs: Any) -> None:
        """Runs the visualizers on a module with the input that the user's `input_fn` makes.

        Args:
            path: The module's path.
            module: The module.
            *args: What `input_fn` is called with; it gets clones of the tensors.
            **kwargs: Likewise.
        """
        input_fn = self._settings.input_fn
        if input_fn is None:
            return
        with self._on_training_thread("make an input with input_fn"):
            if holds((args, kwargs), Iterator):
                raise ModelVizError("the batch holds an iterator, which input_fn would use up")
            given_args, given_kwargs = map_tensors((args, kwargs), clone_tensor)
            with Isolation(self._watched_model(), (module,), (args, kwargs)).replay():
                chosen = input_fn(*given_args, **given_kwargs)
            self.see(chosen_call(path, module, chosen))

    def see_within(
        self, modules: dict[str, nn.Module], step: Callable[..., Any], *args: Any
    ) -> None:
        """Runs the visualizers on what a compiled step calls, where the real one shows nothing.

        Args:
            modules: The modules that may be roots, by path.
            step: The step; it is rehearsed once, eagerly and without leaving a mark.
            *args: Its arguments.
        """
        with self._on_training_thread("rehearse the compiled training step"):
            model = self._watched_model()
            if (refusal := replay_refusal(model, args)) is not None:
                self.explain_unseen(f"the training step is compiled; {refusal}")
                return
            self._book.note("the training step runs compiled; shown is an eager rehearsal of it")
            watched = self.watched(step, model, "loss")
            calls, error = inner_calls(modules, Isolation(model, (), args), watched, *args)
            for call in calls:
                self.see(call)
            if error is not None:
                raise error

    def explain_unseen(self, reason: str) -> None:
        """Gives the reason why no call of the step can be seen."""
        self._unseen = reason

    def close(self, error: BaseException | None = None, note: str | None = None) -> None:
        """Ends the first step: writes, publishes, starts drawing. Later calls do nothing.

        Args:
            error: What the step raised.
            note: Why the record holds less than one might expect.
        """
        if self._closed:
            return
        self._closed = True
        with self._on_training_thread("write the record"):
            self._write(error, note)
        with self._on_training_thread("start the drawing"):
            self._start_drawing()
        # Nothing of the model is kept until the end of the training.
        self._tracer = None
        self._model = None
        self._roots.clear()
        self._awaiting_output.clear()
        self._results.clear()
        with self._on_training_thread("save the record"):
            self._book.update(timings={"training_thread_s": round(self._training_thread_s, 6)})
            self._book.save()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the pictures.

        Args:
            timeout_s: The longest wait in seconds; None waits as long as the drawing may take.

        Returns:
            Whether all drawing is over.
        """
        return self._drawing is None or self._drawing.wait(timeout_s)

    def finish(self, timeout_s: float | None = None) -> None:
        """Waits for the pictures for a limited time, then does without them.

        Args:
            timeout_s: The longest wait in seconds; None stands for `draw_timeout_s`.
        """
        atexit.unregister(self.finish)
        limit_s = self._settings.draw_timeout_s if timeout_s is None else timeout_s
        if self._drawing is not None and not self.wait(limit_s):
            self._drawing.cancel()
            self._drawing.wait(1.0)
            with self._contained("give up the drawing"), self._lock:
                self._book.give_up_pending(f"not drawn within {limit_s:g} s; the DOT is kept")
                self._book.save()
        self._drawing = None

    # The steps of the above.

    def _watched_model(self) -> nn.Module:
        if self._model is None:
            raise RuntimeError("the record is closed")
        return self._model

    def _show_modules(self, model: nn.Module) -> None:
        names = (module_repr.ARTIFACT, module_repr.NAME, "")
        started = time.perf_counter()
        try:
            text = module_repr.show_modules(model)
        except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
            self._reraise_if_asked(error)
            result = Result(*names, "failed", None, one_line(error), error)
        else:
            result = Result(*names, "ok", text, seconds=time.perf_counter() - started)
        self._results.append(result)
        self._book.add(result, folder="")

    def _is_new_root(self, call: RootCall) -> bool:
        if next(call.module.parameters(), None) is None:
            return False
        if any(call.module is part for root in self._roots for part in root.module.modules()):
            return False
        if len(self._roots) < MOST_ROOTS:
            return True
        self._book.note(
            f"{call.path} was called by the step too; only the first {MOST_ROOTS} calls are "
            "shown. Choose one with target=."
        )
        return False

    def _output_visualizers(self) -> tuple[OutputVisualizer, ...]:
        return tuple(v for v in self._visualizers if isinstance(v, OutputVisualizer))

    def _replay(self, call: RootCall, without: Sequence[Visualizer]) -> None:
        visualizers = [v for v in self._visualizers if v not in without]
        refusal = replay_refusal(call.module, (call.args, call.kwargs))
        if refusal is not None:
            self._results += [
                Result(v.artifact, v.name, call.path, "skipped", error=refusal) for v in visualizers
            ]
            return
        if not visualizers:
            return
        given = (call.args, call.kwargs)
        isolate = partial(Isolation, self._watched_model(), (call.module,), given)
        for result in run_replays(visualizers, call, isolate):
            self._take(result)

    def _take(self, result: Result) -> None:
        self._results.append(result)
        if result.status == "failed" and result.exception is not None:
            self._reraise_if_asked(result.exception)

    def _write(self, error: BaseException | None, note: str | None) -> None:
        self._explain(error, note)
        ours = self._show_graph(error)
        for call in self._awaiting_output:
            reason = "the call has no output: it raised"
            self._results += [
                Result(v.artifact, v.name, call.path, "skipped", error=reason)
                for v in self._output_visualizers()
            ]
        if not self._roots:
            self._results += [
                Result(v.artifact, v.name, "", "skipped", error=self._unseen)
                for v in self._visualizers
            ]
        folders = root_folder_names([call.path for call in self._roots] or [""])
        for result in architecture.stand_in(self._results, ours):
            if result.artifact != module_repr.ARTIFACT:
                self._book.add(result, folders[result.root])
        for result in ours:
            self._book.add(result, folder="")
        self._book.save()
        self._publish_texts()

    def _show_graph(self, error: BaseException | None) -> list[Result]:
        """Makes our own graph and its views; its parts are kept for the loggers."""
        if not self.watches:
            return []
        self.disarm()
        if self._tracer is None or not self._tracer.began:
            return architecture.nothing_to_show(self._unseen)
        model = self._watched_model()
        with ambient_kept(accelerators(model)):
            graph = self._tracer.graph(describe_modules(model), error)
        depth, error_of_ours = self._settings.depth, self._tracer.error
        results = list(architecture.show_architecture(graph, depth, error_of_ours))
        for result in results:
            if result.exception is not None:
                self._reraise_if_asked(result.exception)
        return results

    def _explain(self, error: BaseException | None, note: str | None) -> None:
        self._book.clear_notes(_NOT_SEEN)
        if note is not None:
            self._book.note(note)
        elif not self._roots:
            self._book.note(self._unseen)
        if error is not None:
            self._book.step_failed(error)
        elif note is None:
            self._book.update(status="complete")

    def _publish_texts(self) -> None:
        totals = self._book.manifest.totals
        for sink in self._sinks:
            with self._contained(f"publish to {type(sink).__name__}"):
                for name in ("parameters", "trainable_parameters"):
                    sink.scalar(f"architecture/{name}", totals[name])
                for tag, content, notes in self._book.texts():
                    sink.text(tag, content, notes)
                sink.flush()

    def _start_drawing(self) -> None:
        jobs = [
            DrawJob(key, source, tuple(self._settings.formats))
            for key, source in self._book.pending()
        ]
        if not jobs or not self._settings.formats:
            return
        self._book.mark_pending()
        self._drawing = Drawing(jobs, self._settings.draw_timeout_s, self._on_drawn)
        self._drawing.start()
        # A short script ends before its pictures are there.
        atexit.register(self.finish)

    def _on_drawn(self, drawn: Drawn) -> None:
        """Files one picture; runs on the drawing's thread."""
        with self._contained("file a picture"), self._lock:
            tag = self._book.add_drawn(drawn)
            self._book.save()
            png = drawn.files.get("png")
            for sink in self._sinks:
                if png is None:
                    break
                with self._contained(f"publish to {type(sink).__name__}"):
                    sink.picture(tag, png)
                    sink.flush()

    # How failures of ours end.

    @contextlib.contextmanager
    def _on_training_thread(self, task: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with self._contained(task), self._lock, outside_user_modes():
                yield
        finally:
            self._training_thread_s += time.perf_counter() - started

    @contextlib.contextmanager
    def _contained(self, task: str) -> Iterator[None]:
        with contained(task, reraise=self._settings.on_error == "raise"):
            yield

    def _reraise_if_asked(self, error: Exception) -> None:
        if self._settings.on_error == "raise":
            raise error


@contextlib.contextmanager
def _rehearsal(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Lets a compiled module's call run eagerly once, with clones, without leaving a mark."""
    refusal = replay_refusal(module, (args, kwargs))
    if refusal is not None:
        raise NotApplicableError(refusal)
    with Isolation(module, (), (args, kwargs)).replay():
        yield map_tensors((args, kwargs), clone_tensor)


def _class_name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def _nothing_seen(settings: Settings) -> str:
    if settings.target is not None:
        return f"target {settings.target!r} was never called in the first training step"
    return (
        "the first training step called no module with parameters; "
        "choose one with target= and its input with input_fn="
    )
