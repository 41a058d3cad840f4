"""Text in columns, whatever characters are in it."""

import unicodedata
from collections.abc import Sequence

_GAP = "  "
_LEAST = 8
_TREE = " │├└─"
# They take no place of their own, or move what follows, or hide text.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: str) -> str:
    r"""Writes characters that cannot be seen as escapes: a line feed becomes `\n`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _INVISIBLE else c for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def display_width(text: str) -> int:
    """Gives the places that a text takes on a screen: wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def shorten(text: str, width: int) -> str:
    """Leaves out the middle of a text that is too wide: `encoder…out_proj`."""
    if display_width(text) <= width:
        return text
    head = _start(text, width // 2)
    tail = _start(text[::-1], width - 1 - display_width(head))[::-1]
    # What combines with a character that is left out would sit on the dots.
    while tail and not _width(tail[0]):
        tail = tail[1:]
    return f"{head}…{tail}"


def _start(text: str, width: int) -> str:
    taken = 0
    for place, character in enumerate(text):
        taken += _width(character)
        if taken > width:
            return text[:place]
    return text


def wrapped(text: str, width: int) -> list[str]:
    """Breaks a text into lines between words; a word that is too wide is broken as well."""
    lines = [""]
    for word in text.split():
        left = word
        if lines[-1] and display_width(f"{lines[-1]} {left}") <= width:
            lines[-1] += f" {left}"
            continue
        while display_width(left) > width:
            part = _start(left, width)
            lines.append(part)
            left = left[len(part) :]
        lines.append(left)
    return [line for line in lines if line]


def aligned(
    rows: Sequence[Sequence[str]], alignment: str, width: int, *, rule_after: int = 1
) -> list[str]:
    """Puts rows into columns; the widest columns give way until the table fits.

    Args:
        rows: Equally long rows of cells; a cell's leading spaces and lines are kept.
        alignment: `<` or `>` for each column; only `<` columns are shortened.
        width: The most places that a line may take.
        rule_after: A line is drawn after so many rows, and one after the last.

    Returns:
        The lines, without trailing spaces; empty columns are left out.
    """
    used = [i for i, cells in enumerate(zip(*rows, strict=True)) if any(cells[rule_after:])]
    widths = _fitting(
        [max(display_width(row[i]) for row in rows) for i in used],
        [alignment[i] == "<" for i in used],
        width,
    )
    lines = [
        _GAP.join(
            _padded(_shortened(row[i], w), w, alignment[i])
            for i, w in zip(used, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    rule = "─" * max(map(display_width, lines))
    return [*lines[:rule_after], rule, *lines[rule_after:], rule]


def _shortened(cell: str, width: int) -> str:
    """Shortens what stands behind a tree's lines."""
    branch = cell[: len(cell) - len(cell.lstrip(_TREE))]
    if len(branch) >= width:
        return shorten(cell, width)
    return branch + shorten(cell[len(branch) :], width - len(branch))


def _fitting(widths: list[int], may_shrink: list[bool], width: int) -> list[int]:
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room:
        candidates = [i for i, may in enumerate(may_shrink) if may and widths[i] > _LEAST]
        if not candidates:
            break
        widest = max(candidates, key=lambda i: widths[i])
        widths[widest] -= 1
    return widths


def _padded(text: str, width: int, alignment: str) -> str:
    padding = " " * (width - display_width(text))
    return padding + text if alignment == ">" else text + padding
