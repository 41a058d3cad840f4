"""PDFs of pictures: their text, their size, and that they are the same every time."""

import re
import zlib

from modelviz_callbacks.draw.engine import layout
from modelviz_callbacks.draw.pdf import MAX_SIDE_PT, to_pdf


def box(pdf: bytes) -> tuple[float, float]:
    found = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", _unpacked(pdf))
    assert len(found) == 1
    return float(found[0][0]), float(found[0][1])


def _unpacked(pdf: bytes) -> bytes:
    parts = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(parts)


def test_a_page_is_as_large_as_the_drawing() -> None:
    """Nothing is cut off, and nothing is around it."""
    svg = layout("digraph { a -> b }")
    width, height = re.search(r'width="(\d+)pt" height="(\d+)pt"', svg).groups()
    pdf, notes = to_pdf(svg, "a graph")
    assert pdf.startswith(b"%PDF-")
    assert box(pdf) == (float(width), float(height))
    assert notes == ()


def test_text_is_text_in_the_font_that_it_was_measured_in() -> None:
    """It can be found and copied, and looks the same everywhere: the font is in the file."""
    pdf = _unpacked(to_pdf(layout("digraph { a [label=Conv2d] }"), "a graph")[0])
    assert b"Roboto-Regular" in pdf
    assert b"/FontFile" in pdf
    assert b"/ToUnicode" in pdf


def test_what_no_page_can_hold_is_scaled_and_says_so() -> None:
    """Acrobat opens nothing larger."""
    chain = " -> ".join(f"n{number}" for number in range(400))
    pdf, notes = to_pdf(layout(f"digraph {{ {chain} }}"), "a graph")
    assert MAX_SIDE_PT - 1 < box(pdf)[1] < 14_400
    (note,) = notes
    assert note.startswith("PDF scaled to ")


def test_the_same_picture_is_the_same_pdf() -> None:
    """No date and no random number is in it."""
    svg = layout("digraph { a -> b }")
    pdf, _ = to_pdf(svg, "a graph")
    assert to_pdf(svg, "a graph") == (pdf, ())
    assert b"/CreationDate" not in _unpacked(pdf)


def test_a_title_is_text() -> None:
    """It is never taken for markup."""
    pdf, _ = to_pdf(layout("digraph { a }"), 'a "graph" #panic() \\')
    assert b"panic" in _unpacked(pdf)
