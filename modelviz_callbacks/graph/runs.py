"""Finding sequences of equal blocks among the calls and operations in one module."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelviz_callbacks.graph.call_tree import CallTree, Crossing
from modelviz_callbacks.graph.model import TensorSpec
from modelviz_callbacks.graph.signatures import Signature, same_inputs

# A repeating unit may have this many siblings; a hand-written recurrent cell has a dozen.
_LONGEST_PERIOD = 64
_MOST_PERIODS_TRIED = 8


@dataclass(frozen=True)
class Run:
    """Neighbours that are one block, or the same block several times.

    Attributes:
        start: The place of the first one among its siblings.
        period: How many siblings make one block.
        count: How often the block comes.
    """

    start: int
    period: int = 1
    count: int = 1

    @property
    def length(self) -> int:
        """How many siblings it covers."""
        return self.period * self.count


@dataclass(frozen=True)
class _Arrival:
    """How a tensor comes into a block: from itself, the one before it, or the same place as there.

    Attributes:
        way: `"own"`, `"previous"` or `"outside"`.
        source: Where it was made: a place in the block, or a node's id.
        output: Its place among the source's outputs; outside, how far that moved on.
    """

    way: str
    source: Hashable
    output: int


_Key = tuple[int, int, str | int]


def find_runs(
    tree: CallTree, signatures: Mapping[int, Signature], siblings: Sequence[int]
) -> Iterator[Run]:
    """Finds the sequences of equal blocks in which each block feeds the next.

    Args:
        tree: The graph's nodes as a tree.
        signatures: What each node is like.
        siblings: Ids of nodes in the same call, in order.

    Yields:
        Runs that cover all siblings, in order; those with count 1 are single nodes.
    """
    finder = _Finder(tree, signatures, siblings)
    start = 0
    while start < len(siblings):
        run = finder.longest_at(start)
        yield from (Run(single) for single in range(start, run.start))
        yield run
        start = run.start + run.length


class _Finder:
    def __init__(
        self, tree: CallTree, signatures: Mapping[int, Signature], siblings: Sequence[int]
    ) -> None:
        self._tree = tree
        self._siblings = siblings
        self._contents = [signatures[node].content for node in siblings]
        self._wholes = [signatures[node].whole for node in siblings]
        self._next_equal = _next_equal(self._contents)

    def longest_at(self, start: int) -> Run:
        """Finds the run that covers most from a place on; its period is as short as can be."""
        best = Run(start)
        for period in self._periods(start):
            if best.count > 1 and period % best.period == 0:
                continue
            run = self._run(start, period)
            if run.count > 1 and run.length > best.length:
                best = run
        return best if best.period == 1 else self._in_phase(best)

    def _periods(self, start: int) -> Iterator[int]:
        place = self._next_equal[start]
        for _ in range(_MOST_PERIODS_TRIED):
            period = place - start
            if not 0 < period <= _LONGEST_PERIOD or place + period > len(self._siblings):
                return
            if self._contents[start:place] == self._contents[place : place + period]:
                yield period
            place = self._next_equal[place]

    def _in_phase(self, run: Run) -> Run:
        """Begins the blocks where the fewest tensors go from one to the next.

        A chain of `add, block, add, block, add` has two readings; only with the block first is it
        one tensor that is handed on.
        """
        starts = range(run.start, run.start + run.period)
        carried = {start: self._carried(start, run.period) for start in starts}
        start = min(starts, key=lambda start: (carried[start], start))
        other = self._run(start, run.period)
        return other if other.count >= run.count else run

    def _carried(self, start: int, period: int) -> float:
        arrivals = self._arrivals(start + period, period)
        if not arrivals:
            return float("inf")
        return len({(a.source, a.output) for a in arrivals.values() if a.way == "previous"})

    def _run(self, start: int, period: int) -> Run:
        """Extends a run as far as each block is like the one before it."""
        if start + 2 * period > len(self._siblings):
            return Run(start, period)
        step = self._arrivals(start + period, period)
        if not step or not self._begins(start, period, step):
            return Run(start, period)
        leaks, known = self._leaks(start, period), [{path} for path in self._paths(start, period)]
        count, last = 1, start
        while self._continues(start, last + period, period, known):
            following = last + period
            if count > 1 and self._arrivals(following, period) != step:
                break
            if self._leaks(last, period) != leaks or not leaks <= self._leaks(following, period):
                break
            count, last = count + 1, following
        return Run(start, period, count)

    def _continues(
        self, start: int, place: int, period: int, known: list[set[str | None]]
    ) -> bool:
        """Whether the siblings from a place on are equal to the run's, and of the same modules."""
        end = place + period
        if self._contents[place:end] != self._contents[start : start + period]:
            return False
        second = start + period
        if self._wholes[place:end] != self._wholes[second : second + period]:
            return False
        paths = self._paths(place, period)
        same = [path in seen for path, seen in zip(paths, known, strict=True)]
        wanted = [p == q for p, q in zip(self._paths(start, period),
                                         self._paths(second, period), strict=True)]
        for path, seen in zip(paths, known, strict=True):
            seen.add(path)
        return same == wanted

    def _begins(self, start: int, period: int, step: Mapping[_Key, _Arrival]) -> bool:
        """Whether the first block differs from the second only in where its state comes from."""
        carried = {key for key, arrival in step.items() if arrival.way == "previous"}
        first = dict(self._entering(start, period))
        if not carried or not set(step) - carried <= set(first) <= set(step):
            return False
        if not all(self._comes_alike(start, period, first[key], step[key]) for key in first):
            return False
        wholes = self._wholes
        if wholes[start : start + period] == wholes[start + period : start + 2 * period]:
            return True
        return all(
            same_inputs(self._inputs(one), self._inputs(two))
            for place in range(start, start + period)
            for one, two in zip(
                self._tree.subtree(self._siblings[place]),
                self._tree.subtree(self._siblings[place + period]),
                strict=True,
            )
        )

    def _comes_alike(
        self, start: int, period: int, crossing: Crossing, later: _Arrival
    ) -> bool:
        """Whether a tensor comes from within the first block just where it does in the second."""
        own = self._siblings[start : start + period]
        if crossing.sibling not in own:
            return later.way != "own"
        position = own.index(crossing.sibling)
        steps = self._tree.steps(crossing.sibling, crossing.edge.source)
        return later == _Arrival("own", (position, steps), crossing.edge.output)

    def _inputs(self, node: int) -> Mapping[str | int, TensorSpec]:
        inputs = self._tree.nodes[node].inputs
        return {spec.name or place: spec for place, spec in enumerate(inputs)}

    def _paths(self, start: int, period: int) -> list[str | None]:
        return [self._tree.nodes[n].path for n in self._siblings[start : start + period]]

    def _entering(self, start: int, period: int) -> Iterator[tuple[_Key, Crossing]]:
        for position, node in enumerate(self._siblings[start : start + period]):
            for crossing in self._tree.entering.get(node, []):
                edge = crossing.edge
                steps = self._tree.steps(node, edge.target)
                yield (position, steps, self._tree.input_key(edge)), crossing

    def _arrivals(self, start: int, period: int) -> dict[_Key, _Arrival] | None:
        """Says how tensors come into a block, or None if not as into the one before it."""
        before = dict(self._entering(start - period, period))
        positions: dict[int | None, int] = {
            node: place - start
            for place, node in enumerate(
                self._siblings[start - period : start + period], start - period
            )
        }
        arrivals = {}
        for key, crossing in self._entering(start, period):
            edge = crossing.edge
            if crossing.sibling in positions:
                position = positions[crossing.sibling]
                steps = self._tree.steps(crossing.sibling, edge.source)
                way = "own" if position >= 0 else "previous"
                arrivals[key] = _Arrival(way, (position, steps), edge.output)
                continue
            earlier = before.get(key)
            if earlier is None or earlier.edge.source != edge.source:
                return None
            arrivals[key] = _Arrival("outside", edge.source, edge.output - earlier.edge.output)
        return arrivals

    def _leaks(self, start: int, period: int) -> set[Hashable]:
        """Says which tensors of a block go elsewhere than into the next one."""
        near = set(self._siblings[start : start + 2 * period])
        return {
            (position, self._tree.steps(node, crossing.edge.source), crossing.edge.output,
             crossing.edge.target)
            for position, node in enumerate(self._siblings[start : start + period])
            for crossing in self._tree.leaving.get(node, [])
            if crossing.sibling not in near
        }


def _next_equal(contents: Sequence[int]) -> list[int]:
    """Gives for each place the next one with the same content, or -1."""
    following, later = [-1] * len(contents), dict[int, int]()
    for place in range(len(contents) - 1, -1, -1):
        following[place] = later.get(contents[place], -1)
        later[contents[place]] = place
    return following
