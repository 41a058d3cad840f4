"""The labels of the architecture diagram's boxes, as HTML-like text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelviz_callbacks.diagram.dot_text import cell, escape, font, shorten, table, wrap
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.module_text import counted, shapes, short_config
from modelviz_callbacks.diagram.palette import (
    COUNT_FILL,
    COUNT_TEXT,
    FAILED_TEXT,
    FAINT,
    MARKS,
    TEXT,
)
from modelviz_callbacks.graph.fold import Box
from modelviz_callbacks.graph.model import Failure, Node
from modelviz_callbacks.graph.units import human_count

_MOST_NAME, _MOST_END, _MOST_PATH, _MOST_CONFIG, _MOST_MESSAGE = 36, 48, 44, 60, 180
_MESSAGE_LINE = 52
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
    config = _config(box, facts)
    sizes, shape = _parameters(box, facts), shapes(outputs)
    name = font(
        escape(shorten(_node(box).name, _MOST_NAME)), size=_LARGE - 1, color=color, bold=True
    )
    path = font(escape(_path(box, around)), size=_SMALL, color=faint)
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
    title = shorten(box.node.name, _MOST_NAME) if box.node else "in sequence"
    # The paths of a sequence are on the boxes in it.
    path, sizes = _path(box, around) if box.node else "", _parameters(box, facts)
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
    node = _node(box)
    name = escape(shorten(node.name, _MOST_NAME))
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
    said = counted(shorten(name, _MOST_NAME) for name in names)
    head = font(f"{len(names):,} operations", size=_NORMAL, color=color, bold=True)
    lines = [font(escape(line), size=_SMALL, color=color) for line in wrap(said, _OPERATIONS_LINE)]
    rows = [_line(line) for line in [head, *lines]]
    return table([*rows, *_more_rows(more, box, around, color)], cellpadding=1)


def end_label(box: Box) -> str:
    """Labels an input or output: what it is, its shape and type; below, its name in the batch."""
    node = _node(box)
    tensors = node.outputs or node.inputs
    # Several outputs of the same box have their names where a module has its paths.
    names = [
        shorten(name.removeprefix(f"{node.kind}."), _MOST_END)
        for name in ((box.paths[0], box.paths[-1]) if box.paths else (node.name,))
    ]
    texts = [names[0], *(f"… {name}" for name in names[1:])]
    kind = f"{box.count} {node.kind}s" if box.count > 1 else node.kind
    sizes = [shapes(tensors), escape(tensors[0].dtype) if tensors else ""]
    above = font(kind, size=_SMALL), font(" ".join(filter(None, sizes)), size=_SMALL)
    below = (_line(font(escape(text), size=_NORMAL, bold=True)) for text in texts)
    return table([_left_right(*above), *below], cellpadding=1)


def failure_lines(failure: Failure) -> list[str]:
    """Tells what raised in a few plain lines."""
    message = wrap(shorten(failure.message, _MOST_MESSAGE), _MESSAGE_LINE)
    return [shorten(failure.exception, _MOST_NAME), *message]


def _node(box: Box) -> Node:
    if box.node is None:
        raise ValueError("a sequence has no label of a node")
    return box.node


def _path(box: Box, around: str | None) -> str:
    """Gives the path, or the first and the last one, as seen from the box around.

    A leading dot stands for the path around it; without one, the path is whole.
    """
    ends = [box.paths[0], box.paths[-1]] if box.paths else []
    names = [
        path[len(around) :] if around and path.startswith(f"{around}.") else path for path in ends
    ]
    return " … ".join(dict.fromkeys(shorten(name, _MOST_PATH) for name in names))


def _config(box: Box, facts: ModuleFacts) -> str:
    entry = facts.entry(_node(box).path)
    if entry is None:
        return ""
    config = shorten(short_config(entry.class_name, entry.config), _MOST_CONFIG)
    shared = facts.shared_with(entry.path)
    return ", ".join(filter(None, [config, shared and f"shares {shorten(shared, _MOST_PATH)}"]))


def _parameters(box: Box, facts: ModuleFacts) -> str:
    every = facts.parameters(box.paths)
    if not every:
        return ""
    if box.node is None or len(box.paths) == 1:
        shared = ", shared" if box.node and box.count > 1 else ""
        return f"{human_count(every)} params{shared}"
    return f"{human_count(every)} params, {human_count(facts.parameters(box.paths[:1]))} each"


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
        said = f"also from {_listed([_last_names(source, around) for source in more.sources])}"
        lines = (escape(line) for line in wrap(said, _MESSAGE_LINE))
        rows += [_line(font(line, size=_SMALL, color=color)) for line in lines]
    return rows + (_failure_rows(more.failure, box) if more.failure else [])


def _last_names(source: Box, around: str | None) -> str:
    """Names a box that is somewhere else by the end of its path."""
    path = _path(source, around)
    name = path if " … " in path else ".".join(path.split(".")[-2:])
    return shorten(name or _node(source).name, _MOST_NAME)


def _listed(names: Sequence[str]) -> str:
    first, *others = names
    if len(others) <= 1:
        return ", ".join(names)
    return f"{first}, {others[0]} … {others[-1]} ({len(names)})"


def _failure_rows(failure: Failure, box: Box) -> list[str]:
    """Tells what raised, with what, and where inside if that is not shown."""
    exception, *lines = failure_lines(failure)
    if failure.inputs:
        lines.append(f"shapes: {shapes(failure.inputs, 4)}")
    if box.hidden:
        where = " in ".join(filter(None, [failure.operation, failure.path]))
        lines.append(f"at {shorten(where, _MOST_PATH)}")
    head = font(escape(exception), size=_NORMAL, color=FAILED_TEXT, bold=True)
    return [
        _line(head),
        *(_line(font(escape(line), size=_SMALL + 1, color=FAILED_TEXT)) for line in lines),
    ]
