"""What kind of thing a backward function is, in the families of modules."""

import re
from functools import cache

from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.diagram.palette import ATTENTION, LINEAR, OPERATION, OTHER, Family

_BACKWARD = re.compile(r"Backward\d*$")
_OWN = {"Addmm": LINEAR, "Mm": LINEAR, "Linear": LINEAR, "Addmv": LINEAR, "Mv": LINEAR}


@cache
def family_of_function(name: str) -> Family:
    """Tells a backward function's family by its name, like `"ConvolutionBackward0"`."""
    stem = _BACKWARD.sub("", name)
    if "DotProduct" in stem:
        return ATTENTION
    family = _OWN.get(stem) or family_of(stem)
    return OPERATION if family is OTHER else family
