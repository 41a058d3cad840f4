"""Labelled lines around a table: what is told of a model, a label before each."""

from collections.abc import Iterable, Iterator, Sequence

from modelviz_callbacks.table.columns import visible, wrapped

Entry = tuple[str, Sequence[str]]
"""A label, and what is told under it; the items stand in a row, with commas between."""

WIDTH = 120
_LABEL_WIDTH = 14
_MOST_LISTED = 12
_LEAST_TEXT = 20


def listed(label: str, items: Iterable[str]) -> Iterator[Entry]:
    """Gives an entry of the first few items, saying how many there are more; none of no items."""
    items = list(items)
    left = len(items) - _MOST_LISTED
    shown = [*items[:_MOST_LISTED], f"and {left:,} more"] if left > 0 else items
    if shown:
        yield label, shown


def entry_lines(entries: Iterable[Entry], width: int = WIDTH) -> Iterator[str]:
    """Gives the lines of entries, none wider than `width`; nothing in them steers a terminal."""
    for label, items in entries:
        text = " ".join(", ".join(items).split())
        for line in wrapped(visible(text), max(width - _LABEL_WIDTH, _LEAST_TEXT)):
            yield f"{label:{_LABEL_WIDTH}}{line}"
            label = ""  # noqa: PLW2901 - the first line alone has it
