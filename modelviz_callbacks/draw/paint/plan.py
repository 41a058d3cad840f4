"""How a picture is spread over columns and sheets, so that its text can be read."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from modelviz_callbacks.draw.paint.cuts import Cutter
from modelviz_callbacks.draw.paint.pieces import Picture
from modelviz_callbacks.draw.svg_shapes import Rect

PX_PER_PT = 96 / 72
MAX_SIDE_PX = 8_192
MAX_PIXELS = 8_000_000
MAX_SHEETS = 6
LEAST_TEXT_PX = 9.0

# Between two columns, around the sheet, and for the marks where a column is cut.
GUTTER_PT = 24.0
MARGIN_PT = 14.4
MARK_PT = 26.0

# Loggers show pictures small: wide ones are read best.
_ASPECT = 1.5
# A picture of this aspect ratio is cut in rows.
_WIDE = 2.2
_MOST_COLUMNS = 16
# No column is shorter, of what has room on one sheet.
_LEAST_COLUMN_PT = 420.0
# How much nearer to the aspect a picture has to come by being cut at all, and by each cut.
_A_CUT, _EACH_CUT = 0.15, 0.03
# Whole pixels are rounded up by the rasteriser: stay below the bounds.
_EDGE = 0.995
# The least share of a picture's area that is not empty.
_FILLED = 0.6
# Smaller text than this is not scaled up.
_TINY_PT = 4.5


@dataclass(frozen=True)
class Slice:
    """A part of the picture, shown as a column (or, in wide pictures, as a row).

    Attributes:
        place: What is shown.
        room: The same in the width that it needs.
        is_cut: Whether the picture goes on at its left, top, right and bottom.
    """

    place: Rect
    room: Rect
    is_cut: tuple[bool, bool, bool, bool]


@dataclass(frozen=True)
class Sheet:
    """One PNG.

    Attributes:
        slices: What is on it, in order.
        axis: 1 where the slices are columns side by side, 0 where they are rows.
    """

    slices: tuple[Slice, ...]
    axis: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        along = sum(part.room.length(1 - self.axis) for part in self.slices)
        along += GUTTER_PT * (len(self.slices) - 1)
        across = max(part.room.length(self.axis) + self.marks_length(part) for part in self.slices)
        sizes = (along, across) if self.axis == 1 else (across, along)
        return sizes[0] + 2 * MARGIN_PT, sizes[1] + 2 * MARGIN_PT

    def marks_length(self, part: Slice) -> float:
        """Gives the room that the marks at a slice's cut ends take, in points."""
        return MARK_PT * (part.is_cut[self.axis] + part.is_cut[self.axis + 2])


@dataclass(frozen=True)
class Plan:
    """All sheets.

    Attributes:
        sheets: Those that are made.
        zoom: Their size, as a share of the natural one.
        left_out: How many further sheets there would be.
    """

    sheets: tuple[Sheet, ...]
    zoom: float
    left_out: int = 0


def plan_sheets(picture: Picture) -> Plan:
    """Spreads a picture.

    Args:
        picture: The picture.

    Returns:
        The sheets: as few as there can be within the bounds with text that can be read, each near
        to a pleasing aspect ratio.
    """
    least = LEAST_TEXT_PX / (max(picture.least_font, _TINY_PT) * PX_PER_PT)
    is_wide = picture.place.length(0) > _WIDE * picture.place.length(1)
    plans = (_spread(picture, axis, least) for axis in ((0, 1) if is_wide else (1, 0)))
    plan = next(plans)
    if plan.zoom < least:
        # Text is in the way of each cut: perhaps it is not in the other direction.
        plan = max(plan, *plans, key=lambda plan: plan.zoom)
    shown = plan.sheets[:MAX_SHEETS]
    return Plan(shown, plan.zoom, len(plan.sheets) - len(shown))


