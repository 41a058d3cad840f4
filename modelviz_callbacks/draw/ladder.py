"""From the full drawing to simpler ones, each with its share of the time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from modelviz_callbacks.draw.job import DrawJob

Detail = Literal["all", "folded", "lower"]


@dataclass(frozen=True)
class Rung:
    """One way of drawing.

    Attributes:
        name: Its name in the manifest.
        share: Its share of the whole time limit.
        detail: What is drawn of the graph: `"all"`; with equal or belonging parts `"folded"` into
            one; or that at a `"lower"` depth.
        attributes: Graph attributes that make the layout cheaper.
        words: The same for people.
    """

    name: str
    share: float
    detail: Detail = "all"
    attributes: Mapping[str, str] = field(default_factory=dict)
    words: str = ""


# https://graphviz.org/docs/attrs/nslimit/ and /mclimit/: fewer rounds of network simplex and of
# crossing reduction.
_LIMITS = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1"}
_STRAIGHT = {**_LIMITS, "splines": "line"}

FOLDED, LOWER = "folded", "lower depth"
RUNGS: tuple[Rung, ...] = (
    Rung("full", 0.25),
    Rung("layout limits", 0.2, "all", _LIMITS, "with limits on the layout"),
    Rung(FOLDED, 0.2, "folded", _LIMITS, "with its parts folded"),
    Rung(LOWER, 0.15, "lower", _LIMITS, "at a lower depth"),
    Rung("straight lines", 0.2, "lower", _STRAIGHT, "with straight lines"),
)

# Lines in an autograd graph from which on it has no room on one sheet, and dot may take minutes.
LARGE_AUTOGRAD = 300


def rungs_for(job: DrawJob) -> tuple[Rung, ...]:
    """Chooses the ways in which a graph is tried to be drawn.

    Args:
        job: The graph.

    Returns:
        The rungs in order, their shares adding up to 1.
    """
    rungs = RUNGS
    if job.kind == "autograd" and job.dot.count("->") > LARGE_AUTOGRAD:
        rungs = rungs[2:]
    needless = set()
    if job.kind == "architecture":
        # Its equal blocks are folded from the start.
        needless.add(FOLDED)
    if job.depth == 0 or (job.kind == "architecture" and not job.graph):
        needless.add(LOWER)
    rungs = tuple(rung for rung in rungs if rung.name not in needless)
    whole = sum(rung.share for rung in rungs)
    return tuple(replace(rung, share=rung.share / whole) for rung in rungs)
