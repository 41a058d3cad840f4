"""A sheet as SVG: its slices side by side, with marks where they go on."""

from collections.abc import Iterator

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.draw.fonts import FAMILY
from modelviz_callbacks.draw.paint.outlines import Outline, Point, is_start
from modelviz_callbacks.draw.paint.pieces import Picture
from modelviz_callbacks.draw.paint.plan import (
    GUTTER_PT,
    LEAST_TEXT_PX,
    MARGIN_PT,
    MARK_PT,
    PX_PER_PT,
    Sheet,
    Slice,
)

_MARK_FONT_PT = 11.0
_ARROW_PT = 7.0


def sheet_svg(picture: Picture, sheet: Sheet, zoom: float, number: int) -> str:
    """Composes a sheet.

    Args:
        picture: The picture.
        sheet: The sheet.
        zoom: Its size, as a share of the natural one.
        number: Its number, from 1.

    Returns:
        SVG with its size in pixels.
    """
    width, height = sheet.size
    size = f'width="{width * PX_PER_PT * zoom:.2f}" height="{height * PX_PER_PT * zoom:.2f}"'
    composer = _Composer(picture, sheet, zoom, number)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width:.2f} {height:.2f}">'
        f"{''.join(composer.parts())}</svg>"
    )


class _Composer:
    def __init__(self, picture: Picture, sheet: Sheet, zoom: float, number: int) -> None:
        self._pieces = picture.pieces
        self._sheet = sheet
        self._number = number
        self._font_pt = max(_MARK_FONT_PT, LEAST_TEXT_PX / PX_PER_PT / zoom)

    def parts(self) -> Iterator[str]:
        axis, along = self._sheet.axis, MARGIN_PT
        for index, part in enumerate(self._sheet.slices):
            lead = MARGIN_PT + MARK_PT * part.is_cut[axis]
            x, y = (along, lead) if axis == 1 else (lead, along)
            shift = f"translate({x - part.room.left:.2f} {y - part.room.top:.2f})"
            yield f'<g transform="{shift}">'
            yield from self._slice(index, part)
            yield "</g>"
            along += part.room.length(1 - axis) + GUTTER_PT

    def _slice(self, index: int, part: Slice) -> Iterator[str]:
        shown = [piece for piece in self._pieces if piece.place.overlaps(part.place)]
        # Frames lie below all that is in them.
        for piece in sorted(shown, key=lambda piece: piece.kind != "cluster"):
            is_whole = part.place.contains(piece.place)
            yield piece.whole() if is_whole else piece.within(part.place)
        lines = [line for piece in shown if piece.kind == "edge" for line in piece.lines()]
        for side in range(4):
            if part.is_cut[side]:
                yield from self._mark(index, part, side, lines)

    def _mark(self, index: int, part: Slice, side: int, lines: list[Outline]) -> Iterator[str]:
        axis, at = side % 2, part.place[side]
        room = part.room
        ends = (room.low(1 - axis), room.high(1 - axis))
        (x0, y0), (x1, y1) = (_point(axis, at, place) for place in ends)
        yield (
            f'<path d="M{x0:.2f},{y0:.2f}L{x1:.2f},{y1:.2f}" fill="none" '
            f'stroke="{palette.FAINT}" stroke-width="0.8" stroke-dasharray="2,3"/>'
        )
        outwards = -1 if is_start(side) else 1
        for line in lines:
            for place in line.crossings(axis, at):
                if ends[0] <= place <= ends[1]:
                    yield _arrow(axis, at, place, outwards)
        if axis == self._sheet.axis:
            yield self._words(index, axis, at, outwards, sum(ends) / 2)

    def _words(self, index: int, axis: int, at: float, outwards: int, middle: float) -> str:
        verb = "continues" if outwards > 0 else "continued from"
        size = self._font_pt
        x, y = _point(axis, at + outwards * (_ARROW_PT + 0.8 * size) + 0.35 * size, middle)
        turned = f' transform="rotate(-90 {x:.2f} {y:.2f})"' if axis == 0 else ""
        return (
            f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="middle" font-family="{FAMILY}" '
            f'font-size="{size:.2f}" font-style="italic" fill="{palette.TEXT}"{turned}>'
            f"{verb} {self._where(index + outwards, outwards)}</text>"
        )

    def _where(self, index: int, outwards: int) -> str:
        if not 0 <= index < len(self._sheet.slices):
            return f"{'on ' * (outwards > 0)}sheet {self._number + outwards}"
        name = "column" if self._sheet.axis == 1 else "row"
        return f"{'in ' * (outwards > 0)}{name} {index + 1}"


def _point(axis: int, at: float, place: float) -> Point:
    return (place, at) if axis == 1 else (at, place)


def _arrow(axis: int, at: float, place: float, outwards: int) -> str:
    """Draws a small arrow at a cut, in the direction of reading: a line goes on there."""
    tip, base = (at + _ARROW_PT, at) if outwards > 0 else (at, at - _ARROW_PT)
    corners = [
        _point(axis, tip, place),
        _point(axis, base, place - _ARROW_PT / 2),
        _point(axis, base, place + _ARROW_PT / 2),
    ]
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{palette.EDGE}"/>'
