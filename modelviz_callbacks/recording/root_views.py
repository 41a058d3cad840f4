"""What the libraries show of the root calls of a step: which calls, and what came of each."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.replay.plan import replay_refusal
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.visualizers.base import OutputVisualizer, Visualizer
from modelviz_callbacks.visualizers.run import Result, run_on_output, run_replays, skipped
from modelviz_callbacks.visualizers.selection import replaying_visualizers
from modelviz_callbacks.watch.root_calls import RootCall
from modelviz_callbacks.watch.sharding import holds_parameters

# Each root call costs a few forwards: a step that calls fifty blocks one by one must not.
MOST_ROOTS = 8


class RootViews:
    """Runs the visualizers on each new root call, before it or on its output.

    Attributes:
        roots: The calls that are shown.
        left_out: The path of the last root that was one too many, or None.
    """

    def __init__(self, settings: Settings, containment: Containment) -> None:
        """Has seen no call yet."""
        self.roots: list[RootCall] = []
        self.left_out: str | None = None
        self._containment = containment
        self._visualizers = replaying_visualizers(settings)
        self._awaiting_output: list[RootCall] = []
        self._results: list[Result] = []
        self._left_out_because: str | None = None

    def leave_out(self, reason: str) -> None:
        """Runs no visualizer on any call, for this reason."""
        self._left_out_because = reason

    def is_new(self, call: RootCall) -> bool:
        """Whether a call is a root that is to be shown: with parameters, and no earlier root's."""
        if not holds_parameters(call.module):
            return False
        if any(call.module is part for root in self.roots for part in root.module.modules()):
            return False
        if len(self.roots) < MOST_ROOTS:
            return True
        self.left_out = call.path
        return False

    def show(self, model: nn.Module, call: RootCall, *, output_follows: bool) -> None:
        """Shows a call that is about to run.

        Args:
            model: The whole model, to be left as it is.
            call: The call.
            output_follows: Whether `show_output` will be called with its output.
        """
        self.roots.append(call)
        if (reason := self._left_out_because) is not None:
            self._results += [skipped(v, call.path, reason) for v in self._visualizers]
            return
        # A compiled call's own autograd graph is a single opaque node.
        watches = output_follows and not call.compiled
        if watches:
            self._awaiting_output = [call]
        self._replay(model, call, without=self._output_visualizers() if watches else ())

    def awaits_output(self, call: RootCall) -> bool:
        """Whether a call's output is still to be shown."""
        return any(call is seen for seen in self._awaiting_output)

    def show_output(self, call: RootCall, output: Any) -> None:
        """Shows what a call's own output tells, right after it ran."""
        self._awaiting_output.clear()
        for visualizer in self._output_visualizers():
            self._take(run_on_output(visualizer, call, output))

    def results(self, unseen: str) -> list[Result]:
        """Gives what came of everything.

        Args:
            unseen: Why there is no root, if there is none.

        Returns:
            A result for each visualizer and root.
        """
        raised = "the call has no output: it raised"
        missing = [
            skipped(visualizer, call.path, raised)
            for call in self._awaiting_output
            for visualizer in self._output_visualizers()
        ]
        if not self.roots:
            missing += [skipped(visualizer, "", unseen) for visualizer in self._visualizers]
        return self._results + missing

    def clear(self) -> None:
        """Lets go of the model and of its calls' arguments, and forgets them."""
        self.roots.clear()
        self.left_out = None
        self._awaiting_output.clear()
        self._results.clear()

    def _output_visualizers(self) -> tuple[OutputVisualizer, ...]:
        return tuple(v for v in self._visualizers if isinstance(v, OutputVisualizer))

    def _replay(self, model: nn.Module, call: RootCall, without: Sequence[Visualizer]) -> None:
        visualizers = [v for v in self._visualizers if v not in without]
        if not visualizers:
            return
        given = (call.args, call.kwargs)
        refusal = replay_refusal(call.module, given)
        if refusal is not None:
            self._results += [skipped(v, call.path, refusal) for v in visualizers]
            return
        isolate = partial(Isolation, model, (call.module,), given)
        for result in run_replays(visualizers, call, isolate):
            self._take(result)

    def _take(self, result: Result) -> None:
        self._results.append(result)
        if result.status == "failed":
            self._containment.reraise_if_asked(result.exception)
