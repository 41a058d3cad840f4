"""torchview's graph drawn in our visual language: the same content, or simpler where asked."""

import sys
from collections.abc import Iterable, Iterator

from modelviz_callbacks.diagram.dot_text import cell, escape, font, shorten, table
from modelviz_callbacks.diagram.links import DrawnLinks, choose_links
from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.diagram.palette import END_TEXT, FAINT, FAMILIES, OPERATION, Family
from modelviz_callbacks.draw.libraries.library_views import (
    counted,
    from_to,
    is_telling,
    lifted_lines,
    never,
    shown_boxes,
)
from modelviz_callbacks.draw.libraries.picture_dot import ENDS, Line, Look, head, picture_dot
from modelviz_callbacks.draw.libraries.torchview_source import Label, TorchviewGraph, read_torchview
from modelviz_callbacks.graph.fold import Box, view_graph
from modelviz_callbacks.graph.model import Node, TensorSpec

_MOST_NAME, _MOST_SHAPES = 48, 90
_TINY, _SMALL, _NORMAL = 8, 9, 11


def restyled(dot: str, depth: int | None, folded: bool) -> tuple[str, tuple[str, ...]]:  # noqa: FBT001
    """Draws torchview's graph with our boxes, colours and font.

    Args:
        dot: torchview's own DOT source.
        depth: How many levels of modules to show, as torchview counts them; None for all that
            are in the source.
        folded: Whether sequences of equal blocks, each one feeding the next, are drawn once.

    Returns:
        DOT source; and what was closed and folded in it, in words. Without depth and folding
        it holds every node, every edge and every word of the source.

    Raises:
        DotError: It cannot be parsed.
    """
    source = read_torchview(dot)
    folds = is_telling if folded else never
    shown = sys.maxsize if depth is None else depth
    view = view_graph(source.graph, shown, folds=folds, gathers=False)
    is_complete = depth is None and not folded
    links = DrawnLinks() if is_complete else choose_links(view)
    lines = _every_line(source) if is_complete else lifted_lines(links)
    notes = (*view.notes, *filter(None, [links.note]))
    painter, boxes = _Painter(source, links), shown_boxes(view)
    # Once through, to know the colours that the legend has to explain.
    picture_dot(boxes, (), "", painter)
    size = f"{len(source.labels):,} boxes"
    legend = head("torchview", f"simplified from {size}" if notes else size, painter.families())
    return picture_dot(boxes, lines, legend, painter), notes


def _every_line(source: TorchviewGraph) -> Iterator[Line]:
    for tail, end, label in source.edges:
        yield Line(tail, end, "", {"label": escape(label)} if label else {})


class _Painter:
    """Writes torchview's words on the boxes."""

    def __init__(self, source: TorchviewGraph, links: DrawnLinks) -> None:
        self._labels = source.labels
        self._inside = _Inside(source)
        self._told = links.told
        self._families: set[Family] = set()

    def families(self) -> list[Family]:
        return [family for family in (ENDS, *FAMILIES) if family in self._families]

    def look(self, box: Box, _: Box | None) -> Look:
        family = self._family(box)
        self._families.add(family)
        return Look(self._label(box, family), family)

    def header(self, box: Box, _: Box | None) -> tuple[str, str]:
        if box.node is None:
            return "in sequence", ""
        label = self._labels[box.id]
        return shorten(label.name, _MOST_NAME), label.depth

    def _family(self, box: Box) -> Family:
        node = _node(box)
        if node.kind in ("input", "output"):
            return ENDS
        return OPERATION if node.kind == "op" else family_of(node.name, is_block=box.hidden > 0)

    def _label(self, box: Box, family: Family) -> str:
        label = self._labels.get(box.id, Label(_node(box).name))
        faint = END_TEXT if family is ENDS else FAINT
        name = font(escape(shorten(label.name, _MOST_NAME)), size=_NORMAL, bold=True)
        depth = font(escape(label.depth), size=_TINY, color=faint)
        left = table([cell(name, align="left"), cell(depth, align="left")], cellpadding=0)
        right = [
            cell(font(escape(row), size=_SMALL, color=faint), align="left")
            + cell(font(escape(shorten(text, _MOST_SHAPES)), size=_SMALL), align="left")
            for row, text in (self._inside.rows(box.id) if box.hidden else label.rows)
        ]
        body = cell(left, align="left") + (cell(table(right, cellpadding=1)) if right else "")
        below = list(self._below(box, faint))
        if not below:
            return table([body])
        # A row in a table of its own is not pulled apart by a wider row.
        return table(cell(row, align="left") for row in (table([body], align="left"), *below))

    def _below(self, box: Box, color: str) -> Iterator[str]:
        if box.hidden:
            yield font(escape(self._inside.parts(box.id)), size=_SMALL, color=color)
        if box.id in self._told:
            names = [shorten(_node(source).name, _MOST_NAME) for source in self._told[box.id]]
            yield font(escape(f"also from {from_to(names)}"), size=_TINY, color=color)


class _Inside:
    """What is in a cluster that is drawn closed."""

    def __init__(self, source: TorchviewGraph) -> None:
        self._nodes = {node.id: node for node in source.graph.nodes}
        self._leaves: dict[int, list[int]] = {}
        self._edges = source.edges
        parents = {node.parent for node in source.graph.nodes}
        for node in source.graph.nodes:
            above = node.parent if node.id not in parents else None
            while above is not None:
                self._leaves.setdefault(above, []).append(node.id)
                above = self._nodes[above].parent

    def parts(self, cluster: int) -> str:
        """Says which modules and operations are in it, and how many of each."""
        names = (self._nodes[leaf].name for leaf in self._leaves.get(cluster, []))
        return counted(shorten(name, _MOST_NAME) for name in names)

    def rows(self, cluster: int) -> tuple[tuple[str, str], ...]:
        """Gives the shapes of what goes in and comes out, of each tensor once."""
        inside = set(self._leaves.get(cluster, []))
        ways: dict[str, dict[tuple[int, TensorSpec], None]] = {"input:": {}, "output:": {}}
        for tail, end, _ in self._edges:
            if (tail in inside) != (end in inside):
                way = ways["output:" if tail in inside else "input:"]
                way.update(((tail, spec), None) for spec in self._passed(tail, end))
        return tuple((row, _written(spec for _, spec in way)) for row, way in ways.items() if way)

    def _passed(self, tail: int, end: int) -> Iterable[TensorSpec]:
        """What a node may hand to another one: what both name."""
        specs = self._nodes[end].inputs or self._nodes[end].outputs
        taken = {spec.shape for spec in specs}
        return dict.fromkeys(spec for spec in self._nodes[tail].outputs if spec.shape in taken)


def _written(specs: Iterable[TensorSpec]) -> str:
    """Writes shapes as torchview does."""
    return counted(f"({', '.join(map(str, spec.shape))})" for spec in specs)


def _node(box: Box) -> Node:
    if box.node is None:
        raise ValueError("a sequence is no node")
    return box.node
