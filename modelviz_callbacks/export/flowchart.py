"""Writes a view of a graph as a Mermaid flowchart."""

from collections.abc import Iterator

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.diagram.box_facts import Around, BoxFacts
from modelviz_callbacks.diagram.box_words import (
    class_of,
    configuration,
    end_names,
    failure_at,
    failure_lines,
    fed_by,
    node_of,
    parameters,
    path_in,
)
from modelviz_callbacks.diagram.links import DrawnLinks
from modelviz_callbacks.diagram.module_text import counted, shapes
from modelviz_callbacks.diagram.palette import CONTAINER, OPERATION
from modelviz_callbacks.export.mermaid_text import bold, escape, quoted, unbroken
from modelviz_callbacks.graph.fold import Box, View
from modelviz_callbacks.graph.model import ArchitectureGraph

_INDENT = "  "
# Wide enough for most configurations in one line.
_CONFIG = '%%{init: {"flowchart": {"wrappingWidth": 320}}}%%'
_ENDS, _FAILED, _FAILED_AROUND, _FROZEN = "ends", "failed", "failed_inside", "frozen"


class Flowchart:
    """Writes a view, and notes which classes of style it has."""

    def __init__(self, graph: ArchitectureGraph, view: View, links: DrawnLinks) -> None:
        """Takes what is drawn."""
        self._view = view
        self._links = links
        self._failure = graph.failure
        self._boxes = BoxFacts(graph, view, links)
        self._styled: dict[str, list[str]] = {}
        self._styles: dict[str, str] = {}

    def text(self) -> str:
        """Gives the whole file."""
        return "\n".join([_CONFIG, "flowchart TB", *self._lines()]) + "\n"

    def _lines(self) -> Iterator[str]:
        for box in self._view.boxes:
            yield from self._box(box, Around())
        yield from self._unseen_failure()
        for drawn in self._links.drawn:
            shape = f"|{quoted(escape(drawn.shape))}|" if drawn.shape else ""
            yield f"{_INDENT}n{drawn.link.source} -->{shape} n{drawn.link.target}"
        if self._links.drawn:
            # A dark theme's lines are light, and most of ours are on light ground.
            yield f"{_INDENT}linkStyle default stroke:{palette.EDGE}"
        for name, style in self._styles.items():
            yield f"{_INDENT}classDef {name} {style}"
        for name, ids in self._styled.items():
            yield f"{_INDENT}class {','.join(ids)} {name}"

    def _unseen_failure(self) -> Iterator[str]:
        """Gives a box of its own to what stopped the step where nothing was seen."""
        if self._failure is not None and self._view.failed is None:
            yield f"{_INDENT}stopped[{quoted(*map(escape, failure_lines(self._failure)))}]"
            self._style("stopped", _FAILED, _FAILED_COLOURS)

    def _box(self, box: Box, around: Around) -> Iterator[str]:
        indent = _INDENT * (around.level + 1)
        if box.boxes:
            yield f"{indent}subgraph c{box.id}[{quoted(self._header(box, around))}]"
            for inner in box.boxes:
                yield from self._box(inner, self._boxes.inside(box, around))
            yield f"{indent}end"
            self._style_container(box, around)
        elif box.node is not None:
            yield f"{indent}n{box.id}{self._shape(box, around)}"
            self._style_leaf(box)

    def _header(self, box: Box, around: Around) -> str:
        """Gives one line: Mermaid keeps no room for a second one."""
        words = parameters(box, self._boxes.modules), *self._boxes.marks_to_write(box, around)
        # The paths of a sequence are on the boxes in it.
        path = path_in(box, around.path) if box.node else ""
        title = _title(class_of(box) if box.node else "in sequence", path, box)
        return " · ".join(filter(None, [title, _together(*words)]))

    def _shape(self, box: Box, around: Around) -> str:
        kind = node_of(box).kind
        if kind in {"input", "output"}:
            return f"([{quoted(*_end(box))}])"
        more = self._boxes.more(box)
        label = quoted(
            *(self._module(box, around) if kind == "module" else self._operation(box)),
            *(["gives its input back"] if more.passes_on else []),
            *map(escape, fed_by(more.sources, around.path) if more.sources else []),
            *map(escape, failure_at(more.failure, box) if more.failure else []),
        )
        return f"({label})" if kind == "module" else f"[{label}]"

    def _module(self, box: Box, around: Around) -> Iterator[str]:
        facts = self._boxes.modules
        yield _title(class_of(box), path_in(box, around.path), box)
        yield escape(configuration(box, facts))
        yield _together(parameters(box, facts), _shapes(box))
        yield _together(*self._boxes.marks_to_write(box, around))

    def _operation(self, box: Box) -> Iterator[str]:
        if box.gathered:
            names = self._boxes.gathered(box)
            yield bold(f"{len(names):,} operations")
            yield escape(counted(names))
        else:
            yield f"{_title(class_of(box), '', box, is_bold=False)} {escape(_shapes(box))}"

    def _style_container(self, box: Box, around: Around) -> None:
        if self._boxes.holds_failed(box):
            fill = palette.NESTED_FILLS[around.level % 2]
            style = _colours(fill, palette.FAILED_FILL, palette.FAILED_NAME, "2.5px")
            self._style(f"c{box.id}", f"{_FAILED_AROUND}{around.level % 2}", style)
        else:
            fill = palette.NESTED_FILLS[around.level % 2]
            style = _colours(fill, CONTAINER.line, palette.TEXT)
            self._style(f"c{box.id}", f"level{around.level % 2}", style)
        self._style_frozen(f"c{box.id}", box)

    def _style_leaf(self, box: Box) -> None:
        name, kind = f"n{box.id}", node_of(box).kind
        if self._boxes.holds_failed(box):
            self._style(name, _FAILED, _FAILED_COLOURS)
        elif kind in {"input", "output"}:
            self._style(name, _ENDS, _colours(palette.END_FILL, palette.END_FILL, palette.END_TEXT))
        else:
            family = self._boxes.family(box) if kind == "module" else OPERATION
            style = _colours(family.fill, family.line, palette.TEXT)
            self._style(name, family.name.replace(" ", "_"), style)
        self._style_frozen(name, box)

    def _style_frozen(self, name: str, box: Box) -> None:
        if _FROZEN in self._boxes.marks(box):
            self._style(name, _FROZEN, "stroke-dasharray:5 3")

    def _style(self, name: str, style_name: str, style: str) -> None:
        self._styles.setdefault(style_name, style)
        self._styled.setdefault(style_name, []).append(name)


def _end(box: Box) -> Iterator[str]:
    node = node_of(box)
    kind = f"{box.count} {node.kind}s" if box.count > 1 else node.kind
    tensors = node.outputs or node.inputs
    yield escape(f"{kind} {_shapes(box)} {tensors[0].dtype if tensors else ''}")
    yield from map(bold, end_names(box))


def _shapes(box: Box) -> str:
    node = node_of(box)
    return unbroken(shapes(node.outputs or (node.inputs if node.kind == "output" else ()), 2))


def _title(name: str, path: str, box: Box, *, is_bold: bool = True) -> str:
    count = f"{box.count} × " if box.count > 1 else ""
    name = bold(count + name) if is_bold else escape(count + name)
    return f"{name} {escape(path)}".strip()


def _together(*words: str) -> str:
    return escape(" · ".join(filter(None, words)))


def _colours(fill: str, line: str, text: str, width: str = "1px") -> str:
    return f"fill:{fill},stroke:{line},color:{text},stroke-width:{width}"


_FAILED_COLOURS = _colours(palette.FAILED_FILL, palette.FAILED_LINE, palette.FAILED_TEXT, "3px")
