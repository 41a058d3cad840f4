"""The nodes in one call, looked at as blocks of neighbours: how each block is connected."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelviz_callbacks.graph.call_tree import CallTree, Crossing
from modelviz_callbacks.graph.model import TensorSpec
from modelviz_callbacks.graph.signatures import Signature

# A node in a block: which of its siblings, and how far inside that.
Place = tuple[int, int]
# An input of a block: which of its siblings, how far inside that, and which input of the node.
InputKey = tuple[int, int, str | int]


@dataclass(frozen=True)
class Arrival:
    """How a tensor comes into a block.

    Attributes:
        way: `"own"`: from the block itself. `"previous"`: from the block before it. `"outside"`:
            from the same node as in the block before it.
        source: Where it was made: a place in the block, or a node's id.
        output: Its place among the source's outputs; outside, how far that moved on.
    """

    way: str
    source: Place | int
    output: int


@dataclass(frozen=True)
class Leak:
    """A tensor of a block that goes elsewhere than into the next one.

    Attributes:
        source: Where it was made: a place in the block, and its place among the outputs there.
        target: The node that takes it; of an output of the step, the name without its numbers.
    """

    source: tuple[Place, int]
    target: int | str

    @property
    def is_output(self) -> bool:
        """Whether it goes out of the step."""
        return isinstance(self.target, str)


class Siblings:
    """Nodes in the same call, in order. A block is `period` of them from `start` on."""

    def __init__(
        self,
        tree: CallTree,
        signatures: Mapping[int, Signature],
        ids: Sequence[int],
        together: Mapping[int, int],
    ) -> None:
        """Looks the nodes up; for what is drawn together, `together` has the same node."""
        self._tree = tree
        self._together = together
        self._ids = ids
        self._positions: dict[int | None, int] = {node: place for place, node in enumerate(ids)}
        self.contents = [signatures[node].content for node in ids]
        self.wholes = [signatures[node].whole for node in ids]
        self.paths = [tree.nodes[node].path for node in ids]

    def __len__(self) -> int:
        return len(self._ids)

    def entering(self, start: int, period: int) -> Iterator[tuple[InputKey, Crossing]]:
        """Gives the edges that lead to a block's siblings, also those from one to another."""
        for position, node in enumerate(self._ids[start : start + period]):
            for crossing in self._tree.entering.get(node, []):
                steps = self._tree.steps(node, crossing.edge.target)
                yield (position, steps, self._tree.input_key(crossing.edge)), crossing

    def arrivals(self, start: int, period: int) -> dict[InputKey, Arrival] | None:
        """Says how tensors come into a block, or None if not in the way of a block in sequence."""
        earlier = dict(self.entering(start - period, period))
        arrivals = {}
        for key, crossing in self.entering(start, period):
            arrival = self._arrival(start, period, crossing, earlier.get(key))
            if arrival is None:
                return None
            arrivals[key] = arrival
        return arrivals

    def own_arrivals(self, start: int, period: int) -> dict[InputKey, Arrival | None]:
        """Says the same of the first block, where None stands for all that is not its own."""
        return {
            key: self._inner_arrival(start, period, crossing)
            for key, crossing in self.entering(start, period)
        }

    def leaks(self, start: int, period: int, *, is_last: bool = False) -> Counter[Leak]:
        """Counts the tensors of a block that go elsewhere than into the next one."""
        near = set(self._ids[start : start + period * (1 if is_last else 2)])
        return Counter(
            Leak(
                ((position, self._tree.steps(node, edge.source)), edge.output),
                self._name(edge.target),
            )
            for position, node in enumerate(self._ids[start : start + period])
            for edge, sibling in self._tree.leaving.get(node, [])
            if sibling not in near
        )

    def is_passed_through(
        self,
        start: int,
        period: int,
        carried: Collection[InputKey],
        made: Collection[tuple[Place, int]],
    ) -> bool:
        """Whether what a block hands on is made of what was handed to it.

        Else the blocks stand side by side: of `Linear, view, Linear, view` on one tensor, also
        each `view, Linear` is fed by the one before.
        """
        block = self._ids[start : start + period]
        nodes = {node for sibling in block for node in self._tree.subtree(sibling)}
        starts = {self._node(block, position, steps) for position, steps, _ in carried}
        ends = {self._node(block, *place) for place, _ in made}
        return not ends.isdisjoint(self._tree.reached(starts, nodes))

    def first_fits(self, start: int, period: int, carried: set[InputKey]) -> bool:
        """Whether a first block takes what the second takes; it may lack what is handed on."""
        return all(
            self._fits(one, two, {key for *place, key in carried if place == [position, steps]})
            for position in range(period)
            for steps, (one, two) in enumerate(
                zip(
                    self._tree.subtree(self._ids[start + position]),
                    self._tree.subtree(self._ids[start + period + position]),
                    strict=True,
                )
            )
        )

    def _node(self, block: Sequence[int], position: int, steps: int) -> int:
        return self._tree.subtree(block[position])[steps]

    def _fits(self, one: int, two: int, carried: set[str | int]) -> bool:
        earlier, later = self._tree.inputs(one), self._tree.inputs(two)
        lacking = set(later) - set(earlier)
        # What a call takes shows in the nodes in it.
        is_leaf = two not in self._tree.children
        return (not is_leaf or lacking <= carried) and all(
            key in later and _alike(spec, later[key]) for key, spec in earlier.items()
        )

    def _arrival(
        self, start: int, period: int, crossing: Crossing, earlier: Crossing | None
    ) -> Arrival | None:
        for way, first in (("own", start), ("previous", start - period)):
            arrival = self._inner_arrival(first, period, crossing, way)
            if arrival is not None:
                return arrival
        if earlier is None or earlier.edge.source != crossing.edge.source:
            return None
        moved = crossing.edge.output - earlier.edge.output
        return Arrival("outside", crossing.edge.source, moved)

    def _inner_arrival(
        self, start: int, period: int, crossing: Crossing, way: str = "own"
    ) -> Arrival | None:
        position = self._positions.get(crossing.sibling, -1) - start
        if crossing.sibling is None or not 0 <= position < period:
            return None
        steps = self._tree.steps(crossing.sibling, crossing.edge.source)
        return Arrival(way, (position, steps), crossing.edge.output)

    def _name(self, target: int) -> int | str:
        node = self._tree.nodes[target]
        return (
            numberless(node.name) if node.kind == "output" else self._together.get(target, target)
        )


def numberless(name: str) -> str:
    """Leaves out the numbers in a name like `output.hidden_states[3]`."""
    return re.sub(r"\d+", "#", name)


def _alike(one: TensorSpec, two: TensorSpec) -> bool:
    return (one.shape, one.dtype, one.device) == (two.shape, two.dtype, two.device)
