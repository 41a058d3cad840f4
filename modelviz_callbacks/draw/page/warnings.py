"""What a reader of the page must not miss."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.model import ArchitectureGraph, Failure, TensorSpec

Level = Literal["error", "warning", "note"]

_FULL = "full"
# The page itself is no news to whoever reads it.
_NOT_TOLD = {"page"}
_NAMES = {
    "architecture": "The diagram",
    "autograd": "The autograd picture",
    "graph": "The watched graph",
    "modules": "print(model)",
    "summary": "torchinfo's table",
    "table": "Our table",
    "torchview": "torchview's picture",
}


@dataclass(frozen=True)
class Warned:
    """Something to know before anything else.

    Attributes:
        level: `"error"`: something is missing or broke. `"warning"`: something is not as it
            seems. `"note"`: good to know.
        title: What it is.
        lines: More of it.
        paths: Modules that it is about; the page shows the way to them.
        traceback: The traceback, if there is one.
        opened: Whether it lies open, and is not one line until it is opened.
    """

    level: Level
    title: str
    lines: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    traceback: str = ""
    opened: bool = False


def warnings_of(
    manifest: Mapping[str, Any],
    graph: ArchitectureGraph | None,
    tracebacks: Mapping[str, str],
    notes: Sequence[str],
) -> list[dict[str, Any]]:
    """Collects what a reader must not miss, the worst first.

    Args:
        manifest: The record's manifest.
        graph: What was seen of the step, if there is anything.
        tracebacks: The record's tracebacks, by the name of their file.
        notes: What is missing in the page itself.

    Returns:
        The fields of each `Warned`.
    """
    told = (
        *_step(manifest, graph, tracebacks),
        *_artifacts(manifest.get("artifacts", ()), tracebacks, manifest.get("exception") or {}),
        *_never_called(graph),
        *_totals(manifest.get("totals", {})),
        *_drift(manifest),
        *_notes(manifest, graph, notes),
    )
    order: tuple[Level, ...] = ("error", "warning", "note")
    return [asdict(warned) for warned in sorted(told, key=lambda w: order.index(w.level))]


def _step(
    manifest: Mapping[str, Any], graph: ArchitectureGraph | None, tracebacks: Mapping[str, str]
) -> Iterator[Warned]:
    exception = manifest.get("exception")
    failure = None if graph is None else graph.failure
    if exception:
        traceback = tracebacks.get(exception.get("traceback_file", ""), "")
        title = f"The first training step raised {exception.get('type', 'an exception')}"
        lines = (str(exception.get("message", "")), *_where(failure))
        paths = (failure.path,) if failure is not None and failure.path is not None else ()
        yield Warned("error", title, tuple(filter(None, lines)), paths, traceback, opened=True)
    elif failure is not None:
        title = f"What is shown ends where {failure.exception} was raised"
        yield Warned("error", title, (failure.message, *_where(failure)))
    if manifest.get("status") == "partial":
        lines = tuple(manifest.get("notes", ()))
        yield Warned(
            "error", "This record is partial: the step was not seen to its end", lines, opened=True
        )


def _where(failure: Failure | None) -> Iterator[str]:
    if failure is None:
        return
    place = "the training step itself" if failure.path is None else failure.path or "the model"
    what = f"{failure.operation} in {place}" if failure.operation else place
    yield f"Where: {what}"
    if failure.inputs:
        yield f"With: {', '.join(map(_tensor, failure.inputs))}"


def _tensor(spec: TensorSpec) -> str:
    return f"{list(spec.shape)} {spec.dtype}"


def _artifacts(
    artifacts: Iterable[Mapping[str, Any]],
    tracebacks: Mapping[str, str],
    exception: Mapping[str, Any],
) -> Iterator[Warned]:
    with_step: list[str] = []
    for artifact in artifacts:
        if artifact["name"] in _NOT_TOLD:
            continue
        name = _NAMES.get(artifact["name"], artifact["name"])
        name = " of ".join(filter(None, (name, artifact.get("root"))))
        reason, notes = artifact.get("error") or "", tuple(artifact.get("notes", ()))
        if artifact["status"] == "failed" and _is_of_step(reason, exception):
            with_step.append(name)
        elif artifact["status"] == "failed":
            traceback = _traceback(artifact, tracebacks)
            lines = tuple(filter(None, (reason, *notes)))
            yield Warned("error", f"{name} failed", lines, traceback=traceback)
        elif artifact["status"] == "skipped":
            yield Warned("warning", f"{name} was skipped", tuple(filter(None, (reason, *notes))))
        elif artifact["status"] == "pending":
            yield Warned("note", f"{name} was still being drawn when this page was made", notes)
        else:
            yield from _of_drawing(name, artifact, notes)
    if with_step:
        yield Warned("warning", f"Failed as the step did: {', '.join(with_step)}")


def _is_of_step(reason: str, exception: Mapping[str, Any]) -> bool:
    """Whether a library met what the step raised: nobody needs to read that again."""
    said = " ".join(f"{exception.get('type')}: {exception.get('message')}".split())
    return bool(exception) and bool(reason) and said.startswith(reason)


def _of_drawing(name: str, artifact: Mapping[str, Any], notes: tuple[str, ...]) -> Iterator[Warned]:
    rungs = [rung for rung in artifact.get("rungs", ()) if isinstance(rung, Mapping)]
    if rungs and rungs[-1].get("rung") != _FULL:
        tried = tuple(
            f"{rung.get('rung')}: {rung.get('outcome')} ({rung.get('seconds')} s)" for rung in rungs
        )
        yield Warned("warning", f"{name} is simplified", (*notes, *tried))
    elif notes and artifact.get("visualizer") == "torchinfo":
        yield Warned("warning", f"{name} has other totals than ours", notes)
    elif notes:
        is_ours = artifact["name"] == "architecture"
        about = f"About {name[:1].lower()}{name[1:]}"
        title = f"{name} is folded or closed in places" if is_ours else about
        yield Warned("note", title, notes)


def _traceback(artifact: Mapping[str, Any], tracebacks: Mapping[str, str]) -> str:
    """Finds the traceback of an artifact: its file is named after it, and its root if several."""
    name, root = artifact["name"], artifact.get("root") or ""
    stems = {
        file.rpartition("/")[2].removesuffix(".txt"): text for file, text in tracebacks.items()
    }
    for stem in (name, f"{root}-{name}"):
        if stem in stems:
            return stems[stem]
    return ""


def _never_called(graph: ArchitectureGraph | None) -> Iterator[Warned]:
    if graph is None or not (paths := Costs.of(graph).never_called()):
        return
    what = "1 module was" if len(paths) == 1 else f"{len(paths):,} modules were"
    if graph.failure is None:
        yield Warned("warning", f"{what} never called in the first step", paths=paths)
    else:
        yield Warned("note", f"{what} not reached before the step stopped", paths=paths)


def _totals(totals: Mapping[str, Any]) -> Iterator[Warned]:
    if lazy := totals.get("uninitialized"):
        yield Warned("warning", f"{lazy:,} lazy parameters or buffers have no shape yet")
    if uncounted := totals.get("uncounted_calls"):
        lines = ("Their operations have no formula; the total is at least what is given.",)
        calls = "1 call" if uncounted == 1 else f"{uncounted:,} calls"
        yield Warned("note", f"FLOPs of {calls} could not be counted", lines)


def _drift(manifest: Mapping[str, Any]) -> Iterator[Warned]:
    resumed = manifest.get("resumed_from")
    if drift := tuple(manifest.get("drift", ())):
        whence = f" than in {resumed['record']}" if resumed and resumed.get("record") else ""
        yield Warned("warning", f"The architecture is another{whence}", drift)
    elif resumed:
        yield Warned("note", f"This run went on from {resumed.get('checkpoint')}")
    if resumes := manifest.get("resumes", ()):
        lines = tuple(f"{resume.get('at')}: from {resume.get('checkpoint')}" for resume in resumes)
        yield Warned("note", f"{len(resumes)} later runs went on with this architecture", lines)


def _notes(
    manifest: Mapping[str, Any], graph: ArchitectureGraph | None, notes: Sequence[str]
) -> Iterator[Warned]:
    if notes:
        yield Warned("warning", "This page does not hold everything", tuple(notes))
    told = manifest.get("notes", ()) if manifest.get("status") != "partial" else ()
    seen = () if graph is None else graph.notes
    if lines := tuple(dict.fromkeys((*told, *seen))):
        yield Warned("warning", "About this record", lines)
