"""Every colour that is in a picture, once as it stands in the SVG and once for dark pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_dark: dict[str, str] = {}


def _color(light: str, dark: str) -> str:
    """Notes the dark counterpart of a colour; each light colour has one role, so one dark one."""
    if light in _dark:
        raise ValueError(f"{light} has a dark counterpart already")
    _dark[light] = dark
    return light


@dataclass(frozen=True)
class Family:
    """A kind of modules, and its colours.

    The fills were searched for so that each two of them stay apart (a CIE 1976 difference of 8;
    on dark pages of 10) in full colour vision and in simulated protanopia, deuteranopia and
    tritanopia, and that text on them has a contrast of 4.5 : 1 or more; every box also says its
    class.

    Attributes:
        name: Its name in the legend.
        fill: Colour of its boxes.
        line: Colour of their outlines.
    """

    name: str
    fill: str
    line: str


# The grounds that everything stands on: the page, and containers in containers, in turns.
PAGE = _color("#ffffff", "#12171c")
NESTED_FILLS = (_color("#f7f9fb", "#192027"), _color("#edf2f6", "#212a32"))

TEXT = _color("#1a1a1a", "#f2f5f8")
FAINT = _color("#393e43", "#d0d7de")
EDGE = _color("#5b6770", "#93a1ad")

# Inputs and outputs: dark on a light page, light on a dark one.
END_FILL = _color("#22313f", "#d5e0ea")
END_TEXT = _color("#fffffe", "#12171d")

# The count on blocks in sequence, and the cards behind the first block.
COUNT_FILL = _color("#1f2d3a", "#dbe6f0")
COUNT_TEXT = _color("#fffeff", "#12171e")
STACK_FILL = _color("#cbd5de", "#44525f")
STACK_LINE = _color("#55687a", "#9fb0bf")

# A failed node, what is written on it, and the names of the containers around it.
FAILED_FILL = _color("#b3261e", "#d9362e")
FAILED_LINE = _color("#7a0f0a", "#ffb4ab")
FAILED_TEXT = _color("#fefefe", "#fffffd")
FAILED_NAME = _color("#b3261f", "#ff8f86")

CONVOLUTION = Family("convolution", _color("#daa94f", "#785705"), _color("#7a4e00", "#d7b45e"))
LINEAR = Family("linear", _color("#9ed6ff", "#03447a"), _color("#1b5e9e", "#569bd5"))
NORMALISATION = Family("normalisation", _color("#c0fbc6", "#025628"), _color("#1e7a3c", "#2db56a"))
ACTIVATION = Family("activation", _color("#fde573", "#573600"), _color("#857000", "#bc862f"))
POOLING = Family("pooling", _color("#58bfd3", "#006480"), _color("#0b5563", "#6dc2da"))
ATTENTION = Family("attention", _color("#e3ace3", "#8f2966"), _color("#8a2a8a", "#df90c0"))
RECURRENT = Family("recurrent", _color("#fe9481", "#972831"), _color("#a3301a", "#e3949a"))
EMBEDDING = Family("embedding", _color("#9eacf9", "#5353a1"), _color("#3b46a6", "#b4b4d9"))
DROPOUT = Family("dropout", _color("#b4afb1", "#5b5951"), _color("#5e5a5c", "#b5b7b9"))
CONTAINER = Family("container", _color("#e1eaf3", "#364454"), _color("#55697a", "#8398af"))
OTHER = Family("other module", _color("#fefeff", "#2b3036"), _color("#3a3a3a", "#818c99"))
OPERATION = Family("operation", _color("#fffffc", "#171d23"), _color("#7f878e", "#8b959e"))

# In the order of the legend.
FAMILIES = (
    CONVOLUTION,
    LINEAR,
    NORMALISATION,
    ACTIVATION,
    POOLING,
    ATTENTION,
    RECURRENT,
    EMBEDDING,
    DROPOUT,
    CONTAINER,
    OTHER,
    OPERATION,
)

# What is no module: tensors and parameters, where a picture has boxes of theirs.
TENSOR = Family("tensor", _color("#fff6dc", "#3a3423"), _color("#856a1e", "#bfa869"))
PARAMETER = Family("parameter", _color("#d9f2ec", "#1d4239"), _color("#2c7a66", "#79b5a5"))

# Fill and text of what is written on a module.
MARKS = {
    "frozen": (_color("#cfe9fc", "#0f3a5c"), _color("#0a3f66", "#cfe9fb")),
    "eval": (_color("#e8dafb", "#41276b"), _color("#4a1f80", "#e8dafa")),
    "shared": (_color("#f9dcc4", "#5a3312"), _color("#6b3400", "#f9dcc3")),
    "compiled": (_color("#dde2e6", "#3b444c"), _color("#2b3238", "#e3e8ec")),
    "scripted": (_color("#dde2e7", "#3b444d"), _color("#2b3239", "#e3e8ed")),
}

# The dark counterpart of each colour, by the colour as it stands in the SVG.
DARK: Mapping[str, str] = MappingProxyType(_dark)
