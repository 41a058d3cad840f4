"""What is drawn, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["architecture", "torchview", "autograd"]


@dataclass(frozen=True)
class DrawJob:
    """A graph to be drawn.

    Attributes:
        name: By which the result is recognised; any text.
        dot: DOT source.
        formats: Pictures to make, of `"svg"`, `"png"`, `"pdf"`.
        kind: Whose DOT it is: our own diagram's, torchview's, or torchviz' of the autograd graph.
        graph: Of our own diagram the content of `architecture.json`, to make simpler DOT of;
            without it, its DOT is only laid out in simpler ways.
        depth: How many levels of modules are shown.
    """

    name: str
    dot: str
    formats: tuple[str, ...]
    kind: Kind = "architecture"
    graph: str = ""
    depth: int = 0


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
        rungs: What was tried, in order: each with `rung`, its name; `limit_s` and `seconds`;
            `outcome`, `"ok"`, `"timed out"` or `"failed: …"`.
        more_sheets: Content of the PNG sheets after the first, where one is not enough.
    """

    job: DrawJob
    status: Literal["ok", "failed"]
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    rungs: tuple[dict[str, Any], ...] = ()
    more_sheets: tuple[bytes, ...] = ()
