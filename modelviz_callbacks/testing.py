"""For the tests of a model repository: does the model still have the architecture that it had?"""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from torch import nn

from modelviz_callbacks.archive.reader import MOST_FILE_BYTES, read_text
from modelviz_callbacks.archive.writer import open_writer
from modelviz_callbacks.comparison.costs_apart import part_costs, total_changes
from modelviz_callbacks.comparison.report_lines import architecture_sections
from modelviz_callbacks.errors import ModelVizError, NotApplicableError, RecordError, one_line
from modelviz_callbacks.graph.compare import GraphPair
from modelviz_callbacks.graph.diff_shapes import describe_shapes
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.graph.portable import portable
from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.one_call import call_of, watch_call
from modelviz_callbacks.recording.step_watch import StepWatch
from modelviz_callbacks.replay.plan import replay_refusal
from modelviz_callbacks.switches import is_switched_on
from modelviz_callbacks.watch.wrappers import require_module, without_compilers

UPDATE_VARIABLE = "MODELVIZ_UPDATE_GOLDEN"

_MOST_SHAPES = 10
_OTHER_TORCH = "modules of torch's own may describe themselves differently in another version of it"


def assert_architecture_unchanged(
    model: nn.Module,
    args: Any,
    golden: str | os.PathLike[str],
    *,
    kwargs: Mapping[str, Any] | None = None,
    update: bool | None = None,
) -> bool:
    """Fails if a model is not the one that a golden file tells of.

    One call of the model is watched, in its own train or eval mode, and the model is left as it
    was. Compared are its modules with their configuration, the shapes and dtypes of parameters and
    buffers, which parameters train, the calls and operations of the forward with what flows
    between them, and their shapes. Weights, devices and FLOPs are not.

    A model on the meta device costs neither memory nor time, whatever its size:
    `with torch.device("meta"): model, x = Net(), torch.empty(1, 3, 224, 224)`.

    Args:
        model: The model; it may be wrapped.
        args: Positional arguments of the call, `(x,)`, or the only one.
        golden: The golden file, in the format of `architecture.json`. Put it under version control.
        kwargs: Keyword arguments of the call.
        update: Writes the golden file where it is missing or tells of another architecture,
            instead of failing. By default if the environment variable `MODELVIZ_UPDATE_GOLDEN` is
            set to 1, or pytest has the option `--update-architectures`.

    Returns:
        Whether the golden file was written.

    Raises:
        AssertionError: If something is another, with all that is; or if there is no golden file.
        RecordError: If the golden file cannot be read.
        ModelVizError: If the call cannot be watched, or the golden file not be written.
        Exception: What the model's forward raises, as it is.

    Example:
        >>> assert_architecture_unchanged(model, (x,), Path(__file__).with_name("model.json"))
    """
    __tracebackhide__ = True
    path = Path(golden)
    seen = _graph_of_call(model, args, kwargs)
    updating = is_switched_on(UPDATE_VARIABLE) if update is None else update
    if not path.exists() and not updating:
        raise AssertionError(f"There is no golden file {path} yet. {_how_to_accept('To make it')}")
    differences = _differences(path, seen, updating=updating)
    if not differences:
        return False
    if not updating:
        raise AssertionError(_failure(model, path, differences))
    _write(path, seen)
    return True


def _graph_of_call(
    model: nn.Module, args: Any, kwargs: Mapping[str, Any] | None
) -> ArchitectureGraph:
    __tracebackhide__ = True
    call = call_of(require_module(model), args, kwargs)
    if (refusal := replay_refusal(call.module, (call.args, call.kwargs))) is not None:
        raise ModelVizError(f"The architecture cannot be looked at: {refusal}.")
    step = StepWatch(Containment("raise"), wanted=True)
    try:
        error = watch_call(step, call)
        if error is not None:
            raise error
    except NotApplicableError as refusal:
        raise ModelVizError(f"The architecture cannot be looked at: {refusal}.") from refusal
    graph = step.graph(without_compilers(model), None)
    if graph is None or step.error is not None:
        raise ModelVizError("The call could not be watched to its end.") from step.error
    return portable(graph, f"made with torch {_torch_version()}")


def _torch_version() -> str:
    # Without "+cpu" or "+cu130", which say nothing of an architecture.
    return metadata.version("torch").partition("+")[0]


def _differences(path: Path, seen: ArchitectureGraph, *, updating: bool) -> Sequence[str]:
    """Gives what is another than in the golden file, a line each."""
    if updating and not path.exists():
        return ["there is no golden file"]
    try:
        golden = _read(path)
    except RecordError as error:
        if updating:
            return [str(error)]
        raise
    lines = [
        *_what_is_another(GraphPair(golden, seen)),
        *describe_shapes(golden, seen, _MOST_SHAPES),
    ]
    if lines and golden.notes != seen.notes:
        lines += [f"noted then: {', '.join(golden.notes)}", f"noted now: {', '.join(seen.notes)}"]
        lines += [_OTHER_TORCH] if seen.notes[-1] not in golden.notes else []
    return lines


def _what_is_another(pair: GraphPair) -> Iterator[str]:
    if not pair.diff:
        return
    # Golden files have no FLOPs, whatever the input.
    parts = part_costs(pair, same_input=False)
    totals = [t for t in total_changes(pair.old, pair.new) if t.name == "parameters"]
    for section in architecture_sections(pair.diff, parts, totals, same_input=False):
        for line in section.lines:
            yield f"{line.sign} {line.text}{f'  {line.aside}' if line.aside else ''}"


def _read(path: Path) -> ArchitectureGraph:
    file = path.resolve()
    text = read_text(str(file.parent), file.name, MOST_FILE_BYTES)
    try:
        return ArchitectureGraph.from_json(text)
    except ValueError as e:
        raise RecordError(
            f"The golden file {path} cannot be read: {e}. "
            f"{_how_to_accept('If the model is right, to make it anew')}"
        ) from e


def _failure(model: nn.Module, path: Path, differences: Sequence[str]) -> str:
    lines = "".join(f"\n  {line}" for line in differences)
    accept = _how_to_accept("If it is what you want, to accept it")
    return f"{type(model).__name__} is not what {path} says any more:{lines}\n{accept}"


def _how_to_accept(aim: str) -> str:
    return (
        f"{aim}, run the test once with {UPDATE_VARIABLE}=1 (or pytest --update-architectures) "
        "and commit the file."
    )


def _write(path: Path, seen: ArchitectureGraph) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        open_writer(str(path.parent)).write(path.name, seen.to_json())
    except OSError as e:
        raise ModelVizError(f"The golden file {path} cannot be written: {one_line(e)}") from e
