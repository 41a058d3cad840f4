"""Our own diagram: a view of the architecture graph as DOT."""

from collections.abc import Iterator

from modelviz_callbacks.graph.fold import Box, Link, View, view_graph
from modelviz_callbacks.graph.model import ArchitectureGraph, Failure
from modelviz_callbacks.visualizers.diagram_labels import (
    COUNT_FILL,
    FAILED_FILL,
    FAILED_LINE,
    FAILED_TEXT,
    Labels,
)
from modelviz_callbacks.visualizers.diagram_legend import legend
from modelviz_callbacks.visualizers.dot_text import attributes
from modelviz_callbacks.visualizers.module_families import CONTAINER, OPERATION, TEXT, Family

_END_FILL, _END_TEXT = "#22313F", "#FFFFFF"
_EDGE = "#5B6770"
# Containers in containers are a little darker, and lighter again.
_NESTED_FILLS = ("#F7F9FB", "#EDF2F6")
_GRAPH = {
    "rankdir": "TB",
    "bgcolor": "#FFFFFF",
    "nodesep": "0.22",
    "ranksep": "0.28",
    "nslimit": "2",
    "mclimit": "0.5",
}


def architecture_dot(graph: ArchitectureGraph, depth: int) -> tuple[str, tuple[str, ...]]:
    """Draws the architecture graph.

    Args:
        graph: The graph.
        depth: How many levels of modules to show below the root calls; at least 0.

    Returns:
        DOT source, the same for the same graph; and what was folded and closed in it, in words.
    """
    view = view_graph(graph, depth)
    return "\n".join(_Diagram(graph, view).lines()) + "\n", view.notes


class _Diagram:
    def __init__(self, graph: ArchitectureGraph, view: View) -> None:
        self._view = view
        self._failure = graph.failure
        self._labels = Labels(graph)
        self._families: set[Family] = set()

    def lines(self) -> Iterator[str]:
        yield "digraph architecture {"
        yield f"graph [{attributes(**_GRAPH)}]"
        yield f'node [{attributes(shape="box", style="filled,rounded", penwidth="1.2", fontsize="11", margin="0.09,0.05", height="0.2", width="0.2", fontcolor=TEXT)}]'
        yield f'edge [{attributes(color=_EDGE, penwidth="1.2", arrowsize="0.7")}]'
        body = [line for box in self._view.boxes for line in self._box(box, None, 0)]
        note = legend(self._labels.facts, self._families, self._failure if self._view.failed is None else None,
                      failed=self._failure is not None)
        if note:
            yield f'legend [{attributes(shape="plain", style="", label=note)}]'
        yield from body
        yield from self._links()
        yield "}"

    def _box(self, box: Box, around: str | None, level: int) -> Iterator[str]:
        if box.boxes:
            yield from self._container(box, around, level)
        elif box.node is not None:
            yield f"n{box.id} [{self._node(box, around)}]"

    def _node(self, box: Box, around: str | None) -> str:
        failure = self._failure if box.id == self._view.failed else None
        kind = box.node.kind if box.node else "op"
        if kind in {"input", "output"}:
            label, fill, line, color = self._labels.end(box), _END_FILL, _END_FILL, _END_TEXT
        elif kind == "op":
            self._families.add(OPERATION)
            label, fill, line, color = (
                self._labels.operation(box, failure), OPERATION.fill, OPERATION.line, TEXT
            )
        else:
            family = self._labels.family(box)
            self._families.add(family)
            label, fill, line, color = (
                self._labels.module(box, around, failure), family.fill, family.line, TEXT
            )
        if failure:
            fill, line, color = FAILED_FILL, FAILED_LINE, FAILED_TEXT
        return attributes(
            label=label,
            fillcolor=fill,
            color=line,
            fontcolor=color,
            penwidth="3" if failure else None,
            peripheries="2" if box.count > 1 else None,
            margin="0.06,0.01" if kind == "op" else None,
        )

    def _container(self, box: Box, around: str | None, level: int) -> Iterator[str]:
        failed = self._failure is not None and self._holds_failed(box)
        path = around if box.node is None else box.node.path
        line = FAILED_FILL if failed else CONTAINER.line
        name = f"{'r' if box.node is None else 'c'}{box.id}"
        if box.count > 1:
            # A second outline: there is more than one of it.
            outline = attributes(label="", color=COUNT_FILL, style="rounded,filled", fillcolor="#D3DBE2", penwidth="1.6", margin="5")
            yield f"subgraph cluster_{name}_stack {{ graph [{outline}]"
        own = attributes(
            label=self._labels.container(box, around, failed=failed),
            labeljust="l",
            style="rounded,filled",
            fillcolor=_NESTED_FILLS[level % 2],
            color=line if box.count == 1 else COUNT_FILL,
            penwidth="2.5" if failed else "1.2",
            margin="10",
        )
        yield f"subgraph cluster_{name} {{ graph [{own}]"
        for inner in box.boxes:
            yield from self._box(inner, path, level + 1)
        yield "}" if box.count == 1 else "} }"

    def _holds_failed(self, box: Box) -> bool:
        return box.id == self._view.failed if not box.boxes else any(map(self._holds_failed, box.boxes))

    def _links(self) -> Iterator[str]:
        order = {box_id: place for place, box_id in enumerate(_drawn(self._view.boxes))}
        for link in self._view.links:
            yield f"n{link.source} -> n{link.target}{_weight(link, order)}"


def _drawn(boxes: tuple[Box, ...]) -> Iterator[int]:
    for box in boxes:
        if box.boxes:
            yield from _drawn(box.boxes)
        else:
            yield box.id


def _weight(link: Link, order: dict[int, int]) -> str:
    """Keeps the trunk straight: what follows right after is placed below."""
    return " [weight=8]" if order[link.target] - order[link.source] == 1 else ""
