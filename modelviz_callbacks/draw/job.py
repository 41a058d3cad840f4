"""What is drawn, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class DrawJob:
    """A graph to be drawn.

    Attributes:
        name: By which the result is recognised; any text.
        dot: DOT source.
        formats: Pictures to make, of `"svg"`, `"png"`.
    """

    name: str
    dot: str
    formats: tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """The end of a job.

    Attributes:
        job: The job.
        status: `"failed"` if there is no picture at all.
        files: Content of each picture by format.
        notes: What was simplified or scaled, in words.
        error: Why there is no picture, in one line.
        seconds: Seconds that it took, all attempts together.
    """

    job: DrawJob
    status: Literal["ok", "failed"]
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0
