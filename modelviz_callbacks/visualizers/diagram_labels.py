"""The labels of the architecture diagram's boxes, as HTML-like text."""

from modelviz_callbacks.graph.fold import Box
from modelviz_callbacks.graph.model import ArchitectureGraph, Failure
from modelviz_callbacks.visualizers.dot_text import cell, escape, font, shorten, table
from modelviz_callbacks.visualizers.module_facts import ModuleFacts
from modelviz_callbacks.visualizers.module_families import FAINT_TEXT, TEXT, Family, family_of
from modelviz_callbacks.visualizers.module_text import human, shapes, short_config

FAILED_FILL, FAILED_LINE, FAILED_TEXT = "#B3261E", "#7A0F0A", "#FFFFFF"
COUNT_FILL, COUNT_TEXT = "#1F2D3A", "#FFFFFF"
_MARKS = {
    "frozen": ("#D6EEFF", "#07426B"),
    "eval": ("#EADCFB", "#4A1F80"),
    "compiled": ("#E4E7EA", "#2B3238"),
    "scripted": ("#E4E7EA", "#2B3238"),
}
_MOST_NAME, _MOST_PATH, _MOST_MESSAGE = 40, 48, 90
_SMALL, _NORMAL, _LARGE = 9, 11, 13


class Labels:
    """Writes labels; all that a model or batch named is escaped and shortened here."""

    def __init__(self, graph: ArchitectureGraph) -> None:
        """Looks the modules up."""
        self.facts = ModuleFacts(graph)

    def family(self, box: Box) -> Family:
        """Tells the family of a module's box."""
        entry = self.facts.entry(box.node.path) if box.node else None
        name = entry.class_name if entry else (box.node.name if box.node else "")
        return family_of(name, is_closed=box.hidden > 0)

    def module(self, box: Box, around: str | None, failure: Failure | None) -> str:
        """Labels a module that is shown closed, or that nothing was seen in.

        Args:
            box: Its box.
            around: The path of the module that its box is in.
            failure: What raised in it.

        Returns:
            Class and path; configuration; parameters and output shape.
        """
        color, faint = (FAILED_TEXT, FAILED_TEXT) if failure else (TEXT, FAINT_TEXT)
        rows = [
            _left_right(self._name(box, color), font(self._path(box, around), size=_SMALL, color=faint))
        ]
        config = self._config(box)
        if config:
            rows.append(_line(font(escape(config), size=_SMALL, color=color)))
        node = box.node
        shape = shapes(node.outputs) if node else ""
        sizes = self._parameters(box)
        if sizes or shape:
            rows.append(_left_right(font(sizes, size=_SMALL, color=faint), font(shape, size=_SMALL, color=color)))
        marks = self._marks(box)
        if marks:
            rows.append(_line(marks))
        if failure:
            rows += _failure_rows(failure, box)
        return _with_count(table(rows, cellpadding=1), box)

    def container(self, box: Box, around: str | None, *, failed: bool) -> str:
        """Heads the box around what is in a module.

        Args:
            box: Its box.
            around: The path of the module that its box is in.
            failed: Whether the step stopped in it.

        Returns:
            Class, path, parameters and marks in one line.
        """
        color = FAILED_FILL if failed else TEXT
        if box.node is None:
            name = font("in sequence", size=_NORMAL, color=color)
        else:
            name = self._name(box, color)
        parts = [cell(name), cell(font(self._path(box, around), size=_SMALL, color=FAINT_TEXT))]
        sizes = self._parameters(box)
        if sizes:
            parts.append(cell(font(sizes, size=_SMALL, color=FAINT_TEXT)))
        marks = self._marks(box)
        if marks:
            parts.append(cell(marks))
        return _with_count(table(["".join(parts)], cellpadding=2), box)

    def operation(self, box: Box, failure: Failure | None) -> str:
        """Labels an operation: its name, and the shape that comes out."""
        node = box.node
        if node is None:
            return ""
        color = FAILED_TEXT if failure else TEXT
        name = font(escape(shorten(node.name, _MOST_NAME)), size=_NORMAL - 1, color=color, bold=failure is not None)
        shape = font(shapes(node.outputs, 1), size=_SMALL - 1, color=color if failure else FAINT_TEXT)
        rows = [cell(name) + (cell(shape) if node.outputs else "")]
        if failure:
            rows = [cell(name), *_failure_rows(failure, box)]
        return _with_count(table(rows, cellpadding=1), box)

    def end(self, box: Box) -> str:
        """Labels an input or output: its name in the batch, its shape and type."""
        node = box.node
        if node is None:
            return ""
        name = font(escape(shorten(node.name, _MOST_NAME)), size=_NORMAL, bold=True)
        kind = font(node.kind, size=_SMALL - 1)
        specs = node.outputs or node.inputs
        shape = font(shapes(specs), size=_SMALL)
        dtype = font(escape(specs[0].dtype), size=_SMALL - 1) if specs else ""
        return table([cell(kind) + cell(name) + cell(shape) + cell(dtype)], cellpadding=2)

    def _name(self, box: Box, color: str) -> str:
        name = box.node.name if box.node else ""
        return font(escape(shorten(name, _MOST_NAME)), size=_LARGE - 1, color=color, bold=True)

    def _path(self, box: Box, around: str | None) -> str:
        if not box.paths:
            return ""
        names = [_below(path, around) for path in (box.paths[0], box.paths[-1])]
        return escape(" … ".join(dict.fromkeys(shorten(name, _MOST_PATH) for name in names)))

    def _config(self, box: Box) -> str:
        entry = self.facts.entry(box.node.path) if box.node else None
        if entry is None:
            return ""
        config = shorten(short_config(entry.class_name, entry.config), 2 * _MOST_PATH)
        shared = self.facts.shared_with(entry.path)
        return ", ".join(filter(None, [config, f"shares {shorten(shared, _MOST_PATH)}" if shared else ""]))

    def _parameters(self, box: Box) -> str:
        if not box.paths:
            return ""
        every = self.facts.parameters_of_all(box.paths)
        if not every:
            return ""
        if len(box.paths) == 1 or box.node is None:
            return f"{human(every)} params"
        one = self.facts.parameters(box.paths[0])
        return f"{human(every)} params, {human(one)} each"

    def _marks(self, box: Box) -> str:
        path = box.node.path if box.node else None
        entry = self.facts.entry(path)
        if path is None or entry is None:
            return ""
        said = [
            ("frozen", self.facts.is_frozen(path)),
            ("eval", self.facts.is_eval(path)),
            (entry.runs, entry.runs in _MARKS),
        ]
        cells = "".join(_mark(word) for word, holds in said if holds)
        return table([cells], cellspacing=2, cellpadding=1) if cells else ""


