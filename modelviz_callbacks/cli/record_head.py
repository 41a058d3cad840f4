"""What stands above a record's table: what it is of, how it went, where it was made."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.graph.units import human_count
from modelviz_callbacks.table.entries import Entry, listed
from modelviz_callbacks.table.tensor_text import sizes_text

_HASH_LETTERS = 8
_LIBRARIES = ("torch", "lightning")
_SAID = {
    "complete": "complete",
    "failed_step": "the first step raised",
    "partial": "the first step was not seen to its end",
}


def head_of(record: Record) -> Iterator[Entry]:
    """Gives the entries above the table of a record's graph."""
    manifest = record.manifest
    yield "Record", [record.directory]
    yield "Status", [" ".join(_status(manifest))]
    yield "Begun", [manifest.created_at.replace("T", " ").replace("Z", " UTC")]
    yield from listed("Fingerprints", _fingerprints(manifest))
    yield from listed("Environment", _environment(manifest.environment))
    for status, label in (("failed", "Failed"), ("skipped", "Skipped"), ("pending", "Not yet")):
        for artifact in manifest.artifacts:
            if artifact.status == status:
                yield label, [_artifact(artifact)]
    for note in manifest.notes:
        yield "Note", [note]
    if manifest.resumed_from is not None:
        yield "Resumed from", [str(manifest.resumed_from.get("checkpoint"))]
    for change in manifest.drift:
        yield "Changed since", [change]
    yield from listed("Kept by", _resumes(manifest))


def head_without_graph(record: Record, problem: str) -> Iterator[Entry]:
    """Gives the entries of a record of whose graph nothing can be read.

    Args:
        record: The record.
        problem: Why.
    """
    manifest = record.manifest
    yield from head_of(record)
    yield "Model", [str(manifest.model.get("class", "not known"))]
    yield from listed("Input", _inputs(manifest))
    for label, name in (("Parameters", "parameters"), ("FLOPs", "flops_forward")):
        if isinstance(value := manifest.totals.get(name), int):
            yield label, [f"{value:,}" if label == "Parameters" else human_count(value)]
    yield "No table", [problem]


def _status(manifest: Manifest) -> Iterator[str]:
    yield _SAID[manifest.status]
    if (exception := manifest.exception) is not None:
        yield ": ".join(filter(None, map(exception.get, ("type", "message"))))
        if traceback := exception.get("traceback_file"):
            yield f"(see {traceback})"


def _fingerprints(manifest: Manifest) -> Iterator[str]:
    for kind in ("structure", "dataflow", "trainable"):
        if value := manifest.fingerprints.get(kind):
            yield f"{kind} {value.removeprefix('sha256:')[:_HASH_LETTERS]}"


def _environment(environment: Mapping[str, Any]) -> Iterator[str]:
    versions = environment.get("versions")
    if isinstance(versions, Mapping):
        yield from (f"{name} {versions[name]}" for name in _LIBRARIES if name in versions)
    if python := environment.get("python"):
        yield f"Python {python}"
    for name in ("device", "precision", "strategy", "platform"):
        if value := environment.get(name):
            yield str(value)
    if (world := environment.get("world_size")) not in {None, 1}:
        yield f"{world} processes"


def _artifact(artifact: Artifact) -> str:
    name = f"{artifact.root}: {artifact.name}" if artifact.root else artifact.name
    return ": ".join(filter(None, (name, artifact.error)))


def _resumes(manifest: Manifest) -> Iterator[str]:
    for resume in manifest.resumes:
        yield f"a run that went on from {resume.get('checkpoint')} at {resume.get('at')}"


def _inputs(manifest: Manifest) -> Iterator[str]:
    for name, spec in manifest.input.items():
        shape = spec.get("shape") if isinstance(spec, Mapping) else None
        if isinstance(shape, list) and all(type(size) is int for size in shape):
            yield f"{name} {sizes_text(shape)} {spec.get('dtype')}"
        else:
            yield str(name)
