"""The labels of the architecture diagram's boxes, as HTML-like text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelviz_callbacks.diagram.box_words import (
    MOST_NAME,
    class_of,
    configuration,
    end_names,
    failure_at,
    fed_by,
    node_of,
    parameters,
    path_in,
)
from modelviz_callbacks.diagram.dot_text import cell, escape, font, shorten, table, wrap
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.module_text import counted, shapes
from modelviz_callbacks.diagram.palette import (
    COUNT_FILL,
    COUNT_TEXT,
    FAILED_TEXT,
    FAINT,
    MARKS,
    TEXT,
)
from modelviz_callbacks.graph.fold import Box
from modelviz_callbacks.graph.model import Failure

_OPERATIONS_LINE = 36
_HEADER_LINE = 22
# Widths of an average letter, of the rest of a header, and of a count.
_LARGE_PT, _SMALL_PT, _BOLD_PT, _MARGIN_PT, _COUNT_PT = 6.5, 4.8, 4.4, 12, 44
_SMALL, _NORMAL, _LARGE = 9, 11, 13


@dataclass(frozen=True)
class More:
    """What a box tells besides what it is.

    Attributes:
        failure: What raised in it.
        sources: Boxes that feed it without a line.
        passes_on: Whether it gives its input back, so that no line comes from it.
    """

    failure: Failure | None = None
    sources: tuple[Box, ...] = ()
    passes_on: bool = False


@dataclass(frozen=True)
class Header:
    """What heads a container.

    Attributes:
        label: The text.
        width_pt: About how wide it is, in points.
    """

    label: str
    width_pt: float


def module_label(
    box: Box, facts: ModuleFacts, around: str | None, marks: Sequence[str], more: More
) -> str:
    """Labels a module that is shown closed, or that nothing was seen in.

    Args:
        box: Its box.
        facts: What is known of the modules.
        around: The path of the module that its box is in.
        marks: What to mark it as, like `"frozen"` or `"shared, 1 of 2"`.
        more: What else to tell.

    Returns:
        Class and path; configuration; parameters and output shape; marks; inputs without a line;
        the failure.
    """
    color, faint = (FAILED_TEXT, FAILED_TEXT) if more.failure else (TEXT, FAINT)
    outputs = box.node.outputs if box.node else ()
    config = configuration(box, facts)
    sizes, shape = parameters(box, facts), shapes(outputs)
    name = font(escape(class_of(box)), size=_LARGE - 1, color=color, bold=True)
    path = font(escape(path_in(box, around)), size=_SMALL, color=faint)
    rows = [_left_right(name, path)]
    if config:
        rows.append(_line(font(escape(config), size=_SMALL, color=color)))
    if sizes or shape:
        left, right = (font(text, size=_SMALL, color=faint) for text in (sizes, shape))
        rows.append(_left_right(left, right))
    if marks:
        rows.append(_line(_marks(marks)))
    rows += _more_rows(more, box, around, faint)
    return _with_count(table(rows, cellpadding=1), box)


def container_header(
    box: Box, facts: ModuleFacts, around: str | None, marks: Sequence[str], color: str
) -> Header:
    """Heads the box around what is in a module, or around a repeated sequence.

    Args:
        box: Its box.
        facts: What is known of the modules.
        around: The path of the module that its box is in.
        marks: What to mark it as, like `"frozen"`.
        color: Colour of its name.

    Returns:
        Class and path; below, parameters and marks.
    """
    title = class_of(box) if box.node else "in sequence"
    # The paths of a sequence are on the boxes in it.
    path, sizes = path_in(box, around) if box.node else "", parameters(box, facts)
    name = font(escape(title), size=_LARGE - 1, color=color, bold=True)
    where = font(escape(path), size=_SMALL, color=FAINT)
    below = cell(font(escape(sizes), size=_SMALL, color=FAINT), align="left")
    below += cell(_marks(marks)) if marks else ""
    is_short = not path or len(title + path) <= _HEADER_LINE
    lines = [f"{name} {where}"] if is_short else [name, where]
    lines.append(table([below], align="left", cellpadding=0))
    label = table((cell(line, align="left") for line in lines), align="left", cellpadding=1)
    widths = len(title) * _LARGE_PT, len(path) * _SMALL_PT
    first = sum(widths) if is_short else max(widths)
    second = (len(sizes) + sum(len(mark) + 3 for mark in marks)) * _SMALL_PT
    width = max(first, second) + (_COUNT_PT if box.count > 1 else 0)
    return Header(_with_count(label, box), width + _MARGIN_PT)


def operation_label(box: Box, around: str | None, more: More) -> str:
    """Labels an operation: its name, and the shape that comes out; what else to tell below."""
    node = node_of(box)
    name = escape(class_of(box))
    below = _more_rows(more, box, around, FAILED_TEXT if more.failure else FAINT)
    if more.failure:
        head = _line(font(name, size=_LARGE - 1, color=FAILED_TEXT, bold=True))
    else:
        given = (
            font(name, size=_NORMAL - 1),
            font(shapes(node.outputs, 1), size=_SMALL, color=FAINT),
        )
        # Two cells would be pulled apart by a wider row.
        head = _line(" ".join(given)) if below else _left_right(*given)
    return _with_count(table([head, *below], cellpadding=1), box)


def gathered_label(names: Sequence[str], box: Box, around: str | None, more: More) -> str:
    """Labels operations that are drawn as one: how many, and which.

    Args:
        names: Their names.
        box: Their box.
        around: The path of the module that the box is in.
        more: What else to tell.

    Returns:
        The label.
    """
    color = FAILED_TEXT if more.failure else FAINT
    said = counted(shorten(name, MOST_NAME) for name in names)
    head = font(f"{len(names):,} operations", size=_NORMAL, color=color, bold=True)
    lines = [font(escape(line), size=_SMALL, color=color) for line in wrap(said, _OPERATIONS_LINE)]
    rows = [_line(line) for line in [head, *lines]]
    return table([*rows, *_more_rows(more, box, around, color)], cellpadding=1)


def end_label(box: Box) -> str:
    """Labels an input or output: what it is, its shape and type; below, its name in the batch."""
    node = node_of(box)
    tensors = node.outputs or node.inputs
    kind = f"{box.count} {node.kind}s" if box.count > 1 else node.kind
    sizes = [shapes(tensors), escape(tensors[0].dtype) if tensors else ""]
    above = font(kind, size=_SMALL), font(" ".join(filter(None, sizes)), size=_SMALL)
    below = (_line(font(escape(text), size=_NORMAL, bold=True)) for text in end_names(box))
    return table([_left_right(*above), *below], cellpadding=1)


def _marks(marks: Iterable[str]) -> str:
    return table(["".join(map(_mark, marks))], align="left", cellspacing=1, cellpadding=0)


def _mark(mark: str) -> str:
    fill, color = MARKS[mark.partition(",")[0]]
    # A cell without a size of its own would be as wide as the box.
    size = {"fixedsize": "true", "width": round(len(mark) * _BOLD_PT) + 10, "height": 17}
    return cell(
        font(mark, size=_SMALL, color=color, bold=True),
        bgcolor=fill,
        align="left",
        cellpadding=2,
        **size,
    )


def _line(text: str) -> str:
    return cell(text, colspan=2, align="left")


def _left_right(left: str, right: str) -> str:
    return cell(left, align="left") + cell(right, align="right")


def _with_count(label: str, box: Box) -> str:
    if box.count == 1:
        return label
    badge = font(f"{box.count} ×", size=_LARGE + 1, color=COUNT_TEXT, bold=True)
    return table(
        [cell(badge, bgcolor=COUNT_FILL, cellpadding=5) + cell(label)], align="left", cellspacing=2
    )


def _more_rows(more: More, box: Box, around: str | None, color: str) -> list[str]:
    rows = []
    if more.passes_on:
        rows.append(_line(font("gives its input back", size=_SMALL, color=color)))
    if more.sources:
        lines = map(escape, fed_by(more.sources, around))
        rows += [_line(font(line, size=_SMALL, color=color)) for line in lines]
    return rows + (_failure_rows(more.failure, box) if more.failure else [])


def _failure_rows(failure: Failure, box: Box) -> list[str]:
    exception, *lines = failure_at(failure, box)
    head = font(escape(exception), size=_NORMAL, color=FAILED_TEXT, bold=True)
    return [
        _line(head),
        *(_line(font(escape(line), size=_SMALL + 1, color=FAILED_TEXT)) for line in lines),
    ]
