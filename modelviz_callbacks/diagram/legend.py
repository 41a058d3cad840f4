"""The head of the architecture diagram: its colours, and what has no place in the flow."""

from collections.abc import Collection, Iterator, Sequence

from modelviz_callbacks.diagram.box_words import failure_lines
from modelviz_callbacks.diagram.dot_text import cell, escape, font, shorten, table
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.palette import (
    CONTAINER,
    FAILED_FILL,
    FAILED_TEXT,
    FAINT,
    FAMILIES,
    MARKS,
    TEXT,
    Family,
)
from modelviz_callbacks.graph.model import Failure
from modelviz_callbacks.graph.units import human_count

_MOST_LISTED = 12
_COLUMNS = 4
_SMALL, _LARGE = 9, 14
_MARK_WORDS = {
    "frozen": "no parameter is trained (dashed)",
    "eval": "in eval mode",
    "shared": "one module, called at several places",
    "compiled": "shown as it runs eagerly",
    "scripted": "not looked into",
}


def head(
    facts: ModuleFacts,
    depth: int,
    families: Collection[Family],
    marks: Collection[str],
    failure: Failure | None,
    *,
    is_shown: bool,
) -> str:
    """Heads the diagram.

    Args:
        facts: What is known of the modules.
        depth: The depth that is drawn.
        families: The families in the diagram.
        marks: The marks in the diagram.
        failure: What ended the step.
        is_shown: Whether the failure has a box in the diagram.

    Returns:
        HTML-like text.
    """
    rows = [_title(facts, depth)]
    if failure is not None and not is_shown:
        rows += _failure(failure)
    # The colour of the closed model alone says nothing.
    if families and set(families) != {CONTAINER}:
        rows.append(_colours(families))
    if marks:
        signs = [_mark(mark) for mark in MARKS if mark in marks]
        rows.append(table(signs, align="left", cellspacing=1))
    rows += _never_called(facts.never_called(), failed=failure is not None)
    cells = [cell(row, align="left") for row in rows]
    return table([*cells, cell("", height=6)], cellpadding=1)


def _title(facts: ModuleFacts, depth: int) -> str:
    entry = facts.entry("")
    name = entry.class_name.rpartition(".")[2] if entry else "Training step"
    said = f"{human_count(facts.parameters(['']))} params, depth {depth}"
    title = font(escape(shorten(name, 48)), size=_LARGE, color=TEXT, bold=True)
    return f"{title}  {font(said, size=_SMALL, color=FAINT)}"


def _failure(failure: Failure) -> Iterator[str]:
    for line in failure_lines(failure):
        text = font(escape(line), size=_SMALL + 1, color=FAILED_TEXT, bold=True)
        yield table([cell(text, bgcolor=FAILED_FILL)], align="left")


def _colours(families: Collection[Family]) -> str:
    present = [family for family in FAMILIES if family in families]
    starts = range(0, len(present), _COLUMNS)
    rows = ["".join(map(_colour, present[start : start + _COLUMNS])) for start in starts]
    return table(rows, align="left", cellspacing=3, cellpadding=3)


def _colour(family: Family) -> str:
    text = font(family.name, size=_SMALL, color=TEXT)
    return cell(text, bgcolor=family.fill, border=1, color=family.line)


def _mark(mark: str) -> str:
    fill, color = MARKS[mark]
    sign = cell(font(mark, size=_SMALL, color=color, bold=True), bgcolor=fill)
    return sign + cell(font(_MARK_WORDS[mark], size=_SMALL, color=TEXT), align="left")


def _never_called(listed: Sequence[tuple[str, str, int]], *, failed: bool) -> Iterator[str]:
    if not listed:
        return
    title = "Not called before the failure:" if failed else "Never called in this step:"
    yield font(title, size=_SMALL, color=TEXT, bold=True)
    for path, name, count in listed[:_MOST_LISTED]:
        more = f", and {count - 1} like it" if count > 1 else ""
        text = f"{shorten(path, 44)} ({shorten(name, 30)}){more}"
        yield font(escape(text), size=_SMALL, color=FAINT)
    if len(listed) > _MOST_LISTED:
        yield font(f"and {len(listed) - _MOST_LISTED} more", size=_SMALL, color=FAINT)
