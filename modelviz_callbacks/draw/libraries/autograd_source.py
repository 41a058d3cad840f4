"""What torchviz' DOT says: backward functions, parameters, tensors, and what feeds what."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from modelviz_callbacks.draw.libraries.dot_content import DotEdge, DotNode, read_dot

Kind = Literal["function", "parameter", "input", "output", "saved"]

# What an output that is a view looks at.
_BASE_FILL = "darkolivegreen3"
# torchviz 0.0.3 tells kinds by colours alone; a function has none of its own.
_KINDS: dict[str, Kind] = {
    "lightblue": "parameter",
    "darkolivegreen1": "output",
    _BASE_FILL: "output",
    "orange": "saved",
}
_SHAPE = re.compile(r"\(([\d, ]*)\)")
# What our visualizer calls tensors of the batch that need gradients.
_INPUT = "input "
ACCUMULATE = "AccumulateGrad"


@dataclass(frozen=True)
class AutogradNode:
    """A node of the autograd graph.

    Attributes:
        id: Its place in the source.
        kind: `"parameter"` is any leaf that gets a gradient, `"saved"` a tensor that a function
            keeps.
        name: A function's class, or a tensor's name; `""` if it has none.
        details: What else is written on it: a shape, a function's attributes.
    """

    id: int
    kind: Kind
    name: str
    details: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...] | None:
        """A tensor's sizes."""
        match = _SHAPE.fullmatch(self.details[0]) if self.details else None
        if match is None or self.kind == "function":
            return None
        return tuple(int(size) for size in match[1].split(",") if size.strip())

    @property
    def size(self) -> int:
        """How many values a tensor has."""
        return 0 if self.shape is None else math.prod(self.shape)


@dataclass(frozen=True)
class AutogradSource:
    """The autograd graph.

    Attributes:
        nodes: All nodes, each at the place of its id.
        edges: All edges: from, to, and how they are drawn.
        before: The nodes that feed each node; without saved tensors, which take no part.
        after: The nodes that each node feeds.
    """

    nodes: tuple[AutogradNode, ...]
    edges: tuple[tuple[int, int, DotEdge], ...]
    before: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """How many values all parameters have."""
        return sum(node.size for node in self.nodes if node.kind == "parameter")

    def ordered(self) -> Iterator[int]:
        """Gives the ids so that each node comes after those that feed it."""
        begun: set[int] = set()
        for start in range(len(self.nodes)):
            waiting = [start] if start not in begun else []
            begun.add(start)
            while waiting:
                missing = next((one for one in self.before[waiting[-1]] if one not in begun), None)
                if missing is None:
                    yield waiting.pop()
                else:
                    begun.add(missing)
                    waiting.append(missing)


@lru_cache(maxsize=1)  # a picture is tried at several depths
def read_autograd(dot: str) -> AutogradSource:
    """Reads torchviz' DOT source.

    Raises:
        DotError: It cannot be parsed.
    """
    content = read_dot(dot)
    numbers = {node.name: number for number, node in enumerate(content.nodes)}
    nodes = tuple(_node(number, node) for number, node in enumerate(content.nodes))
    edges = tuple((numbers[edge.tail], numbers[edge.head], edge) for edge in content.edges)
    source = AutogradSource(nodes, edges, [[] for _ in nodes], [[] for _ in nodes])
    # In the order of the source: a function's arguments stand in their order there.
    for tail, head, _ in sorted(edges, key=lambda edge: edge[0]):
        if nodes[tail].kind != "saved" and nodes[head].kind != "saved":
            source.before[head].append(tail)
            source.after[tail].append(head)
    return source


def _node(number: int, node: DotNode) -> AutogradNode:
    kind = _KINDS.get(node.fill, "function")
    name, *details = (line.strip() for line in node.label.split("\n"))
    if kind == "parameter" and name.startswith(_INPUT):
        kind, name = "input", name.removeprefix(_INPUT)
    if node.fill == _BASE_FILL:
        name = name or "base of a view"
    return AutogradNode(number, kind, name, tuple(filter(None, details)))
