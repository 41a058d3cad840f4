"""Watching one step for a record: from arming to the graph."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from modelviz_callbacks.errors import NotApplicableError, one_line
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.replay.ambient import accelerators, ambient_kept
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.replay.plan import replay_refusal
from modelviz_callbacks.watch.call_arguments import named_arguments
from modelviz_callbacks.watch.method_watch import unwatched
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.tensor_tree import clone_tensor, map_tensors
from modelviz_callbacks.watch.tracer import StepTracer


class StepWatch:
    """Arms a tracer, begins and ends it, and gives the graph of what it saw."""

    def __init__(self, containment: Containment, *, wanted: bool) -> None:
        """Prepares the watching.

        Args:
            containment: How failures end.
            wanted: Whether to watch at all.
        """
        self.wanted = wanted
        self._containment = containment
        self._tracer: StepTracer | None = None

    @property
    def error(self) -> Exception | None:
        """What broke the watching off, if something did."""
        return None if self._tracer is None else self._tracer.error

    def arm(self, entrance: nn.Module) -> None:
        """Attaches the watching of modules and operations; it sees nothing yet.

        Args:
            entrance: What the step calls: the model, or a wrapper around it.
        """
        if self.wanted:
            with self._containment.on_training_thread("watch the first step"):
                self._tracer = StepTracer(entrance, _rehearsal)
                self._tracer.arm()

    def begin(self, inputs: Any) -> None:
        """Begins to watch.

        Args:
            inputs: What goes into the step, by name; nested data with tensors.
        """
        if self._tracer is not None:
            with self._containment.watching("watch the first step"):
                self._tracer.begin(inputs)

    def end(self, output: Any, name: str) -> None:
        """Ends the watching.

        Args:
            output: What the step returned, of whatever shape; None if it raised.
            name: What to call it.
        """
        if self._tracer is not None:
            with self._containment.watching("end the watching"):
                self._tracer.end(output, name)

    def backward(
        self, original: Callable[..., Any], /, loss: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Runs a method that calls backward on a loss, and shows no more of it than that."""
        if self._tracer is not None:
            with self._containment.watching("watch the first step"):
                self._tracer.note_backward(loss)
        return unwatched(original, loss, *args, **kwargs)

    def disarm(self) -> None:
        """Takes the watching off the model; what was seen is kept."""
        if self._tracer is not None:
            with self._containment.contained("take the watching off the model"):
                self._tracer.disarm()

    def forget(self) -> None:
        """Takes the watching off the model and forgets what was seen."""
        self.disarm()
        self._tracer = None

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
            self.begin(named_arguments(run, args, kwargs))
            try:
                output = run(*args, **kwargs)
            finally:
                self.end(output, name)
                self.disarm()
            return output

        return watched

    def graph(self, model: nn.Module, error: BaseException | None) -> ArchitectureGraph | None:
        """Makes the graph of what was seen.

        Args:
            model: The model, without wrappers but those that shard it.
            error: What the step raised.

        Returns:
            The graph, or None where nothing was watched.
        """
        if self._tracer is None or not self._tracer.began:
            return None
        with ambient_kept(accelerators(model)):
            modules = describe_modules(model)
            try:
                return self._tracer.graph(modules, error)
            except Exception as broken:  # noqa: BLE001 - the modules are known all the same
                self._tracer.error = broken
                return ArchitectureGraph(
                    modules, notes=(f"the graph could not be made: {one_line(broken)}",)
                )


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
