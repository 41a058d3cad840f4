"""Which module each backward function belongs to, as far as parameters and neighbours tell."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from modelviz_callbacks.diagram.palette import ACTIVATION, DROPOUT
from modelviz_callbacks.draw.libraries.autograd_source import ACCUMULATE, AutogradSource
from modelviz_callbacks.draw.libraries.function_families import family_of_function

Path = tuple[str, ...]

# What only looks at a parameter in another way before it is used.
_VIEW = re.compile(
    r"(T|Transpose|Permute|ToCopy|(Unsafe)?View|ReshapeAlias|Expand|(Un)?Squeeze|Select|Slice"
    r"|Split(WithSizes)?|Unbind|Alias|Detach)Backward\d*"
)
_PRODUCT = re.compile(r"(Addmm|Mm)Backward\d*")
_RESHAPING = re.compile(r"((Unsafe)?View|ReshapeAlias)Backward\d*")
_SCALING = re.compile(r"MulBackward\d*")
_JOINING = re.compile(r"(Cat|Stack)Backward\d*")
_START = -1
# More is not looked through for what lies between a fork and where it joins.
_LARGEST_REGION = 5_000


@dataclass(frozen=True)
class Belonging:
    """Where nodes belong.

    Attributes:
        modules: The path of each node's module, as far as there is one; `()` is the model itself.
        aside: Parameters and what is done to them before they meet the data.
    """

    modules: Mapping[int, Path]
    aside: Collection[int]


def find_modules(source: AutogradSource, order: Iterable[int]) -> Belonging:
    """Assigns each node to a module.

    A function that takes parameters belongs to the module that they are in, with the reshaping
    around a linear layer's product. Of the others, one that joins ways belongs to the module around
    what is on these ways, an activation to the module around what it follows, and any other to the
    innermost module around what comes before and after it.

    Args:
        source: The autograd graph.
        order: Its nodes, each after those that feed it.

    Returns:
        Where each node belongs.
    """
    finding = _Finding(source, list(order))
    return Belonging(finding.found, finding.aside)


class _Finding:
    def __init__(self, source: AutogradSource, order: list[int]) -> None:
        self._source = source
        self._order = order
        self.found: dict[int, Path] = {}
        # What lies on the side of parameters, until it meets the data.
        self.aside: dict[int, Path] = {}
        self._anchors: set[int] = set()
        self._following: Mapping[int, frozenset[Path]] = {}
        for node in order:
            self._anchor(node)
        self._data = [node for node in order if node not in self.aside]
        for node in sorted(self._anchors):
            self._flatten(node)
        self._above = self._dominators()
        functions = [node for node in self._data if source.nodes[node].kind == "function"]
        self._assign(functions)
        self._keep_saved()

    def _assign(self, functions: list[int]) -> None:
        open_ones = [node for node in functions if node not in self.found]
        for node in open_ones:
            self._join(node)
        for node in functions:
            if node in self._anchors and _SCALING.fullmatch(self._source.nodes[node].name):
                self._scale(node)
        # Once more: what became known of the neighbours may tell more.
        for _ in range(2):
            self._following = self._nearest_after()
            for node in open_ones:
                home = self._between_neighbours(node)
                self.found[node] = max(self.found.get(node, ()), home, key=len)

    def _keep_saved(self) -> None:
        for tail, head, _ in self._source.edges:
            for one, other in ((tail, head), (head, tail)):
                if self._source.nodes[one].kind == "saved" and other in self.found:
                    self.found[one] = self.found[other]

    # Parameters, and the functions that take them.

    def _anchor(self, node: int) -> None:
        about, before = self._source.nodes[node], self._source.before[node]
        own = [self.aside[feeding] for feeding in before if feeding in self.aside]
        if about.kind == "parameter" and about.name:
            self.aside[node] = self.found[node] = tuple(about.name.split(".")[:-1])
        elif own and len(before) == 1 and self._is_aside(about.name):
            self.aside[node] = self.found[node] = own[0]
        elif own and about.kind == "function":
            self.found[node] = _common(own)
            self._anchors.add(node)

    def _flatten(self, node: int) -> None:
        """A linear layer flattens what it is given, and gives it its shape back."""
        before, after = self._before(node), self._source.after[node]
        nodes, around = self._source.nodes, {*before, *after}
        if len(before) != 1 or len(after) != 1 or not _PRODUCT.fullmatch(nodes[node].name):
            return
        if self._anchors.isdisjoint(around) and all(
            _RESHAPING.fullmatch(nodes[one].name) for one in around
        ):
            self._anchors |= around
            self.found.update(dict.fromkeys(around, self.found[node]))

    def _is_aside(self, name: str) -> bool:
        return name == ACCUMULATE or _VIEW.fullmatch(name) is not None

    def _around(self, node: int) -> Path:
        """The module that a node's module is in; an operation's own."""
        return self.found[node][:-1] if node in self._anchors else self.found[node]

    def _before(self, node: int) -> list[int]:
        return [feeding for feeding in self._source.before[node] if feeding not in self.aside]

    # Where ways join.

    def _dominators(self) -> dict[int, int]:
        """Gives for each node the last one that all ways to it pass."""
        above, depth = {_START: _START}, {_START: 0}
        for node in self._data:
            before = self._before(node) or [_START]
            last = before[0]
            for other in before[1:]:
                last = _meeting(last, other, above, depth)
            above[node], depth[node] = last, depth[last] + 1
        return above

    def _between(self, start: int, ends: Iterable[int]) -> set[int]:
        """Gives the nodes on the ways from one node to others, the others too."""
        waiting = [end for end in ends if end != start]
        seen = set(waiting)
        while waiting and len(seen) < _LARGEST_REGION:
            for node in self._before(waiting.pop()):
                if node != start and node not in seen:
                    seen.add(node)
                    waiting.append(node)
        return seen

    def _join(self, node: int) -> None:
        before = dict.fromkeys(self._before(node))
        start = self._above[node]
        # From where all begins there is no telling which ways belong together.
        joins = len(before) > 1 and start != _START
        region = self._between(start, before) & self._anchors if joins else set()
        inside = [self.found[one] for one in region]
        home = _unnumbered(_common(path[:-1] for path in inside), inside) if inside else None
        if _JOINING.fullmatch(self._source.nodes[node].name):
            ways = sum(one != start for one in before)
            home = self._concatenated(node, home if ways > 1 else None)
        if home is not None:
            self.found[node] = home

    def _concatenated(self, node: int, home: Path | None) -> Path | None:
        """What is put beside a thing that was left out belongs to the module that takes both."""
        after = self._source.after[node]
        if len(after) != 1 or after[0] not in self._anchors:
            return home
        taker = self.found[after[0]]
        is_inside = home is None or (len(taker) - 1 > len(home) and taker[: len(home)] == home)
        return _unnumbered(taker[:-1], [taker]) if is_inside else home

    def _scale(self, node: int) -> None:
        """A norm written by hand: what is computed for nothing else than the scaling."""
        before = self._before(node)
        region = self._between(self._above[before[0]], before) if len(before) == 1 else set()
        if any(one in self._anchors or one in self.found for one in region):
            return
        inside = region | {node}
        if all(after in inside for one in region for after in self._source.after[one]):
            self.found.update(dict.fromkeys(region, self.found[node]))

    # All others.

    def _nearest_after(self) -> dict[int, frozenset[Path]]:
        """Gives the modules of the next nodes whose module is known."""
        nearest: dict[int, frozenset[Path]] = {}
        for node in reversed(self._data):
            ahead: set[Path] = set()
            for following in self._source.after[node]:
                known = self.found.get(following)
                ahead |= {known} if known is not None else nearest.get(following, frozenset())
            nearest[node] = frozenset(ahead)
        return nearest

    def _between_neighbours(self, node: int) -> Path:
        before = [one for one in self._before(node) if one in self.found]
        if not before:
            return _common(self._following[node])
        follows = family_of_function(self._source.nodes[node].name) in (ACTIVATION, DROPOUT)
        if follows or not self._following[node]:
            return _common(self._around(one) for one in before)
        earlier = {self.found[one] for one in before}
        return max(
            (_common((one, two)) for one in earlier for two in self._following[node]), key=len
        )


def _meeting(one: int, two: int, above: Mapping[int, int], depth: Mapping[int, int]) -> int:
    """Gives the first node that is above both."""
    while one != two:
        if depth[one] >= depth[two]:
            one = above[one]
        else:
            two = above[two]
    return one


def _common(paths: Iterable[Path]) -> Path:
    """Gives the innermost module that all are in."""
    shared: Path | None = None
    for path in paths:
        if shared is None:
            shared = path
            continue
        count = 0
        while count < min(len(shared), len(path)) and shared[count] == path[count]:
            count += 1
        shared = shared[:count]
    return shared or ()


def _unnumbered(home: Path, inside: list[Path]) -> Path:
    """Leaves a module whose parts have numbers: such a sequence joins nothing itself."""
    while home and all(path[len(home)].isdecimal() for path in inside if len(path) > len(home)):
        home = home[:-1]
    return home
