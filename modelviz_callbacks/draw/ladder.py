"""From the full drawing to simpler ones, each with its share of the time."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rung:
    """One way of drawing.

    Attributes:
        name: Its name in the manifest.
        attributes: Graph attributes that make the layout cheaper.
        share: Its share of the whole time limit.
        simplified: What it simplifies, or None for the full drawing.
    """

    name: str
    attributes: Mapping[str, str]
    share: float
    simplified: str | None


# https://graphviz.org/docs/attrs/nslimit/ and /mclimit/: fewer rounds of network simplex and of
# crossing reduction.
_LIMITS = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1"}

RUNGS = (
    Rung("full", {}, 0.2, None),
    Rung("layout limits", _LIMITS, 0.2, "layout limits"),
    Rung("straight lines", {**_LIMITS, "splines": "line"}, 0.6, "layout limits and straight lines"),
)
_TOO_LARGE_FOR_CURVES = 2_500


def rungs_for(dot: str) -> tuple[Rung, ...]:
    """Chooses where to begin.

    Args:
        dot: DOT source.

    Returns:
        The rungs to try in order, their shares adding up to 1.
    """
    if dot.count("->") < _TOO_LARGE_FOR_CURVES:
        return RUNGS
    last = RUNGS[-1]
    return (Rung(last.name, last.attributes, 1.0, f"{last.simplified}, as the graph is large"),)
