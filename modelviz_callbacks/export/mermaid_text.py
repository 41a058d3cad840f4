"""Text in Mermaid's flowcharts: names from models are hostile until they went through here."""

import re

from modelviz_callbacks.diagram.dot_text import writable

# All but letters and digits of any script, and what means nothing to Mermaid, Markdown and HTML.
# A dot in a name or number does not; one behind the number of an item in a list does.
_MEANINGFUL = re.compile(r"[^\w ,.×…·]|_|\.(?!\w)")
_BREAK = "<br>"


def quoted(*lines: str) -> str:
    """Gives a label of some lines; empty ones are left out."""
    return f'"{_BREAK.join(escape(line) for line in lines if line) or " "}"'


def escape(text: str) -> str:
    """Writes what could mean something as Mermaid's entities, like `#91;` for a bracket."""
    line = writable(" ".join(text.split()))
    return _MEANINGFUL.sub(lambda found: f"#{ord(found[0])};", line)