def _mark(word: str) -> str:
    fill, color = _MARKS[word]
    return cell(font(word, size=_SMALL, color=color, bold=True), bgcolor=fill, border=1, color=color)


def _below(path: str, around: str | None) -> str:
    """Shortens a path to what comes after the path around it, and says so by a leading dot."""
    return path[len(around) :] if around and path.startswith(f"{around}.") else path


def _line(text: str) -> str:
    return cell(text, colspan=2, align="left")


def _left_right(left: str, right: str) -> str:
    return cell(left, align="left") + cell(right, align="right")


def _with_count(label: str, box: Box) -> str:
    if box.count == 1:
        return label
    badge = font(f"{box.count} ×", size=_LARGE + 1, color=COUNT_TEXT, bold=True)
    return table([cell(badge, bgcolor=COUNT_FILL, cellpadding=5) + cell(label)], cellspacing=2)


def _failure_rows(failure: Failure, box: Box) -> list[str]:
    """Tells what raised, with what, and where inside if that is not shown."""
    lines = [font(escape(shorten(failure.exception, _MOST_NAME)), bold=True, size=_NORMAL)]
    lines += [escape(part) for part in _wrapped(shorten(failure.message, 2 * _MOST_MESSAGE))]
    if failure.inputs:
        lines.append("met: " + escape(shapes(failure.inputs, 4)))
    if box.hidden:
        where = " in ".join(filter(None, [failure.operation, failure.path]))
        lines.append("at " + escape(shorten(where, _MOST_MESSAGE)))
    return [_line(font(line, size=_SMALL + 1, color=FAILED_TEXT)) for line in lines]


def _wrapped(text: str, width: int = 52) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]
