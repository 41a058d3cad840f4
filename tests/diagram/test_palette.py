"""Colours: text can be read on each of them, and families stay apart, light and dark."""

import math
import re
from itertools import combinations

import pytest

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.diagram.palette import DARK, FAMILIES, OPERATION, PARAMETER, TENSOR

GROUNDS = (palette.PAGE, *palette.NESTED_FILLS)
BOXES = (*FAMILIES, TENSOR, PARAMETER)
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])

# What each kind of eye makes of linear RGB: Machado, Oliveira, Fernandes (2009), severity 1.0.
EYES = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# https://en.wikipedia.org/wiki/SRGB, divided by the white point D65.
XYZ = (
    (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
)


def shown(color: str, theme: str) -> str:
    return DARK[color] if theme == "dark" else color


def linear(color: str) -> list[float]:
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def times(matrix, values) -> list[float]:
    return [sum(m * v for m, v in zip(row, values, strict=True)) for row in matrix]


def luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    return times(((0.2126, 0.7152, 0.0722),), linear(color))[0]


def contrast(one: str, two: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(two)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def lab(color: str, eye: str) -> tuple[float, float, float]:
    """CIE 1976 L*a*b*, as an eye sees a colour."""
    seen = [min(1.0, max(0.0, channel)) for channel in times(EYES[eye], linear(color))]
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in times(XYZ, seen))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@THEMES
@pytest.mark.parametrize(
    ("text", "fill"),
    [
        *((text, box.fill) for box in BOXES for text in (palette.TEXT, palette.FAINT)),
        *((text, fill) for fill in GROUNDS for text in (palette.TEXT, palette.FAINT)),
        *((palette.FAILED_NAME, fill) for fill in GROUNDS),
        (palette.FAILED_TEXT, palette.FAILED_FILL),
        (palette.END_TEXT, palette.END_FILL),
        (palette.COUNT_TEXT, palette.COUNT_FILL),
        *((text, fill) for fill, text in palette.MARKS.values()),
    ],
)
def test_text_can_be_read_on_every_colour(text, fill, theme) -> None:
    """WCAG AA for texts: a contrast of 4.5 : 1 or more."""
    assert contrast(shown(text, theme), shown(fill, theme)) >= 4.5


@THEMES
@pytest.mark.parametrize(
    ("line", "fill"),
    [
        *((box.line, fill) for box in BOXES for fill in (*GROUNDS, box.fill)),
        *((palette.EDGE, fill) for fill in GROUNDS),
        *((palette.STACK_LINE, fill) for fill in (*GROUNDS, palette.STACK_FILL)),
        *((palette.END_FILL, fill) for fill in GROUNDS),
        *((palette.COUNT_FILL, fill) for fill in (*GROUNDS, *(box.fill for box in FAMILIES))),
        *((palette.FAILED_FILL, fill) for fill in GROUNDS),
    ],
)
def test_outlines_can_be_seen(line, fill, theme) -> None:
    """WCAG AA for what is no text: a contrast of 3 : 1 or more to both sides."""
    assert contrast(shown(line, theme), shown(fill, theme)) >= 3


@THEMES
@pytest.mark.parametrize("eye", EYES)
def test_families_stay_apart(eye, theme) -> None:
    """For every eye; an operation has a place of its own without a colour."""
    families = [family for family in FAMILIES if family != OPERATION]
    nearest = min(
        (math.dist(lab(shown(one.fill, theme), eye), lab(shown(two.fill, theme), eye)), one, two)
        for one, two in combinations(families, 2)
    )
    assert nearest[0] >= (10 if theme == "dark" else 8), nearest


def test_every_colour_is_written_as_it_stands_in_the_svg() -> None:
    """Graphviz writes six small hexadecimal digits; nothing else would be found."""
    written = [*DARK, *DARK.values()]
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in written)
    used = {
        value for name, value in vars(palette).items() if name.isupper() and isinstance(value, str)
    }
    assert used <= set(DARK)
