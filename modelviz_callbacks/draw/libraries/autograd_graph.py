"""torchviz' autograd graph drawn in our visual language: complete, or a box for each module."""

import sys
from collections.abc import Collection, Iterable, Iterator

from modelviz_callbacks.diagram.dot_text import escape
from modelviz_callbacks.diagram.links import DrawnLinks, choose_links
from modelviz_callbacks.draw.libraries.autograd_groups import group_by_module
from modelviz_callbacks.draw.libraries.autograd_labels import AutogradLabels
from modelviz_callbacks.draw.libraries.autograd_modules import find_modules
from modelviz_callbacks.draw.libraries.autograd_source import AutogradSource, read_autograd
from modelviz_callbacks.draw.libraries.autograd_spacers import spacers
from modelviz_callbacks.draw.libraries.autograd_tree import AutogradTree
from modelviz_callbacks.draw.libraries.dot_content import DotEdge
from modelviz_callbacks.draw.libraries.library_views import (
    is_telling,
    leaves_of,
    lifted_lines,
    never,
    shown_boxes,
)
from modelviz_callbacks.draw.libraries.picture_dot import Line, head, picture_dot
from modelviz_callbacks.graph.fold import View, view_graph
from modelviz_callbacks.graph.units import human_count

# Between clusters Graphviz keeps an order only where it weighs more than short lines.
_SPACER = {"style": "invis", "weight": "100"}
_RULE = (
    "Grouped by module. The graph names modules by parameters alone: operations without any stand"
    " in the module that the operations around them have in common."
)


def restyled(dot: str, depth: int | None) -> tuple[str, tuple[str, ...]]:
    """Draws torchviz' graph with our boxes, colours and font.

    Args:
        dot: torchviz' own DOT source, with the names of the parameters.
        depth: How many levels of modules to show, by the paths of the parameters; deeper ones
            are drawn as one box each, and equal ones in sequence once. None for every node.

    Returns:
        DOT source; and what was grouped, closed and folded in it, in words. Without depth it
        holds every node, every edge and every word of the source.

    Raises:
        DotError: It cannot be parsed.
    """
    source = read_autograd(dot)
    aside, tree = _grouped(source, closed=depth is not None)
    if depth is None:
        return _complete(source, tree, aside)
    return _by_module(source, tree, aside, depth)


def _grouped(source: AutogradSource, *, closed: bool) -> tuple[Collection[int], AutogradTree]:
    order = list(source.ordered())
    belonging = find_modules(source, order)
    groups = group_by_module(source, order, belonging)
    return belonging.aside, AutogradTree(source, groups, closed=closed)


def _complete(
    source: AutogradSource, tree: AutogradTree, aside: Collection[int]
) -> tuple[str, tuple[str, ...]]:
    view = view_graph(tree.graph, sys.maxsize, folds=never)
    lines = [
        Line(tree.ids[tail], tree.ids[end], "", _as_drawn(edge)) for tail, end, edge in source.edges
    ]
    lines += _spacers(source, tree, view, aside)
    notes = (_RULE,) if any(box.boxes for box in shown_boxes(view)) else ()
    return _picture(source, tree, view, DrawnLinks(), lines, said=""), notes


def _by_module(
    source: AutogradSource, tree: AutogradTree, aside: Collection[int], depth: int
) -> tuple[str, tuple[str, ...]]:
    view = view_graph(tree.graph, depth, folds=is_telling, gathers=False)
    links = choose_links(view)
    lines = [*lifted_lines(links), *_spacers(source, tree, view, aside)]
    picture = _picture(source, tree, view, links, lines, said=f", depth {depth}")
    drawn = sum(box.id in tree.nodes for box in leaves_of(view.boxes))
    own = f"Depth {depth}: {drawn:,} of {len(source.nodes):,} nodes have a box of their own."
    # Each layer's outputs say the same.
    folded = dict.fromkeys(view.folded)
    return picture, (_RULE, own, *folded, *filter(None, [links.note]))


def _spacers(
    source: AutogradSource, tree: AutogradTree, view: View, aside: Collection[int]
) -> Iterator[Line]:
    """Keeps drawn parameters below what comes before their module, with lines that are not seen."""
    parents = {node.id: node.parent for node in tree.graph.nodes}
    drawn = {box.id for box in leaves_of(view.boxes)}
    for above, below in spacers(source, tree, aside):
        box: int | None = tree.ids[above]
        while box is not None and box not in drawn:
            box = parents[box]
        if box is not None and tree.ids[below] in drawn:
            yield Line(box, tree.ids[below], "", _SPACER)


def _picture(
    source: AutogradSource,
    tree: AutogradTree,
    view: View,
    links: DrawnLinks,
    lines: Iterable[Line],
    *,
    said: str,
) -> str:
    labels, boxes = AutogradLabels(tree, links), shown_boxes(view)
    # Once through, to know the colours that the legend has to explain.
    picture_dot(boxes, (), "", labels)
    size = f"{len(source.nodes):,} nodes, {human_count(source.parameters)} params"
    return picture_dot(boxes, lines, head("Autograd", size + said, labels.families()), labels)


def _as_drawn(edge: DotEdge) -> dict[str, str]:
    given = {"style": edge.style, "dir": edge.direction, "label": escape(edge.label)}
    known = ("dotted", "none", given["label"])
    return {name: value for name, value in given.items() if value and value in known}
