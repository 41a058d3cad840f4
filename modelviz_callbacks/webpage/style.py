"""The page's colours: those of the pictures, and what each becomes in the dark."""

from modelviz_callbacks.diagram.palette import DARK


def palette_rules() -> str:
    """Gives a variable for each colour of the pictures, with its light and its dark value.

    Variables cost the browser less than a rule for each colour of each of ten thousand boxes.
    """
    light = "".join(f"--p-{colour[1:]}:{colour};" for colour in DARK)
    dark = "".join(f"--p-{colour[1:]}:{in_the_dark};" for colour, in_the_dark in DARK.items())
    return f":root{{{light}}}\n@media not print{{:root[data-theme=dark]{{{dark}}}}}\n"
