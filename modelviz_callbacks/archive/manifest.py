"""`manifest.json`: what a record holds and how it went; its schema and statuses."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from modelviz_callbacks.archive.confined import parts_below
from modelviz_callbacks.archive.manifest_types import INNER
from modelviz_callbacks.graph.typed_json import MisfitError, read_plain, reader_of
from modelviz_callbacks.graph.versioned_json import read_versioned

SCHEMA_VERSION = 1

# Shapes read best on one line. No JSON string holds a raw line break, so none is matched.
_NUMBERS = re.compile(r"\[((?:\n\s*-?\d+,?)+)\n\s*\]")

ArtifactStatus = Literal["ok", "failed", "skipped", "pending"]
RecordStatus = Literal["complete", "failed_step", "partial"]


@dataclass(frozen=True)
class Artifact:
    """One named result of a visualizer.

    Attributes:
        name: What it is, like `"torchview"`; several roots have one of each name.
        visualizer: Which visualizer made it.
        root: Path of the module that it shows; `""` is the model itself.
        status: `"pending"` while its picture is being drawn.
        files: Its files, relative to the record's folder.
        notes: What a reader should know: simplifications, differing totals.
        error: The failure or the reason for skipping, in one line.
        seconds: Seconds that it took, drawing included.
        rungs: The ways in which its picture was tried to be drawn, in order: each with `rung`,
            its name; `limit_s` and `seconds`; `outcome`, `"ok"`, `"timed out"` or `"failed: …"`.
    """

    name: str
    visualizer: str
    root: str
    status: ArtifactStatus
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    rungs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The table of contents of a record.

    Attributes:
        created_at: When the record was begun, in UTC, like `"2026-01-31T12:00:00Z"`.
        status: `"complete"` when the first step went through; `"failed_step"` when it raised;
            `"partial"` when it has not been seen.
        model: The model's class, and the paths of its root calls.
        input: Names, shapes, dtypes and devices of the first batch's tensors.
        root_calls: For each root call its path, class and inputs.
        environment: Versions, device, precision, strategy and the like.
        totals: Parameters, buffers and bytes, shared ones counted once.
        fingerprints: Hashes of the architecture.
        artifacts: Every artifact, with its status.
        timings: Seconds spent, by what they were spent on.
        notes: What a reader should know about the record.
        exception: Type, message and traceback file of what the first step raised, or None.
        resumed_from: Of a run that went on from a checkpoint: the `checkpoint`, its `epoch` and
            `global_step`, its `record` if that was found, and which fingerprints `differ`.
        drift: What is another than in that record, in words.
        graph_digest: The digest of the `architecture.json` that totals and fingerprints are of;
            None as long as there is none.
        staged: Where new contents of files lie until they are moved to their places.
        resumes: The runs that went on with this architecture and kept this record: `at`,
            `checkpoint`, `epoch`, `global_step`, which fingerprints were `compared`, and the
            `record` that such a run wrote after all.
    """

    created_at: str
    status: RecordStatus = "partial"
    model: dict[str, Any] = field(default_factory=dict)
    input: dict[str, Any] = field(default_factory=dict)
    root_calls: tuple[dict[str, Any], ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)
    totals: dict[str, Any] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    exception: dict[str, str] | None = None
    resumed_from: dict[str, Any] | None = None
    drift: tuple[str, ...] = ()
    graph_digest: str | None = None
    staged: dict[str, str] = field(default_factory=dict)
    resumes: tuple[dict[str, Any], ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the record is made of, each once; what else lies beside them is none."""
        told = () if self.exception is None else (self.exception.get("traceback_file"),)
        listed = (name for artifact in self.artifacts for name in artifact.files)
        return tuple(dict.fromkeys((*listed, *filter(None, told))))

    def places(self, name: str) -> tuple[str, ...]:
        """Gives where the content of a file lies: in the first of these that is there."""
        return tuple(filter(None, (self.staged.get(name), name)))

    def to_json(self) -> str:
        """Gives the file's content."""
        return _as_text({"schema_version": SCHEMA_VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Reads the file's content.

        Raises:
            ValueError: If it is none, or of a newer schema than this package knows.
        """
        content = read_versioned(text, "manifest", SCHEMA_VERSION)
        try:
            manifest: Manifest = _read_manifest(content)
            _check_objects(content)
            _check_files(manifest)
        except MisfitError as e:
            raise ValueError(f"this is no manifest: {e}") from e
        return manifest

    def with_artifact(self, artifact: Artifact) -> "Manifest":
        """Gives a manifest in which `artifact` stands in place of the one of its name and root."""
        key = (artifact.root, artifact.name)
        replaced = tuple(artifact if (a.root, a.name) == key else a for a in self.artifacts)
        if artifact not in replaced:
            replaced += (artifact,)
        return replace(self, artifacts=replaced)


def digest_of(content: bytes) -> str:
    """Gives the digest of a file, like `"sha256:…"`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def timestamp() -> str:
    """Gives the time in UTC, like `"2026-01-31T12:00:00Z"`."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def with_resume(text: str, resume: Mapping[str, Any]) -> str:
    """Gives a manifest's content with a resume in it; nothing else is lost.

    Args:
        text: The content.
        resume: The resume; it stands in place of an earlier one of the same time and checkpoint.

    Returns:
        The new content.

    Raises:
        ValueError: If the content is none of a manifest.
    """
    content: dict[str, Any] = read_plain(read_versioned(text, "manifest", SCHEMA_VERSION))
    earlier = content.get("resumes", [])
    if not isinstance(earlier, list):
        raise ValueError(f"this is no manifest: its resumes are {earlier!r}")  # noqa: TRY004
    content["resumes"] = [
        *(entry for entry in earlier if _occasion(entry) != _occasion(resume)),
        dict(resume),
    ]
    return _as_text(content)


def _occasion(resume: Any) -> Any:
    return isinstance(resume, Mapping) and (resume.get("at"), resume.get("checkpoint"))


def _as_text(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(lambda m: f"[{', '.join(m[1].replace(',', ' ').split())}]", text) + "\n"


_read_manifest = reader_of(Manifest)
_readers = {name: reader_of(kind) for name, kind in INNER.items()}


def _check_objects(content: Mapping[str, Any]) -> None:
    for name, read in _readers.items():
        if name in content:
            try:
                read(content[name])
            except MisfitError as e:
                raise e.within(name) from None


def _check_files(manifest: Manifest) -> None:
    for name in (*manifest.files, *manifest.staged.values()):
        try:
            parts_below(name)
        except ValueError as e:
            raise MisfitError(f"lists a file outside of its record: {e}") from e
