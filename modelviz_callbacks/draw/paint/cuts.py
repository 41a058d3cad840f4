"""Where a picture is cut so that little is torn apart."""

import itertools
from collections.abc import Sequence

from modelviz_callbacks.draw.paint.pieces import Picture, Piece
from modelviz_callbacks.draw.svg_shapes import Rect, around

# Places are weighed in steps of so many points.
_STEP_PT = 2.0
# What it costs to cut through something; through text is never worth it.
_COSTS = {"cluster": 0.5, "node": 50.0, "edge": 1.0}
_HEAD = 3.0
_TEXT = 10_000.0
# A cut may be so far from where it would be best for the sizes, as a share of a slice.
_REACH = 0.2
# What it costs to use all of this freedom.
_FAR = 4.0


class Cutter:
    """Cuts a region of a picture along an axis."""

    def __init__(self, picture: Picture, region: Rect, axis: int) -> None:
        """Weighs all places.

        Args:
            picture: The picture.
            region: The region.
            axis: 1 to cut from side to side, between what is above and below; 0 to cut from top
                to bottom.
        """
        self._region = region
        self._axis = axis
        self._costs = _costs(picture.pieces, region, axis)

    def slices(self, count: int) -> list[Rect]:
        """Gives so many slices of about the same size, in order; fewer where text is in the way."""
        low, high = self._region.low(self._axis), self._region.high(self._axis)
        length = (high - low) / count / _STEP_PT
        best = (self._best(number * length, _REACH * length) for number in range(1, count))
        inner = sorted({low + place * _STEP_PT for place in best if place is not None})
        places = [low, *(place for place in inner if low < place < high), high]
        return [
            self._region.between(self._axis, one, two) for one, two in itertools.pairwise(places)
        ]

    def _best(self, ideal: float, reach: float) -> int | None:
        first, last = max(1, int(ideal - reach)), min(len(self._costs) - 1, int(ideal + reach) + 1)
        free = [place for place in range(first, last) if self._costs[place] < _TEXT]

        def cost(place: int) -> float:
            return self._costs[place] + _FAR * abs(place - ideal) / reach

        return min(free, key=cost, default=None)


def _costs(pieces: Sequence[Piece], region: Rect, axis: int) -> list[float]:
    """Gives what it costs to cut at each step, by how it changes from step to step."""
    steps = int(region.length(axis) / _STEP_PT) + 2
    changes = [0.0] * (steps + 1)

    def cost(place: Rect, amount: float) -> None:
        low, high = (
            (value - region.low(axis)) / _STEP_PT for value in (place.low(axis), place.high(axis))
        )
        if high > 0 and low < steps:
            changes[max(0, int(low))] += amount
            changes[min(steps, max(0, int(high)) + 1)] -= amount

    if heads := [piece.place for piece in pieces if piece.kind == "head"]:
        cost(around(heads), _TEXT)
    for piece in pieces:
        if piece.kind != "head" and piece.place.overlaps(region):
            cost(piece.place, _COSTS[piece.kind])
            for text in piece.texts:
                cost(text, _TEXT)
            for head in piece.heads:
                cost(head, _HEAD)
    total, costs = 0.0, []
    for change in changes[:steps]:
        total += change
        costs.append(total)
    return costs
