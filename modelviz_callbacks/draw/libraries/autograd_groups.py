"""The autograd graph as a tree of modules, in which no two feed each other in a circle."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Union

from modelviz_callbacks.draw.libraries.autograd_modules import Belonging, Path
from modelviz_callbacks.draw.libraries.autograd_source import AutogradSource

# Nobody looks deeper, and Python's stack has an end.
_DEEPEST = 60


@dataclass
class Group:
    """A module, or one of several stretches of it that other modules lie between.

    Attributes:
        path: The module's path.
        parts: What is in it: nodes of the autograd graph by id, and groups.
    """

    path: Path
    parts: list[Union[int, "Group"]] = field(default_factory=list)
    # By part: the parts that feed it, whichever way, as bits.
    _feeding: list[int] = field(default_factory=list)
    _last: dict[str, int] = field(default_factory=dict)

    def ordered(self) -> Iterator[Union[int, "Group"]]:
        """Gives the parts, each after those that feed it."""
        places = sorted(
            range(len(self.parts)), key=lambda one: (self._feeding[one].bit_count(), one)
        )
        return (self.parts[place] for place in places)

    def add_node(self, node: int, fed_by: Iterable[int]) -> int:
        """Takes a node in, and gives its place."""
        self.parts.append(node)
        self._feeding.append(self._all(fed_by))
        return len(self.parts) - 1

    def group_for(self, name: str, fed_by: Iterable[int]) -> int:
        """Gives the place of the group that a node fed by these parts can be taken into.

        It is the last one of this name, or a new one where that would close a circle.
        """
        feeding = self._all(place for place in fed_by if place != self._last.get(name))
        last = self._last.get(name)
        if last is not None and not feeding >> last & 1:
            self._feed(last, feeding)
            return last
        self.parts.append(Group((*self.path, name)))
        self._feeding.append(self._all(fed_by))
        self._last[name] = len(self.parts) - 1
        return self._last[name]

    def _all(self, places: Iterable[int]) -> int:
        bits = 0
        for place in places:
            bits |= self._feeding[place] | 1 << place
        return bits

    def _feed(self, place: int, feeding: int) -> None:
        more = feeding & ~self._feeding[place]
        if not more:
            return
        self._feeding[place] |= more
        for other, bits in enumerate(self._feeding):
            if bits >> place & 1:
                self._feeding[other] = bits | more


def group_by_module(source: AutogradSource, order: Iterable[int], belonging: Belonging) -> Group:
    """Puts every node into the group of its module.

    Args:
        source: The autograd graph.
        order: Its nodes, each after those that feed it.
        belonging: The module of each node.

    Returns:
        The group of the model itself.
    """
    grouping = _Grouping(source, belonging)
    aside = []
    for node in order:
        if node in belonging.aside:
            aside.append(node)
        else:
            grouping.put(node)
    for node in aside:
        grouping.put_alone(node)
    return grouping.root


class _Grouping:
    def __init__(self, source: AutogradSource, belonging: Belonging) -> None:
        self.root = Group(())
        self._before = source.before
        self._modules = belonging.modules
        self._aside = belonging.aside
        # The places that lead to each node, from the root down.
        self._ways: dict[int, list[int]] = {}

    def put(self, node: int) -> None:
        """Takes a node in, with the parameters that it uses first."""
        path = self._modules.get(node, ())
        own = []
        for one in self._unused(node):
            if self._modules.get(one, ()) == path:
                own.append(one)
            else:
                self.put_alone(one)
        group, way = self._find(node)
        for one in (*own, node):
            self._ways[one] = [*way, group.add_node(one, self._feeding(one, way))]

    def put_alone(self, node: int) -> None:
        """Takes a node in where its module is last."""
        if node not in self._ways:
            group, way = self._find(node)
            self._ways[node] = [*way, group.add_node(node, self._feeding(node, way))]

    def _unused(self, node: int) -> Iterator[int]:
        """Gives the parameters, and what is done to them, that nothing before has used."""
        for one in self._before[node]:
            if one in self._aside and one not in self._ways:
                yield from self._unused(one)
                yield one

    def _find(self, node: int) -> tuple[Group, list[int]]:
        group, way = self.root, list[int]()
        for name in self._modules.get(node, ())[:_DEEPEST]:
            place = group.group_for(name, self._feeding(node, way))
            way.append(place)
            inner = group.parts[place]
            group = inner if isinstance(inner, Group) else group
        return group, way

    def _feeding(self, node: int, way: list[int]) -> set[int]:
        """Gives the parts of a group that feed a node."""
        ways = (self._ways.get(one, []) for one in self._before[node])
        return {one[len(way)] for one in ways if one and one[: len(way)] == way}
