"""`manifest.json`: what a record holds and how it went; its schema and statuses."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

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
    """

    name: str
    visualizer: str
    root: str
    status: ArtifactStatus
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0


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

    def to_json(self) -> str:
        """Gives the file's content."""
        content = {"schema_version": SCHEMA_VERSION, **asdict(self)}
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return _NUMBERS.sub(lambda m: f"[{', '.join(m[1].replace(',', ' ').split())}]", text) + "\n"

    def with_artifact(self, artifact: Artifact) -> "Manifest":
        """Gives a manifest in which `artifact` stands in place of the one of its name and root."""
        key = (artifact.root, artifact.name)
        replaced = tuple(artifact if (a.root, a.name) == key else a for a in self.artifacts)
        if artifact not in replaced:
            replaced += (artifact,)
        return replace(self, artifacts=replaced)
