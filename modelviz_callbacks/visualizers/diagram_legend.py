"""The legend of the architecture diagram, and what has no place in the flow."""

from collections.abc import Collection, Iterator

from modelviz_callbacks.graph.model import Failure
from modelviz_callbacks.visualizers.dot_text import cell, escape, font, shorten, table
from modelviz_callbacks.visualizers.module_facts import ModuleFacts
from modelviz_callbacks.visualizers.module_families import FAINT_TEXT, FAMILIES, TEXT, Family

_MOST_LISTED = 12
_SMALL = 9


def legend(
    facts: ModuleFacts, families: Collection[Family], failure: Failure | None, *, failed: bool
) -> str:
    """Explains the colours in the diagram, and lists the modules that took no part.

    Args:
        facts: What is known of the modules.
        families: The families that are in the diagram.
        failure: What ended the step, where no box can show it.
        failed: Whether the step ended in an exception.

    Returns:
        HTML-like text, or nothing if there is nothing to explain.
    """
    rows = [*_failure(failure), *_colours(families), *_never_called(facts, failed=failed)]
    if not rows:
        return ""
    return table(rows, border=1, color="#C3CBD2", bgcolor="#FFFFFF", cellspacing=3, style="rounded")


def _failure(failure: Failure | None) -> Iterator[str]:
    if failure is not None:
        text = f"{failure.exception}: {shorten(failure.message, 90)}"
        yield cell(font(escape(text), size=_SMALL + 1, color="#FFFFFF", bold=True), colspan=2, bgcolor="#B3261E")


def _colours(families: Collection[Family]) -> Iterator[str]:
    for family in FAMILIES:
        if family in families:
            swatch = cell(" ", bgcolor=family.fill, border=1, color=family.line, width=18)
            yield swatch + cell(font(family.name, size=_SMALL, color=TEXT), align="left")


def _never_called(facts: ModuleFacts, *, failed: bool) -> Iterator[str]:
    listed = facts.never_called()
    if not listed:
        return
    title = "Not called before the failure" if failed else "Never called in this step"
    yield cell(font(title, size=_SMALL, color=TEXT, bold=True), colspan=2, align="left")
    for path, name, count in listed[:_MOST_LISTED]:
        text = f"{shorten(path, 40)}  {shorten(name, 30)}" + (f"  ({count} like it)" if count > 1 else "")
        yield cell(font(escape(text), size=_SMALL, color=FAINT_TEXT), colspan=2, align="left")
    if len(listed) > _MOST_LISTED:
        more = f"and {len(listed) - _MOST_LISTED} more"
        yield cell(font(more, size=_SMALL, color=FAINT_TEXT), colspan=2, align="left")
