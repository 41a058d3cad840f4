"""SVG → PNG by resvg, in as many sheets as its text needs to be read."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.draw.fonts import FAMILY, font_files
from modelviz_callbacks.draw.paint.pieces import read_picture
from modelviz_callbacks.draw.paint.plan import Plan, plan_sheets
from modelviz_callbacks.draw.paint.sheet import sheet_svg

MAX_BYTES = 8 * 1024**2
_SMALLER = 0.7


@dataclass(frozen=True)
class Raster:
    """A picture in pixels.

    Attributes:
        sheets: PNG content, each of shape [H, W, 4].
        notes: How it differs from the SVG, in words.
    """

    sheets: tuple[bytes, ...]
    notes: tuple[str, ...] = ()


def rasterize(svg: str) -> Raster:
    """Paints a picture, within bounds of pixels, bytes and sheets.

    Args:
        svg: SVG of `engine.layout`.

    Returns:
        The picture, light whatever the sheet that it will be shown on.
    """
    picture = read_picture(svg)
    plan = plan_sheets(picture)
    sheets = tuple(
        paint(sheet_svg(picture, sheet, plan.zoom, number))
        for number, sheet in enumerate(plan.sheets, start=1)
    )
    return Raster(sheets, tuple(_notes(plan)))


def paint(svg: str, zoom: float = 1.0) -> bytes:
    """Paints an SVG of ours as PNG.

    Args:
        svg: The SVG.
        zoom: Its size, as a share of its own; it gets smaller until the PNG is small enough.
    """
    import resvg_py

    while True:
        png = bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                dpi=96,
                zoom=zoom,
                background=palette.PAGE,
                font_files=font_files(),
                font_family=FAMILY,
            )
        )
        if len(png) <= MAX_BYTES:
            return png
        zoom *= _SMALLER


def _notes(plan: Plan) -> Iterator[str]:
    if plan.zoom < 1:
        yield f"PNG scaled to {plan.zoom:.0%} of its natural size; the SVG is full size"
    if plan.left_out:
        shown = len(plan.sheets)
        yield f"PNG: the first {shown} of {shown + plan.left_out} sheets; the SVG has everything"
