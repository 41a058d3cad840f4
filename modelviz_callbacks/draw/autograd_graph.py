"""torchviz' autograd graph drawn in our visual language: complete, or a box for each module."""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from modelviz_callbacks.diagram.dot_text import cell, escape, font, shorten, table, wrap
from modelviz_callbacks.diagram.links import DrawnLinks, choose_links
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.module_text import human
from modelviz_callbacks.diagram.palette import (
    CONTAINER,
    FAINT,
    FAMILIES,
    OPERATION,
    PARAMETER,
    TENSOR,
    Family,
)
from modelviz_callbacks.draw.autograd_groups import group_by_module
from modelviz_callbacks.draw.autograd_modules import find_modules
from modelviz_callbacks.draw.autograd_source import (
    ACCUMULATE,
    AutogradNode,
    AutogradSource,
    read_autograd,
)
from modelviz_callbacks.draw.autograd_spacers import spacers
from modelviz_callbacks.draw.autograd_tree import AutogradTree
from modelviz_callbacks.draw.dot_content import DotEdge
from modelviz_callbacks.draw.folds import is_telling, never
from modelviz_callbacks.draw.function_families import family_of_function
from modelviz_callbacks.draw.picture_dot import ENDS, Line, Look, head, picture_dot
from modelviz_callbacks.graph.fold import Box, view_graph

SAVED = Family("saved tensor", TENSOR.fill, TENSOR.line)

