"""Text in DOT sources: names from models are hostile until they went through here."""

import html
import re
from collections.abc import Iterable

# Characters that no XML file can hold, and those that would turn the rest of a line around.
_UNWRITABLE = re.compile(
    "[^\t\n\r -\x7e\xa0-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd"
    "\U00010000-\U0010ffff]"
)


def shorten(text: str, most: int) -> str:
    """Gives a text in one line, at most so many characters of it: the beginning and the end."""
    line = " ".join(text[: 20 * most].split()) if len(text) > 20 * most else " ".join(text.split())
    if len(line) <= most:
        return line
    tail = (most - 1) // 3
    return f"{line[: most - 1 - tail]}…{line[-tail:]}" if tail else f"{line[: most - 1]}…"


def wrap(text: str, width: int) -> list[str]:
    """Breaks a text at spaces into lines of about so many characters; a longer word is a line."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def writable(text: str) -> str:
    """Replaces the characters that no XML file can hold, or that turn a line around."""
    return _UNWRITABLE.sub("\ufffd", text)


def escape(text: str) -> str:
    """Escapes a text for HTML-like labels."""
    # Graphviz decodes entities first and then takes a backslash for an escape sequence of its own.
    return html.escape(writable(text)).replace("\\", "&#92;&#92;")


def font(
    text: str, *, size: int | None = None, color: str | None = None, bold: bool = False
) -> str:
    """Styles a text in an HTML-like label.

    Args:
        text: HTML-like text, already escaped.
        size: Its size in points.
        color: Its colour.
        bold: Whether it is bold.

    Returns:
        HTML-like text.
    """
    # Graphviz takes no empty element.
    text = text or " "
    text = f"<B>{text}</B>" if bold else text
    given = {"POINT-SIZE": size, "COLOR": color}
    chosen = "".join(f' {name}="{value}"' for name, value in given.items() if value is not None)
    return f"<FONT{chosen}>{text}</FONT>" if chosen else text


def cell(text: str, **attributes: object) -> str:
    """Makes a cell of a table, with attributes like `align="left"`."""
    return f"<TD{_html_attributes(attributes)}>{text}</TD>"


def table(rows: Iterable[str], **attributes: object) -> str:
    """Makes a table of rows, each the cells of it."""
    given = {"border": 0, "cellborder": 0, "cellspacing": 0, "cellpadding": 2, **attributes}
    inside = "".join(f"<TR>{row}</TR>" for row in rows)
    return f"<TABLE{_html_attributes(given)}>{inside}</TABLE>"


def attributes(**values: object) -> str:
    """Writes attributes of a node, edge or graph; labels are taken for HTML-like."""
    return " ".join(
        f"{name}=<{value}>" if name in {"label", "xlabel"} else f'{name}="{value}"'
        for name, value in values.items()
        if value is not None
    )


def _html_attributes(values: dict[str, object]) -> str:
    return "".join(
        f' {name.upper()}="{value}"' for name, value in values.items() if value is not None
    )
