"""Finding sequences of equal blocks among the calls and operations in one call."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from modelviz_callbacks.graph.call_tree import CallTree
from modelviz_callbacks.graph.siblings import Arrival, InputKey, Leak, Siblings
from modelviz_callbacks.graph.signatures import Signature

_T = TypeVar("_T")

# A block may have this many siblings; a hand-written recurrent cell has a dozen.
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


def find_runs(
    tree: CallTree,
    signatures: Mapping[int, Signature],
    siblings: Sequence[int],
    together: Mapping[int, int] = MappingProxyType({}),
) -> Iterator[Run]:
    """Finds the sequences of equal blocks in which each block feeds the next.

    Args:
        tree: The graph's nodes as a tree.
        signatures: What each node is like.
        siblings: Ids of nodes in the same call, in order.
        together: Of nodes that are drawn as one, the first one, by id: where blocks lead to
            several of these, they lead to the same.

    Yields:
        Runs that cover all siblings, in order; those with count 1 are single nodes.
    """
    search = _Search(Siblings(tree, signatures, siblings, together))
    start = 0
    while start < len(siblings):
        run = search.longest_at(start)
        yield from (Run(single) for single in range(start, run.start))
        yield run
        start = run.start + run.length


class _Search:
    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings
        self._next_equal = _next_equal(siblings.contents)

    def longest_at(self, start: int) -> Run:
        """Finds the run that covers most from a place on; its period is as short as can be."""
        best = Run(start)
        for period in self._periods(start):
            if not self._may_be_longer(best, period):
                continue
            run = _Growth(self._siblings, start, period).run()
            if run.count > 1 and run.length > best.length:
                best = run
        return best if best.period == 1 else self._in_phase(best)

    def _may_be_longer(self, best: Run, period: int) -> bool:
        contents, end = self._siblings.contents, best.start + best.length
        if best.length < period:
            return True
        return end < len(contents) and contents[end] == contents[end - period]

    def _periods(self, start: int) -> Iterator[int]:
        """Gives the distances at which the siblings from a place on come again."""
        contents, place = self._siblings.contents, self._next_equal[start]
        for _ in range(_MOST_PERIODS_TRIED):
            period = place - start
            if not 0 < period <= _LONGEST_PERIOD:
                return
            if contents[start:place] == contents[place : place + period]:
                yield period
            place = self._next_equal[place]

    def _in_phase(self, run: Run) -> Run:
        """Begins the blocks where the fewest tensors go from one to the next.

        A chain of `add, block, add, block, add` has two readings; only with the block first is it
        one tensor that is handed on.
        """
        shifted = (
            _Growth(self._siblings, start, run.period)
            for start in range(run.start, run.start + run.period)
        )
        best = min(shifted, key=lambda growth: (growth.handed_on, growth.start)).run()
        return best if best.count >= run.count else run


class _Growth:
    """A run that is extended block by block, as long as each is like the one before it."""

    def __init__(self, siblings: Siblings, start: int, period: int) -> None:
        self._siblings = siblings
        self.start = start
        self._period = period
        self._count = 1
        comes_again = self._block(siblings.contents, 0) == self._block(siblings.contents, 1)
        second = siblings.arrivals(start + period, period) if comes_again else None
        self._step: dict[InputKey, Arrival] = second or {}
        self._handed_on = {
            (a.source, a.output)
            for a in self._step.values()
            if a.way == "previous" and isinstance(a.source, tuple)
        }
        self._carried = {key for key, a in self._step.items() if a.way == "previous"}

    @property
    def handed_on(self) -> float:
        """How many tensors go from one block to the next."""
        return len(self._handed_on) or float("inf")

    def run(self) -> Run:
        """Extends the run to its end."""
        if self._begins():
            leaks = self._siblings.leaks(self.start, self._period)
            seen = [{path} for path in self._block(self._siblings.paths, 0)]
            while self._continues() and self._leaks_alike(leaks) and self._same_modules(seen):
                self._count += 1
        return Run(self.start, self._period, self._count)

    def _block(self, of: list[_T], number: int) -> list[_T]:
        start = self.start + number * self._period
        return of[start : start + self._period]

    def _begins(self) -> bool:
        """Whether the first block differs from the second only in where its state comes from."""
        first = self._siblings.own_arrivals(self.start, self._period)
        if not set(self._step) - self._carried <= set(first) <= set(self._step):
            return False
        own = {key: a if a.way == "own" else None for key, a in self._step.items()}
        if any(arrival != own[key] for key, arrival in first.items()):
            return False
        siblings, period, carried = self._siblings, self._period, self._carried
        return siblings.is_passed_through(
            self.start + period, period, carried, self._handed_on
        ) and siblings.first_fits(self.start, period, carried)

    def _continues(self) -> bool:
        """Whether the next block is equal, and is fed as the second one is."""
        siblings, count = self._siblings, self._count
        if self._block(siblings.contents, count) != self._block(siblings.contents, 0):
            return False
        if count == 1:
            return True
        start = self.start + count * self._period
        same = self._block(siblings.wholes, count) == self._block(siblings.wholes, 1)
        return same and siblings.arrivals(start, self._period) == self._step

    def _leaks_alike(self, leaks: Counter[Leak]) -> bool:
        """Whether the last block feeds others as the first one does, and the next one too.

        The next one may be the end of the run: what is handed on goes elsewhere from there. Of the
        outputs of many blocks it may lack one: the end's is often the step's main output.
        """
        last = self.start + (self._count - 1) * self._period
        if self._siblings.leaks(last, self._period) != leaks:
            return False
        leaving = self._siblings.leaks(last + self._period, self._period, is_last=True)
        lacking, more = leaks - leaving, leaving - leaks
        may_lack = self._count > 1 and all(leak.is_output for leak in lacking)
        return (not lacking or may_lack) and {leak.source for leak in more} <= self._handed_on

    def _same_modules(self, seen: list[set[str | None]]) -> bool:
        """Whether it is the same module in each block, or another one in each."""
        paths = self._block(self._siblings.paths, self._count)
        repeats = [
            p == q
            for p, q in zip(
                self._block(self._siblings.paths, 0),
                self._block(self._siblings.paths, 1),
                strict=True,
            )
        ]
        found = [path in known for path, known in zip(paths, seen, strict=True)]
        for path, known in zip(paths, seen, strict=True):
            known.add(path)
        return found == repeats


def _next_equal(contents: Sequence[int]) -> list[int]:
    """Gives for each place the next one with the same content, or -1."""
    following, later = [-1] * len(contents), dict[int, int]()
    for place in range(len(contents) - 1, -1, -1):
        following[place] = later.get(contents[place], -1)
        later[contents[place]] = place
    return following
