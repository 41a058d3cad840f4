"""The page's colours: those of the pictures, and what each becomes in the dark."""

from modelviz_callbacks.diagram.module_families import FAMILIES

DARK = {}


def palette_rules() -> str:
    """Gives a variable for each colour of the pictures, with its light and its dark value."""
    colours = sorted({*(f.fill for f in FAMILIES), *(f.line for f in FAMILIES), *DARK})
    light = "".join(f"--p-{c[1:].lower()}:{c};" for c in colours)
    dark = "".join(f"--p-{c[1:].lower()}:{DARK[c]};" for c in colours if c in DARK)
    return f":root{{{light}}}@media not print{{:root[data-theme=dark]{{{dark}}}}}"
