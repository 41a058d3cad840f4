"""What a record says of a run: its modules, its machine, its first step, and how that ended."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

from torch import nn

from modelviz_callbacks.archive.environment import describe_environment
from modelviz_callbacks.archive.layout import root_folder_names
from modelviz_callbacks.errors import is_interrupt, one_line
from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import ArchitectureGraph, Failure
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.record_book import RecordBook
from modelviz_callbacks.recording.root_views import MOST_ROOTS, RootViews
from modelviz_callbacks.recording.step_watch import StepWatch
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.visualizers import architecture, module_repr
from modelviz_callbacks.visualizers.run import Result, attempt
from modelviz_callbacks.watch.input_spec import tensor_specs
from modelviz_callbacks.watch.module_entries import class_name, describe_modules
from modelviz_callbacks.watch.root_calls import RootCall
from modelviz_callbacks.watch.sharding import sharding_note
from modelviz_callbacks.watch.wrappers import unwrap

_NOT_SEEN = "the first training step has not been seen"
_NOT_ENDED = "the first training step was seen; its backward pass has not come to an end"
_REHEARSED = "the training step runs compiled; shown is an eager rehearsal of it"


class Account:
    """Tells a run to its record's book.

    Models are given without wrappers but those that shard them.

    Attributes:
        environment: What the integration knows of the run: precision, strategy, ….
        graph: What was seen of the step; None where nothing was watched.
        written: Whether the step is in the book.
    """

    def __init__(
        self,
        book: RecordBook,
        settings: Settings,
        containment: Containment,
        step: StepWatch,
        views: RootViews,
    ) -> None:
        """Prepares to tell what `step` and `views` see."""
        self.environment: dict[str, Any] = {}
        self.graph: ArchitectureGraph | None = None
        self.written = False
        self._book = book
        self._settings = settings
        self._containment = containment
        self._step = step
        self._views = views
        self._unseen = _nothing_seen(settings)

    # Before the step.

    def describe_modules(self, model: nn.Module) -> None:
        """Tells totals and fingerprints, as far as the modules alone have them."""
        self._describe(ArchitectureGraph(describe_modules(model)))

    def begin(self, model: nn.Module, resumed_from: dict[str, Any] | None) -> None:
        """Opens the book with what can be said before the first step.

        Args:
            model: The model.
            resumed_from: The checkpoint that the run goes on from.
        """
        self._book.open()
        self._book.note(_NOT_SEEN)
        inner = unwrap(model)
        self._book.update(
            model={"class": class_name(inner), "roots": [], **self._book.manifest.model},
            resumed_from=resumed_from,
        )
        self._describe_environment(model)
        if module_repr.NAME in self._settings.visualizers:
            self._show_modules(inner)
        self._book.save()

    # During the step.

    def add_root(self, call: RootCall) -> None:
        """Lists a root call."""
        self._book.add_root_call(
            {
                "path": call.path,
                "class": class_name(call.module),
                "training": call.module.training,
                "autocast": call.autocast.described(),
                "inputs": tensor_specs(call.named_arguments()),
            }
        )

    def note_rehearsal(self, ended: BaseException | None = None) -> None:
        """Says that what is shown comes from a rehearsal, or what ended that early."""
        if ended is None:
            self._book.note(_REHEARSED)
        else:
            self._book.note(f"the rehearsal was ended, and so is what is shown of it: {ended}")

    def explain_unseen(self, reason: str) -> None:
        """Gives the reason why no call of the step can be seen."""
        self._unseen = reason

    def start_over(self) -> None:
        """Forgets a batch that was not trained on."""
        self._unseen = _nothing_seen(self._settings)
        self._book.clear_notes(_REHEARSED)
        self._book.forget_input()

    # After the step.

    def look(self, model: nn.Module, error: BaseException | None) -> None:
        """Takes what was seen of the step, unless that is written already.

        Args:
            model: The model.
            error: What the step raised.
        """
        if not self.written:
            self.graph = self._step.graph(model, error)

    def fingerprints(self, graph: ArchitectureGraph) -> dict[str, str]:
        """Gives the hashes of what was watched to its end."""
        found = fingerprints(graph)
        if self._step.error is not None:
            # Half a data flow equals no other.
            found.pop("dataflow", None)
        return found

    def write_unfinished(self, model: nn.Module) -> None:
        """Writes what was seen of a step that has still to go backward."""
        self._book.clear_notes(_NOT_SEEN)
        self._book.note(_NOT_ENDED)
        self._book.restore()
        self.look(model, None)
        try:
            self._write(model)
        except BaseException as error:
            # After an interrupt `write` adds what is missing.
            self.written = not is_interrupt(error)
            raise

    def write(self, model: nn.Module, error: BaseException | None, note: str | None) -> None:
        """Writes what was seen of the step, and how it ended.

        Args:
            model: The model.
            error: What the step raised.
            note: Why the record holds less than one might expect.
        """
        self._book.restore()
        self._explain(error, note)
        if not self.written:
            self._write(model)
        elif error is not None:
            self._show_failure(error)

    def write_interrupted(self, interrupt: BaseException) -> None:
        """Says that something ended the writing, and with it the training."""
        self._book.note(f"{type(interrupt).__name__} came while the record was written")
        self._book.update(status="partial")

    # The steps of the above.

    def _describe_environment(self, model: nn.Module) -> None:
        self._book.update(environment=describe_environment(unwrap(model)) | self.environment)
        if (note := sharding_note(model)) is not None:
            self._book.note(note)

    def _describe(self, graph: ArchitectureGraph) -> None:
        total = asdict(Costs.of(graph).total())
        self._book.update(totals=total, fingerprints=self.fingerprints(graph))

    def _show_modules(self, model: nn.Module) -> None:
        names = (module_repr.ARTIFACT, module_repr.NAME, "")
        result = attempt(names, partial(module_repr.show_modules, model))
        self._containment.reraise_if_asked(result.exception)
        self._book.add(result, folder="")

    def _write(self, model: nn.Module) -> None:
        self.written = True
        # The model may have been moved or sharded, and the other ranks joined, since the beginning.
        self._describe_environment(model)
        graph = self.graph
        ours = self._our_views(graph)
        folders = root_folder_names([call.path for call in self._views.roots] or [""])
        theirs = self._views.results(self._unseen)
        with self._containment.contained("compare the views"):
            theirs = architecture.stand_in(theirs, ours, graph)
        for result in theirs:
            self._book.add(result, folders[result.root])
        for result in ours:
            self._book.add(result, folder="")
        self._book.save()
        for result in ours:
            self._containment.reraise_if_asked(result.exception)

    def _show_failure(self, error: BaseException) -> None:
        """Says in our views that the step raised after what is shown of it."""
        if self.graph is not None:
            failure = Failure(None, None, None, (), type(error).__name__, str(error))
            self.graph = replace(self.graph, failure=failure)
            for result in self._our_views(self.graph):
                self._book.add(result, folder="")

    def _our_views(self, graph: ArchitectureGraph | None) -> list[Result]:
        if not self._step.wanted:
            return []
        if graph is None:
            return architecture.nothing_to_show(self._unseen)
        with self._containment.contained("count what the model costs"):
            self._describe(graph)
        return list(architecture.show_architecture(graph, self._settings.depth, self._step.error))

    def _explain(self, error: BaseException | None, note: str | None) -> None:
        self._book.clear_notes(_NOT_SEEN)
        self._book.clear_notes(_NOT_ENDED)
        if error is not None and self._unseen == _nothing_seen(self._settings):
            self.explain_unseen(f"the first training step raised {one_line(error)}")
        if note is not None:
            self.explain_unseen(note)
            self._book.note(note)
        elif not self._views.roots:
            self._book.note(self._unseen)
        if self._views.left_out is not None:
            self._book.note(
                f"{self._views.left_out} was called by the step too; only the first {MOST_ROOTS} "
                "calls are shown. Choose one with target=."
            )
        if error is not None:
            self._book.step_failed(error)
        elif note is None:
            self._book.update(status="complete")


def _nothing_seen(settings: Settings) -> str:
    if settings.target is not None:
        return f"target {settings.target!r} was never called in the first training step"
    return (
        "the first training step called no module with parameters; "
        "choose one with target= and its input with input_fn="
    )
