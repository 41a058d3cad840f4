"""Our own diagram: a view of the architecture graph as DOT."""

from collections.abc import Iterator

from modelviz_callbacks.diagram import dot_style, palette
from modelviz_callbacks.diagram.box_facts import Around, BoxFacts
from modelviz_callbacks.diagram.dot_text import attributes, font
from modelviz_callbacks.diagram.labels import (
    Header,
    container_header,
    end_label,
    gathered_label,
    module_label,
    operation_label,
)
from modelviz_callbacks.diagram.legend import head
from modelviz_callbacks.diagram.links import DrawnLinks, choose_links
from modelviz_callbacks.diagram.palette import CONTAINER, OPERATION, Family
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


class _Diagram:
    """Writes a view as DOT, and notes what the legend has to explain."""

    def __init__(self, graph: ArchitectureGraph, view: View, links: DrawnLinks, depth: int) -> None:
        self._view = view
        self._links = links
        self._depth = depth
        self._failure = graph.failure
        self._boxes = BoxFacts(graph, view, links)
        self._facts = self._boxes.modules
        self._families: set[Family] = set()
        self._marks: set[str] = set()

    def lines(self, *, headed: bool) -> Iterator[str]:
        """Gives the lines of the source."""
        body = [line for box in self._view.boxes for line in self._box(box, Around())]
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

    def _box(self, box: Box, around: Around) -> Iterator[str]:
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

    def _module(self, box: Box, around: Around) -> str:
        family = self._boxes.family(box)
        self._families.add(family)
        shown = self._marks_to_write(box, around)
        label = module_label(box, self._facts, around.path, shown, self._boxes.more(box))
        style = "filled,rounded,dashed" if "frozen" in self._boxes.marks(box) else None
        return self._node(box, label, family.fill, family.line, style=style)

    def _marks_to_write(self, box: Box, around: Around) -> list[str]:
        """Gives the marks to write on a box, and notes them and all others for the legend."""
        shown = self._boxes.marks_to_write(box, around)
        self._marks.update(self._boxes.marks(box), (mark.partition(",")[0] for mark in shown))
        return shown

    def _operation(self, box: Box, around: Around) -> str:
        self._families.add(OPERATION)
        if box.gathered:
            names = self._boxes.gathered(box)
            label = gathered_label(names, box, around.path, self._boxes.more(box))
            return self._node(box, label, OPERATION.fill, OPERATION.line)
        label = operation_label(box, around.path, self._boxes.more(box))
        margin = None if box.id == self._view.failed else "0.05,0.01"
        return self._node(box, label, OPERATION.fill, OPERATION.line, margin=margin)

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

    def _container(self, box: Box, around: Around) -> Iterator[str]:
        failed = self._boxes.holds_failed(box)
        style = "rounded,filled,dashed" if "frozen" in self._boxes.marks(box) else "rounded,filled"
        shown = self._marks_to_write(box, around)
        color = palette.FAILED_NAME if failed else palette.TEXT
        line = palette.FAILED_FILL if failed else CONTAINER.line
        name = f"{'sequence' if box.node is None else 'call'}_{box.id}"
        header = container_header(box, self._facts, around.path, shown, color)
        own = attributes(
            id=f"c{box.id}",
            label=header.label,
            style=style,
            fillcolor=palette.NESTED_FILLS[around.level % 2],
            color=line,
            penwidth="2.5" if failed else "1.2",
            margin="10",
            # A cluster has the attributes of the one around it unless it has its own.
            **{"class": "stack" if box.count > 1 else "single"},
        )
        yield f"subgraph cluster_{name} {{ graph [{own}]"
        yield from self._room(name, header)
        inside = self._boxes.inside(box, around)
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
