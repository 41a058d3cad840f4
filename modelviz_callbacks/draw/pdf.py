"""SVG → PDF by Typst: one page as large as the drawing, with text that can be found and copied."""

import re

from modelviz_callbacks.draw.fonts import font_folder

# Acrobat opens no page of more than 14,400 points; a point less leaves room for rounding.
MAX_SIDE_PT = 14_399

_SIZE = re.compile(r'<svg[^>]*? width="(\d+)pt" height="(\d+)pt"')
# Text comes as inputs: nothing of it is read as Typst's own markup.
_PAGE = b"""
#set document(title: sys.inputs.title, date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image(
  bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title, width: float(sys.inputs.width) * 1pt
)
"""


def to_pdf(svg: str, title: str) -> tuple[bytes, tuple[str, ...]]:
    """Makes a PDF of a picture; it is light, whatever it will be shown on.

    Args:
        svg: SVG of `engine.layout`.
        title: What it shows.

    Returns:
        The PDF; and how it differs from the SVG, in words.
    """
    import typst

    width, height = _size(svg)
    zoom = min(1.0, MAX_SIDE_PT / max(width, height))
    inputs = {"svg": svg, "title": title, "width": str(width * zoom)}
    fonts = typst.Fonts(font_paths=[str(font_folder())])
    pdf = typst.compile(_PAGE, sys_inputs=inputs, font_paths=fonts, format="pdf")
    note = f"PDF scaled to {zoom:.0%} of its natural size, the most that a page can be"
    return pdf, () if zoom == 1 else (note,)


def _size(svg: str) -> tuple[float, float]:
    found = _SIZE.search(svg)
    if found is None:
        raise ValueError("the SVG has no size in points")
    return float(found[1]), float(found[2])
