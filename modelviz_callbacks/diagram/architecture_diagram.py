"""Our own diagram: a view of the architecture graph as DOT."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelviz_callbacks.diagram import dot_style, palette
from modelviz_callbacks.diagram.dot_text import attributes, font
from modelviz_callbacks.diagram.labels import (
    Header,
    More,
    container_header,
    end_label,
    gathered_label,
    module_label,
    operation_label,
)
from modelviz_callbacks.diagram.legend import head
from modelviz_callbacks.diagram.links import DrawnLinks, choose_links
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.diagram.palette import CONTAINER, OPERATION, Family
from modelviz_callbacks.diagram.shared_modules import shared_modules
from modelviz_callbacks.graph.fold import Box, View, view_graph
from modelviz_callbacks.graph.model import ArchitectureGraph

# A box right of the room below a header has its middle, where lines end, further on.
_HALF_NODE_PT = 60


def architecture_dot(
    graph: ArchitectureGraph, depth: int, *, headed: bool = True
) -> tuple[str, tuple[str, ...]]:
    """Draws the architecture graph.

    Args:
        graph: The graph.
        depth: How many levels of modules to show below the root calls; at least 0.
        headed: Whether its name, totals and legend stand above it.

    Returns:
        DOT source, the same for the same graph; and what was folded and closed in it, in words.
        In the picture, the element with the id `n7` is the box of node 7, `c7` the container that
        begins with it, and `e7-9` the line between two boxes.
    """
    view = view_graph(graph, depth)
    links = choose_links(view)
    diagram = _Diagram(graph, view, links, depth)
    source = "\n".join(diagram.lines(headed=headed)) + "\n"
    return source, (*view.notes, *filter(None, [links.note]))


@dataclass(frozen=True)
class _Around:
    """What a box is in.

    Attributes:
        path: The path of the module around it.
        marks: What that one is marked as; it holds for all in it.
        level: How many boxes are around it.
    """

    path: str | None = None
    marks: frozenset[str] = frozenset()
    level: int = 0


class _Diagram:
    """Writes a view as DOT, and notes what the legend has to explain."""

    def __init__(self, graph: ArchitectureGraph, view: View, links: DrawnLinks, depth: int) -> None:
        self._view = view
        self._links = links
        self._depth = depth
        self._failure = graph.failure
        self._facts = ModuleFacts(graph)
        self._shared = {
            box: turn
            for box, turn in shared_modules(view).items()
            if self._facts.parameters([turn.path])
        }
        self._operations = {node.id: node.name for node in graph.nodes if node.kind == "op"}
        self._sources = {edge.source for edge in graph.edges}
        self._families: set[Family] = set()
        self._marks: set[str] = set()

    def lines(self, *, headed: bool) -> Iterator[str]:
        """Gives the lines of the source."""
        body = [line for box in self._view.boxes for line in self._box(box, _Around())]
        yield "digraph architecture {"
        label = self._head() if headed else None
        yield f"graph [{attributes(**dot_style.GRAPH, label=label)}]"
        yield f"node [{attributes(**dot_style.NODE)}]"
        yield f"edge [{attributes(**dot_style.EDGE)}]"
        yield from body
        yield from self._lines()
        yield "}"

    def _head(self) -> str:
        """Gives the legend of what has been drawn."""
        return head(
            self._facts,
            self._depth,
            self._families,
            self._marks,
            self._failure,
            is_shown=self._view.failed is not None,
        )

    def _box(self, box: Box, around: _Around) -> Iterator[str]:
        if box.boxes:
            yield from self._container(box, around)
        elif box.node is None:
            return
        elif box.node.kind == "module":
            yield self._module(box, around)
        elif box.node.kind == "op":
            yield self._operation(box, around)
        else:
            fill = palette.END_FILL
            yield self._node(box, end_label(box), fill, fill, fontcolor=palette.END_TEXT)

    def _module(self, box: Box, around: _Around) -> str:
        path = box.paths[0] if box.paths else ""
        entry = self._facts.entry(path)
        name = entry.class_name if entry else box.node.name if box.node else ""
        family = family_of(name, is_block=box.hidden > 0 and self._facts.is_block(path))
        self._families.add(family)
        marks = self._facts.marks(path)
        shown = self._shown_marks(box, marks, around)
        label = module_label(box, self._facts, around.path, shown, self._more(box))
        style = "filled,rounded,dashed" if "frozen" in marks else None
        return self._node(box, label, family.fill, family.line, style=style)

    def _shown_marks(self, box: Box, marks: Sequence[str], around: _Around) -> list[str]:
        """Gives the marks to write on a box: those that the box around it does not have."""
        self._marks.update(marks)
        shown = [mark for mark in marks if mark not in around.marks]
        if box.node is not None and box.id in self._shared:
            self._marks.add("shared")
            turn = self._shared[box.id]
            shown.append(f"shared, {turn.number} of {turn.count}")
        return shown

    def _operation(self, box: Box, around: _Around) -> str:
        self._families.add(OPERATION)
        if box.gathered:
            names = [self._operations[node] for node in box.gathered]
            label = gathered_label(names, box, around.path, self._more(box))
            return self._node(box, label, OPERATION.fill, OPERATION.line)
        label = operation_label(box, around.path, self._more(box))
        margin = None if box.id == self._view.failed else "0.05,0.01"
        return self._node(box, label, OPERATION.fill, OPERATION.line, margin=margin)

    def _more(self, box: Box) -> More:
        failure = self._failure if box.id == self._view.failed else None
        passes_on = (
            box.node is not None
            and box.node.kind == "module"
            and box.id not in self._sources
            and self._facts.changes_nothing(box.node.path)
        )
        return More(failure, self._links.told.get(box.id, ()), passes_on)

    def _node(self, box: Box, label: str, fill: str, line: str, **more: str | None) -> str:
        failed = box.id == self._view.failed
        given = attributes(
            id=f"n{box.id}",
            label=label,
            fillcolor=palette.FAILED_FILL if failed else fill,
            color=palette.FAILED_LINE if failed else line,
            penwidth="3" if failed else None,
            **{"class": "stack" if box.count > 1 else None},
            **more,
        )
        return f"n{box.id} [{given}]"

    def _container(self, box: Box, around: _Around) -> Iterator[str]:
        path = around.path if box.node is None else box.node.path
        marks = self._facts.marks(path) if box.node and path is not None else ()
        failed = self._holds_failed(box)
        shown = self._shown_marks(box, marks, around)
        color = palette.FAILED_NAME if failed else palette.TEXT
        line = palette.FAILED_FILL if failed else CONTAINER.line
        name = f"{'sequence' if box.node is None else 'call'}_{box.id}"
        header = container_header(box, self._facts, around.path, shown, color)
        own = attributes(
            id=f"c{box.id}",
            label=header.label,
            style="rounded,filled,dashed" if "frozen" in marks else "rounded,filled",
            fillcolor=palette.NESTED_FILLS[around.level % 2],
            color=line,
            penwidth="2.5" if failed else "1.2",
            margin="10",
            # A cluster has the attributes of the one around it unless it has its own.
            **{"class": "stack" if box.count > 1 else "single"},
        )
        yield f"subgraph cluster_{name} {{ graph [{own}]"
        yield from self._room(name, header)
        inside = _Around(path, around.marks | set(marks), around.level + 1)
        for inner in box.boxes:
            yield from self._box(inner, inside)
        yield "}"

    def _room(self, name: str, header: Header) -> Iterator[str]:
        """Keeps room below a header with a node that is not drawn.

        What comes from above then passes the text, instead of running through it.
        """
        width_pt = header.width_pt - _HALF_NODE_PT
        if width_pt > 0:
            size = {"width": f"{width_pt / 72:.2f}", "height": "0.05", "fixedsize": "true"}
            yield f"room_{name} [{attributes(**size, label='', style='invis')}]"

    def _holds_failed(self, box: Box) -> bool:
        if box.boxes:
            return any(map(self._holds_failed, box.boxes))
        return box.id == self._view.failed

    def _lines(self) -> Iterator[str]:
        for drawn in self._links.drawn:
            source, target = drawn.link.source, drawn.link.target
            given = attributes(
                id=f"e{source}-{target}",
                weight=drawn.weight if drawn.weight > 1 else None,
                **{"class": "told" if drawn.shape else None},
                xlabel=font(drawn.shape, size=9, color=palette.FAINT) if drawn.shape else None,
            )
            yield f"n{source} -> n{target} [{given}]"
