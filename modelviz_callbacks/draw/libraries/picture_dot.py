"""A view as DOT, in the language that all our pictures are drawn in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from modelviz_callbacks.diagram import dot_style, palette
from modelviz_callbacks.diagram.dot_text import attributes, cell, escape, font, table
from modelviz_callbacks.diagram.palette import CONTAINER, Family
from modelviz_callbacks.draw.line_labels import CLASS
from modelviz_callbacks.graph.fold import Box

_GRAPH = {**dot_style.GRAPH, "fontcolor": palette.TEXT}
_EDGE = {**dot_style.EDGE, "fontsize": "9", "fontcolor": palette.FAINT}
_COLUMNS = 4

# What goes into the model and what comes out of it; text on it is light.
ENDS = Family("input or output", palette.END_FILL, palette.END_FILL)
_SMALL, _NAME, _LARGE, _COUNT = 9, 12, 14, 14
# Widths of average letters, of a count, and half of that of a box, where lines end.
_NAME_PT, _SMALL_PT, _COUNT_PT, _HALF_NODE_PT = 6.5, 4.8, 50, 50


@dataclass(frozen=True)
class Look:
    """How a box is drawn.

    Attributes:
        label: HTML-like text.
        family: Whose colours it has.
        more: Further attributes of the node.
    """

    label: str
    family: Family
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A line between two boxes.

    Attributes:
        source: The id of the box that it comes from.
        target: The id of the box that it goes to.
        text: What is written on it if there is room; plain text.
        more: Further attributes of the edge.
    """

    source: int
    target: int
    text: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


class Painter(Protocol):
    """Says what is written on the boxes of a picture."""

    def look(self, box: Box, around: Box | None) -> Look:
        """Gives the look of a box with nothing shown in it."""

    def header(self, box: Box, around: Box | None) -> tuple[str, str]:
        """Gives the name that heads a container, and what is said beside it; plain text."""


def picture_dot(boxes: Sequence[Box], lines: Iterable[Line], head: str, painter: Painter) -> str:
    """Writes a picture.

    Args:
        boxes: What is drawn at the top.
        lines: The lines between boxes.
        head: What heads the picture, as HTML-like text.
        painter: What is written on the boxes.

    Returns:
        DOT source.
    """
    source = [
        "digraph picture {",
        f"graph [{attributes(**_GRAPH, label=head)}]",
        f"node [{attributes(**dot_style.NODE)}]",
        f"edge [{attributes(**_EDGE)}]",
        *_boxes(boxes, None, 0, painter),
        *map(_line, lines),
        "}",
    ]
    return "\n".join(source) + "\n"


def head(title: str, said: str, families: Iterable[Family]) -> str:
    """Heads a picture: what it is, and its colours.

    Args:
        title: What it shows; HTML-like.
        said: More about it; HTML-like.
        families: What its colours stand for.

    Returns:
        HTML-like text.
    """
    first = f"{font(title, size=_LARGE, bold=True)}  {font(said, size=_SMALL, color=palette.FAINT)}"
    swatches = list(map(_swatch, families))
    starts = range(0, len(swatches), _COLUMNS)
    rows = ["".join(swatches[start : start + _COLUMNS]) for start in starts]
    legend = [table(rows, cellspacing=3, cellpadding=3)] if rows else []
    cells = [cell(row, align="left") for row in (first, *legend)]
    return table([*cells, cell("", height=6)], cellpadding=1)


def _swatch(family: Family) -> str:
    color = palette.END_TEXT if family is ENDS else palette.TEXT
    text = font(family.name, size=_SMALL, color=color)
    return cell(text, bgcolor=family.fill, border=1, color=family.line)


def _boxes(boxes: Iterable[Box], around: Box | None, level: int, painter: Painter) -> Iterator[str]:
    for box in boxes:
        if box.boxes:
            yield from _container(box, around, level, painter)
        else:
            yield _box(box, around, painter)


def _box(box: Box, around: Box | None, painter: Painter) -> str:
    look = painter.look(box, around)
    given = attributes(
        id=f"n{box.id}",
        label=_with_count(look.label, box),
        fillcolor=look.family.fill,
        color=look.family.line,
        fontcolor=palette.END_TEXT if look.family is ENDS else None,
        **{"class": "stack" if box.count > 1 else None},
        **look.more,
    )
    return f"n{box.id} [{given}]"


def _container(box: Box, around: Box | None, level: int, painter: Painter) -> Iterator[str]:
    name = f"{'sequence' if box.node is None else 'call'}_{box.id}"
    title, said = painter.header(box, around)
    own = attributes(
        id=f"c{box.id}",
        label=_with_count(_header(title, said), box),
        style="rounded,filled",
        fillcolor=palette.NESTED_FILLS[level % 2],
        color=CONTAINER.line,
        penwidth="1.2",
        margin="10",
        # A cluster has the attributes of the one around it unless it has its own.
        **{"class": "stack" if box.count > 1 else "single"},
    )
    yield f"subgraph cluster_{name} {{ graph [{own}]"
    yield from _room(name, title, said) if box.count > 1 else ()
    yield from _boxes(box.boxes, box, level + 1, painter)
    yield "}"


def _header(title: str, said: str) -> str:
    lines = [font(escape(title), size=_NAME, bold=True)]
    lines += [font(escape(said), size=_SMALL, color=palette.FAINT)] if said else []
    return table((cell(line, align="left") for line in lines), align="left", cellpadding=1)


def _room(name: str, title: str, said: str) -> Iterator[str]:
    """Keeps room below a header with a count, with a node that is not drawn.

    What comes from above then passes the text, instead of running through it.
    """
    text_pt = max(len(title) * _NAME_PT, len(said) * _SMALL_PT)
    size = {"width": f"{(text_pt + _COUNT_PT - _HALF_NODE_PT) / 72:.2f}", "height": "0.05"}
    yield f"room_{name} [{attributes(**size, fixedsize='true', label='', style='invis')}]"


def _with_count(label: str, box: Box) -> str:
    if box.count == 1:
        return label
    badge = font(f"{box.count} ×", size=_COUNT, color=palette.COUNT_TEXT, bold=True)
    count = cell(badge, bgcolor=palette.COUNT_FILL, cellpadding=5)
    return table([count + cell(label)], align="left", cellspacing=2)


def _line(line: Line) -> str:
    told = font(escape(line.text), size=_SMALL, color=palette.FAINT) if line.text else None
    given = attributes(
        id=f"e{line.source}-{line.target}",
        xlabel=told,
        **{"class": CLASS if told else None},
        **line.more,
    )
    return f"n{line.source} -> n{line.target} [{given}]"
