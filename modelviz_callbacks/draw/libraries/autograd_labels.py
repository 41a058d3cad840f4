"""What is written on the boxes of the autograd graph's picture."""

from collections.abc import Iterator

from modelviz_callbacks.diagram.dot_text import cell, escape, font, shorten, table, wrap
from modelviz_callbacks.diagram.links import DrawnLinks
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.palette import (
    CONTAINER,
    FAINT,
    FAMILIES,
    OPERATION,
    PARAMETER,
    TENSOR,
    Family,
)
from modelviz_callbacks.draw.libraries.autograd_source import ACCUMULATE, AutogradNode
from modelviz_callbacks.draw.libraries.autograd_tree import AutogradTree
from modelviz_callbacks.draw.libraries.function_families import family_of_function
from modelviz_callbacks.draw.libraries.library_views import counted, from_to
from modelviz_callbacks.draw.libraries.picture_dot import ENDS, Look
from modelviz_callbacks.graph.fold import Box
from modelviz_callbacks.graph.units import human_count

_SAVED = Family("saved tensor", TENSOR.fill, TENSOR.line)
_MOST_NAME, _MOST_PATH, _LINE = 60, 60, 56
_TINY, _SMALL, _NORMAL, _LARGE = 8, 9, 10, 12


class AutogradLabels:
    """Writes torchviz' words, and what is in a module that is drawn as one box."""

    def __init__(self, tree: AutogradTree, links: DrawnLinks) -> None:
        """Looks nothing up yet."""
        self._tree = tree
        self._facts = ModuleFacts(tree.graph)
        self._told = links.told
        self._families: set[Family] = set()

    def families(self) -> list[Family]:
        """Gives the families of the boxes that were looked at, in the legend's order."""
        every = (ENDS, PARAMETER, _SAVED, *FAMILIES)
        return [family for family in every if family in self._families]

    def look(self, box: Box, around: Box | None) -> Look:
        """Gives the look of a box with nothing shown in it."""
        node = self._tree.nodes.get(box.id)
        if node is None:
            look = self._module(box, around)
        elif node.kind == "function":
            look = self._function(node, box, around)
        else:
            look = _tensor(node, around)
        self._families.add(look.family)
        return look

    def header(self, box: Box, around: Box | None) -> tuple[str, str]:
        """Gives the name of a module that is open, and its parameters."""
        if box.node is None:
            return "in sequence", ""
        return _path(box, around), self._parameters(box)

    def _function(self, node: AutogradNode, box: Box, around: Box | None) -> Look:
        if node.name == ACCUMULATE:
            small = {"margin": "0.03,0.01"}
            return Look(font(node.name, size=_TINY, color=FAINT), OPERATION, small)
        family = family_of_function(node.name)
        name = escape(shorten(node.name, _MOST_NAME))
        lines = [font(name, size=_NORMAL, bold=family is not OPERATION)]
        lines += [font(escape(detail), size=_TINY, color=FAINT) for detail in node.details]
        lines += self._also(box, around)
        return Look(table(cell(line, align="left") for line in lines), family)

    def _module(self, box: Box, around: Box | None) -> Look:
        names = [name for name in self._tree.functions_in(box.id) if name != ACCUMULATE]
        said = f"{len(names)} operation{'s' if len(names) != 1 else ''}: {counted(names)}"
        lines = [font(escape(_path(box, around)), size=_LARGE, bold=True)]
        lines += [font(escape(line), size=_SMALL) for line in wrap(said, _LINE)]
        sizes = self._parameters(box)
        lines += [font(sizes, size=_SMALL, color=FAINT)] if sizes else []
        lines += self._also(box, around)
        rows = (cell(line, align="left") for line in lines)
        return Look(table(rows, cellpadding=1), self._family(box))

    def _family(self, box: Box) -> Family:
        families = {family_of_function(name) for name in self._tree.functions_in(box.id)}
        families.discard(OPERATION)
        is_block = self._facts.is_block(box.paths[0])
        return CONTAINER if is_block or len(families) != 1 else families.pop()

    def _parameters(self, box: Box) -> str:
        if len(box.paths) > 1:
            every, one = (self._facts.parameters(paths) for paths in (box.paths, box.paths[:1]))
            return f"{human_count(every)} params, {human_count(one)} each" if every else ""
        own = self._tree.parameters_in(box.id)
        if own:
            return f"{human_count(own)} params"
        shared = self._facts.parameters(box.paths)
        return f"{human_count(shared)} params, shared" if shared else ""

    def _also(self, box: Box, around: Box | None) -> Iterator[str]:
        if box.id in self._told:
            names = [self._name(other, around) for other in self._told[box.id]]
            yield font(escape(f"also from {from_to(names)}"), size=_TINY, color=FAINT)

    def _name(self, box: Box, around: Box | None) -> str:
        node = self._tree.nodes.get(box.id)
        return _path(box, around) if node is None else shorten(node.name, _MOST_NAME)


def _tensor(node: AutogradNode, around: Box | None) -> Look:
    name = node.name
    if node.kind == "output":
        name = name or "output"
    elif node.kind == "parameter" and around and around.paths:
        name = name.removeprefix(f"{around.paths[0]}.")
    cells = [cell(font(escape(shorten(name, _MOST_NAME)), size=_NORMAL, bold=True))] if name else []
    cells += [cell(font(escape(detail), size=_SMALL)) for detail in node.details]
    label = table(["".join(cells)]) if cells else " "
    if node.kind == "parameter":
        return Look(label, PARAMETER, {"style": "filled"})
    return Look(label, _SAVED if node.kind == "saved" else ENDS)


def _path(box: Box, around: Box | None) -> str:
    """Gives the path, or the first and the last one; a leading dot stands for the one around."""
    within = around.paths[0] if around and around.paths else ""
    ends = dict.fromkeys((box.paths[0], box.paths[-1]))
    names = (path[len(within) :] if path.startswith(f"{within}.") else path for path in ends)
    return " … ".join(shorten(name, _MOST_PATH) for name in names) or "the model"