def _spread(picture: Picture, axis: int, least: float) -> Plan:
    across = picture.place.length(1 - axis) + 2 * (MARGIN_PT + MARK_PT)
    strips = math.ceil(across * PX_PER_PT * least / MAX_SIDE_PX)
    plans = [
        _Spreading(picture, strip, axis, least).plan()
        for strip in Cutter(picture, picture.place, 1 - axis).slices(strips)
    ]
    sheets = tuple(sheet for plan in plans for sheet in plan.sheets)
    return Plan(sheets, min(plan.zoom for plan in plans))


class _Spreading:
    """Spreads a strip that is not wider than a sheet."""

    def __init__(self, picture: Picture, strip: Rect, axis: int, least: float) -> None:
        self._picture = picture
        self._axis = axis
        # What is still wider than a sheet cannot be cut: it is painted smaller.
        across_px = (strip.length(1 - axis) + 2 * (MARGIN_PT + MARK_PT)) * PX_PER_PT
        self._least = min(least, _EDGE**2 * MAX_SIDE_PX / across_px)
        self._length = strip.length(axis)
        self._area_px = strip.length(0) * strip.length(1) * PX_PER_PT**2
        self._cutter = Cutter(picture, strip, axis)
        # The ends of each piece along the axis, and across it.
        self._extents = [
            (place.low(axis), place.high(axis), place.low(1 - axis), place.high(1 - axis))
            for place in (piece.place for piece in picture.pieces)
        ]

    def plan(self) -> Plan:
        # Columns are narrower than the strip where there is less in them.
        fewest = max(1, int(_FILLED * self._area_px * self._least**2 / MAX_PIXELS))
        for count in range(fewest, 4 * fewest + 4):
            if plans := list(self._plans(count)):
                return min(plans, key=_unpleasantness)
        # One box fills more than a sheet: it has to be painted smaller.
        sheets = self._sheets(4 * fewest, 1)
        return Plan(sheets, min(map(_zoom, sheets)))

    def _plans(self, count: int) -> Iterator[Plan]:
        for columns in range(1, _MOST_COLUMNS + 1):
            if columns > 1 and self._length / (count * columns) < _LEAST_COLUMN_PT:
                return
            sheets = self._sheets(count, columns)
            zoom = min(map(_zoom, sheets))
            if zoom >= self._least:
                yield Plan(sheets, max(min(zoom, 1.0), self._least))

    def _sheets(self, count: int, columns: int) -> tuple[Sheet, ...]:
        places = self._cutter.slices(count * columns)
        slices = tuple(map(self._slice, places))
        return tuple(
            Sheet(slices[start : start + columns], self._axis)
            for start in range(0, len(slices), columns)
        )

    def _slice(self, place: Rect) -> Slice:
        whole = self._picture.place
        left, top, right, bottom = (place[side] != whole[side] for side in range(4))
        return Slice(place, self._room(place), (left, top, right, bottom))

    def _room(self, place: Rect) -> Rect:
        """Narrows a slice to what is in it."""
        across, start, end = 1 - self._axis, place.low(self._axis), place.high(self._axis)
        inside = [
            (low, high)
            for first, last, low, high in self._extents
            if first <= end and last >= start
        ]
        low = max(place.low(across), min((low for low, _ in inside), default=-math.inf))
        high = min(place.high(across), max((high for _, high in inside), default=math.inf))
        return place.between(across, low, high) if low < high else place


def _zoom(sheet: Sheet) -> float:
    width, height = (PX_PER_PT * size for size in sheet.size)
    area = math.sqrt(MAX_PIXELS / (width * height))
    return _EDGE * min(MAX_SIDE_PX / width, MAX_SIDE_PX / height, area)


def _unpleasantness(plan: Plan) -> float:
    width, height = plan.sheets[0].size
    count = len(plan.sheets[0].slices)
    return abs(math.log(width / height / _ASPECT)) + _A_CUT * (count > 1) + _EACH_CUT * count
