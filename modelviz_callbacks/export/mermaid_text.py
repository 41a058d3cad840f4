"""Text in Mermaid's flowcharts: names from models are hostile until they went through here."""

import re

from modelviz_callbacks.diagram.dot_text import writable

# All but letters and digits of any script, and what means nothing to Mermaid, Markdown and HTML.
# A dot in a name or number does not; one behind the number of an item in a list does.
_MEANINGFUL = re.compile(r"[^\w \xa0,.×…·]|_|\.(?!\w)")
# What Mermaid looks for after it has read its entities: formulas, icons, line breaks. A space of
# no width keeps it apart.
_FOUND_LATER = re.compile(r"(?<=\$)(?=\$)|(?<=:)(?=fa-)|(?<=\\)(?=n)")
_NO_WIDTH = "\u200b"
_BREAK = "<br>"


def quoted(*lines: str) -> str:
    """Gives a label of some lines, already escaped; empty ones are left out."""
    return f'"{_BREAK.join(filter(None, lines)) or " "}"'


def bold(text: str) -> str:
    """Gives an escaped text in bold."""
    return f"<b>{escape(text)}</b>" if text else ""


def unbroken(text: str) -> str:
    """Keeps a text on one line where a label is too wide."""
    return text.replace(" ", "\xa0")


def escape(text: str) -> str:
    """Writes what could mean something as Mermaid's entities, like `#91;` for a bracket."""
    line = writable(re.sub(r"[ \t\n\r\f\v]+", " ", text).strip())
    apart = _FOUND_LATER.sub(_NO_WIDTH, line)
    return _MEANINGFUL.sub(lambda found: f"#{ord(found[0])};", apart)