_MOST_NAME, _MOST_PATH, _MOST_PARTS, _LINE = 60, 60, 5, 56
_MOST_GROUPED = 3_000
# Between clusters Graphviz keeps an order only where it weighs more than short lines.
_SPACER = {"style": "invis", "weight": "100"}
_TINY, _SMALL, _NORMAL, _LARGE = 8, 9, 11, 12
_RULE = (
    "Grouped by module: operations without parameters stand in the module that what is around"
    " them belongs to."
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
    order = list(source.ordered())
    belonging = find_modules(source, order)
    groups = group_by_module(source, order, belonging.modules)
    tree = AutogradTree(source, groups, closed=depth is not None)
    if depth is None:
        return _complete(source, tree, belonging.aside)
    return _by_module(tree, depth)


def _complete(
    source: AutogradSource, tree: AutogradTree, aside: Collection[int]
) -> tuple[str, tuple[str, ...]]:
    boxes = _without_model(view_graph(tree.graph, sys.maxsize, folds=never).boxes)
    lines = [
        Line(
            tree.ids[tail],
            tree.ids[end],
            escape(edge.label),
            _as_drawn(edge),
        )
        for tail, end, edge in source.edges
    ]
    if len(source.nodes) > _MOST_GROUPED:
        return _picture(tree, list(_leaves(boxes)), lines, DrawnLinks()), ()
    lines += [
        Line(tree.ids[above], tree.ids[below], "", _SPACER)
        for above, below in spacers(source, tree, aside)
    ]
    return _picture(tree, boxes, lines, DrawnLinks()), (_RULE,)


def _by_module(tree: AutogradTree, depth: int) -> tuple[str, tuple[str, ...]]:
    view = view_graph(tree.graph, depth, folds=is_telling)
    links = choose_links(view)
    lines = [
        Line(
            drawn.link.source,
            drawn.link.target,
            f"{len(drawn.link.tensors)} ×" if len(drawn.link.tensors) > 1 else "",
            {"weight": str(drawn.weight)} if drawn.weight > 1 else {},
        )
        for drawn in links.drawn
    ]
    notes = (_RULE, *view.notes, *filter(None, [links.note]))
    return _picture(tree, _without_model(view.boxes), lines, links), notes


def _picture(tree: AutogradTree, boxes: list[Box], lines: Iterable[Line], links: DrawnLinks) -> str:
    painter = _Painter(tree, links)
    # Once through, to know the colours that the legend has to explain.
    picture_dot(boxes, (), "", painter)
    said = f"{len(tree.nodes):,} nodes, {human(ModuleFacts(tree.graph).parameters(['']))} params"
    legend = head("Autograd graph", said, painter.families())
    return picture_dot(boxes, lines, legend, painter)


class _Painter:
    """Writes torchviz' words on the boxes."""

    def __init__(self, tree: AutogradTree, links: DrawnLinks) -> None:
        self._tree = tree
        self._facts = ModuleFacts(tree.graph)
        self._told = links.told
        self._families: set[Family] = set()

    def families(self) -> list[Family]:
        every = (ENDS, PARAMETER, SAVED, *FAMILIES)
        return [family for family in every if family in self._families]

    def look(self, box: Box, around: Box | None) -> Look:
        node = self._tree.nodes.get(box.id)
        look = self._module(box, around) if node is None else self._node(node, box, around)
        self._families.add(look.family)
        return look

    def header(self, box: Box, around: Box | None) -> tuple[str, str]:
        if box.node is None:
            return "in sequence", ""
        return _path(box, around), self._parameters(box)

    def _node(self, node: AutogradNode, box: Box, around: Box | None) -> Look:
        if node.kind == "function":
            return self._function(node, box)
        name = node.name or ("output" if node.kind == "output" else "")
        within = f"{around.paths[0]}." if around and around.paths else ""
        shown = name.removeprefix(within) if node.kind == "parameter" else name
        cells = [cell(font(escape(shorten(shown, _MOST_NAME)), size=_SMALL + 1, bold=True))]
        cells += [cell(font(escape(line), size=_SMALL)) for line in node.details]
        family = {"parameter": PARAMETER, "saved": SAVED}.get(node.kind, ENDS)
        more = {"style": "filled"} if family is PARAMETER else {}
        return Look(table(["".join(filter(None, cells))]), family, more)

    def _function(self, node: AutogradNode, box: Box) -> Look:
        if node.name == ACCUMULATE:
            small = {"margin": "0.03,0.01"}
            return Look(font(node.name, size=_TINY, color=FAINT), OPERATION, small)
        family = family_of_function(node.name)
        lines = [
            font(
                escape(shorten(node.name, _MOST_NAME)),
                size=_NORMAL - 1,
                bold=family is not OPERATION,
            )
        ]
        lines += [font(escape(detail), size=_TINY, color=FAINT) for detail in node.details]
        lines += self._also(box, None)
        return Look(table(cell(line, align="left") for line in lines), family)

    def _module(self, box: Box, around: Box | None) -> Look:
        names = self._tree.functions_in(box.id)
        counted = _counted(name for name in names if name != ACCUMULATE)
        lines = [font(escape(_path(box, around)), size=_LARGE, bold=True)]
        operations = sum(name != ACCUMULATE for name in names)
        said = f"{operations} operation{'s' if operations != 1 else ''}: {counted}"
        lines += [font(escape(line), size=_SMALL) for line in wrap(said, _LINE)]
        lines += [font(text, size=_SMALL, color=FAINT) for text in [self._parameters(box)] if text]
        lines += self._also(box, around)
        return Look(
            table((cell(line, align="left") for line in lines), cellpadding=1), self._family(box)
        )

    def _family(self, box: Box) -> Family:
        families = {family_of_function(name) for name in self._tree.functions_in(box.id)}
        families.discard(OPERATION)
        return (
            families.pop()
            if len(families) == 1 and not self._facts.is_block(box.paths[0])
            else CONTAINER
        )

    def _parameters(self, box: Box) -> str:
        every, one = (self._facts.parameters(paths) for paths in (box.paths, box.paths[:1]))
        if not every:
            return ""
        each = f", {human(one)} each" if len(box.paths) > 1 else ""
        shared = ", shared" if box.id in self._tree.again else ""
        return f"{human(every)} params{each}{shared}"

    def _also(self, box: Box, around: Box | None) -> Iterator[str]:
        if box.id in self._told:
            names = [
                _path(other, around) if other.paths else self._tree.nodes[other.id].name
                for other in self._told[box.id]
            ]
            first, *others = names
            text = f"{first} … {others[-1]} ({len(names)})" if len(others) > 1 else ", ".join(names)
            yield font(escape(f"also from {text}"), size=_TINY, color=FAINT)


def _counted(names: Iterable[str]) -> str:
    """Gives names with how often each comes, the most frequent first."""
    counted = Counter(names).most_common()
    texts = [name if count == 1 else f"{count} × {name}" for name, count in counted]
    more = len(texts) - _MOST_PARTS
    return ", ".join(texts[:_MOST_PARTS]) + (f" and {more} more kinds" if more > 0 else "")


def _path(box: Box, around: Box | None) -> str:
    within = around.paths[0] if around and around.paths else ""
    ends = dict.fromkeys((box.paths[0], box.paths[-1])) if box.paths else []
    names = (
        path[len(within) :] if within and path.startswith(f"{within}.") else path for path in ends
    )
    return " … ".join(shorten(name, _MOST_PATH) for name in names) or "the model"


def _without_model(boxes: Iterable[Box]) -> list[Box]:
    return [inner for box in boxes for inner in (box.boxes if box.id == 0 and box.boxes else [box])]


def _leaves(boxes: Iterable[Box]) -> Iterator[Box]:
    for box in boxes:
        if box.boxes:
            yield from _leaves(box.boxes)
        else:
            yield box


def _as_drawn(edge: DotEdge) -> dict[str, str]:
    given = {"style": edge.style, "dir": edge.direction}
    return {name: value for name, value in given.items() if value in ("dotted", "none")}
