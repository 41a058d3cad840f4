"""Running one visualizer so that whatever happens becomes a result."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from modelviz_callbacks.errors import NotApplicableError, ReplayRefusedError, one_line
from modelviz_callbacks.replay.ambient import accelerators, ambient_kept
from modelviz_callbacks.replay.isolation import Isolation, free_memory
from modelviz_callbacks.replay.rehearsal import Rehearsal
from modelviz_callbacks.visualizers.base import (
    Dot,
    Output,
    OutputVisualizer,
    Text,
    Visualizer,
)
from modelviz_callbacks.visualizers.torchinfo_summary import TorchinfoSummary
from modelviz_callbacks.visualizers.torchview_diagram import TorchviewDiagram
from modelviz_callbacks.watch.root_calls import RootCall

_OUT_OF_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory")


@dataclass(frozen=True)
class Result:
    """What a visualizer made of a root call, or why it made nothing.

    Attributes:
        artifact: The artifact's name.
        visualizer: The visualizer's name.
        root: The root call's path.
        status: Whether it worked.
        output: What it made, or None.
        error: The failure or the reason for skipping, in one line.
        exception: What was raised, where something was.
        notes: What a reader should know where there is no output to say it.
        seconds: How long it held the calling thread.
    """

    artifact: str
    visualizer: str
    root: str
    status: Literal["ok", "failed", "skipped"]
    output: Output | None = None
    error: str | None = None
    exception: Exception | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    def traceback(self) -> str | None:
        """Gives the traceback of what was raised, if something was."""
        if self.exception is None:
            return None
        return "".join(traceback.format_exception(self.exception))


def run_visualizer(visualizer: Visualizer, call: RootCall, isolation: Isolation) -> Result:
    """Runs a visualizer on a root call, inside an isolation.

    Args:
        visualizer: The visualizer.
        call: The call; its arguments are cloned.
        isolation: The isolation of the model that is being trained.

    Returns:
        Its result; running out of memory is a reason for skipping, anything else that is raised
        a failure.
    """

    def replay() -> Text | Dot:
        with isolation.replay():
            return visualizer.show(Rehearsal(call))

    return attempt((visualizer.artifact, visualizer.name, call.path), replay)


def run_replays(
    visualizers: Sequence[Visualizer], call: RootCall, isolate: Callable[[], Isolation]
) -> Iterator[Result]:
    """Runs visualizers on a root call; torchinfo and torchview share one forward if they can.

    Args:
        visualizers: The visualizers.
        call: The call; its arguments are cloned.
        isolate: Makes the isolation of the model that is being trained.

    Yields:
        A result for each visualizer, also where the model cannot be isolated or a forward is ended.
    """
    left = list(visualizers)
    try:
        isolation = isolate()
    except Exception as error:  # noqa: BLE001 - without an isolation nothing is run
        yield from (_failure((v.artifact, v.name, call.path), error, 0.0) for v in left)
        return
    try:
        for result in _replays(visualizers, call, isolation):
            left = [v for v in left if v.artifact != result.artifact]
            yield result
    except ReplayRefusedError as refusal:
        # The next forward would be ended in the same place.
        yield from (skipped(v, call.path, str(refusal)) for v in left)


def skipped(visualizer: Visualizer, root: str, reason: str) -> Result:
    """Gives the result of a visualizer that is not run, with the reason."""
    return Result(visualizer.artifact, visualizer.name, root, "skipped", error=reason)


def _replays(
    visualizers: Sequence[Visualizer], call: RootCall, isolation: Isolation
) -> Iterator[Result]:
    left = list(visualizers)
    summary = next((v for v in left if isinstance(v, TorchinfoSummary)), None)
    diagram = next((v for v in left if isinstance(v, TorchviewDiagram)), None)
    if summary is not None and diagram is not None:
        together = _run_together(summary, diagram, call, isolation)
        if together:
            yield from together
            left = [v for v in left if v not in (summary, diagram)]
    for visualizer in left:
        yield run_visualizer(visualizer, call, isolation)


def _run_together(
    summary: TorchinfoSummary, diagram: TorchviewDiagram, call: RootCall, isolation: Isolation
) -> list[Result]:
    """Gives both results of one forward, or none where one library broke it for the other."""
    started = time.perf_counter()
    texts: list[Text] = []

    def show() -> Dot:
        with isolation.replay():
            rehearsal = Rehearsal(call)

            def within(forward: Callable[[], Any]) -> Any:
                text, output = summary.show_within(rehearsal, forward)
                texts.append(text)
                return output

            return diagram.show(rehearsal, within)

    drawn = attempt((diagram.artifact, diagram.name, call.path), show)
    if not texts:
        return []
    half_s = (time.perf_counter() - started) / 2
    names = (summary.artifact, summary.name, call.path)
    return [Result(*names, "ok", texts[0], seconds=half_s), replace(drawn, seconds=half_s)]


def run_on_output(visualizer: OutputVisualizer, call: RootCall, output: Any) -> Result:
    """Shows a call that has just run, from its output; like `run_visualizer` without a replay."""

    def look() -> Text | Dot:
        with ambient_kept(accelerators(call.module)):
            return visualizer.show_output(call, output)

    return attempt((visualizer.artifact, visualizer.name, call.path), look)


def attempt(names: tuple[str, str, str], show: Callable[[], Output]) -> Result:
    """Turns whatever happens in `show` into a result.

    Args:
        names: The artifact, the visualizer and the root's path.
        show: Makes the output.

    Returns:
        The result; running out of memory is a reason for skipping, anything else that is raised
        a failure.

    Raises:
        ReplayRefusedError: If a forward was ended; others would be too.
    """
    started = time.perf_counter()
    try:
        output = show()
        return Result(*names, "ok", output, seconds=time.perf_counter() - started)
    except ReplayRefusedError:
        raise
    except NotApplicableError as reason:
        return Result(*names, "skipped", error=str(reason), seconds=time.perf_counter() - started)
    except Exception as error:  # noqa: BLE001 - a failing visualizer never stops the training
        return _failure(names, error, time.perf_counter() - started)


def _failure(names: tuple[str, str, str], error: Exception, seconds: float) -> Result:
    # The frames keep the forward's activations alive, and libraries' tensors in them.
    traceback.clear_frames(error.__traceback__)
    line = one_line(error)
    if is_out_of_memory(error):
        free_memory()
        return Result(*names, "skipped", None, f"out of memory: {line}", error, seconds)
    return Result(*names, "failed", None, line, error, seconds)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or one that led to it, says that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, RuntimeError) and any(w in str(error) for w in _OUT_OF_MEMORY_WORDS):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)
