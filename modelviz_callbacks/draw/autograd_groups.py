"""The autograd graph as a tree of modules, in which no two feed each other in a circle."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Union

from modelviz_callbacks.draw.autograd_modules import Path
from modelviz_callbacks.draw.autograd_source import AutogradSource

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


def group_by_module(
    source: AutogradSource, order: Iterable[int], homes: Mapping[int, Path]
) -> Group:
    """Puts every node into the group of its module.

    Args:
        source: The autograd graph.
        order: Its nodes, each after those that feed it.
        homes: The module of each node; the model itself where none is given.

    Returns:
        The group of the model itself.
    """
    root = Group(())
    # The places that lead to each node, from the root down.
    ways: dict[int, list[int]] = {}
    for node in order:
        feeding = [ways[one] for one in source.before[node] if one in ways]
        group, way = root, list[int]()
        for name in homes.get(node, ())[:_DEEPEST]:
            place = group.group_for(name, {one[len(way)] for one in feeding})
            inner = group.parts[place]
            way.append(place)
            feeding = [one for one in feeding if one[len(way) - 1] == place]
            group = inner if isinstance(inner, Group) else group
        way.append(group.add_node(node, {one[len(way)] for one in feeding}))
        ways[node] = way
    return root
