"""How the architecture of each class of models changed from run to run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.errors import ModelVizError, RecordError, one_line
from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.diff_text import describe_diff
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.graph.plain_text import many
from modelviz_callbacks.report.runs import class_of
from modelviz_callbacks.table.columns import shorten

MOST_COMPARED = 100
_MOST_NAMED = 6
_MOST_NAME = 300


@dataclass(frozen=True)
class Step:
    """Runs after each other with the same architecture.

    Attributes:
        run: The place of the first of them.
        runs: How many there are until it is another.
        changes: What is another than in the step before, in words; empty in the first step.
        note: Why it is not said, if it is not, in words without a beginning and an end.
    """

    run: int
    runs: int
    changes: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Lineage:
    """The runs of one class of models.

    Attributes:
        class_name: The class.
        runs: Places of its runs, the oldest first.
        steps: What they went through, in the same order.
    """

    class_name: str
    runs: tuple[int, ...]
    steps: tuple[Step, ...]


def lineages(
    runs: Sequence[FoundRecord], limit_s: float, most_compared: int = MOST_COMPARED
) -> tuple[Lineage, ...]:
    """Tells how architectures evolved.

    Args:
        runs: All runs, newest first.
        limit_s: Seconds that may be spent on reading graphs.
        most_compared: How many changes are looked at, the latest first.

    Returns:
        A lineage for each class, that of the latest change first.
    """
    by_class: dict[str, list[int]] = {}
    for place in range(len(runs) - 1, -1, -1):
        if runs[place].fingerprints.get("structure"):
            by_class.setdefault(class_of(runs[place]), []).append(place)
    begun = {name: _steps(runs, places) for name, places in by_class.items()}
    # The newest run has the least place.
    changes = sorted(places[0] for steps in begun.values() for places in steps[1:])
    told = _Teller(runs, changes[:most_compared], time.monotonic() + limit_s)
    found = [Lineage(name, tuple(by_class[name]), told.steps(begun[name])) for name in by_class]
    return tuple(sorted(found, key=lambda one: (len(one.steps) == 1, one.steps[-1].run)))


def _steps(runs: Sequence[FoundRecord], places: Sequence[int]) -> list[list[int]]:
    """Gives the runs after each other that have the same architecture."""
    steps: list[list[int]] = []
    known: Mapping[str, str] = {}
    for place in places:
        now = runs[place].fingerprints
        if steps and _are_same(known, now):
            steps[-1].append(place)
            known = {**known, **now}
        else:
            steps.append([place])
            known = now
    return steps


def _are_same(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether all fingerprints that both have are equal: a step that raised has no data flow."""
    return all(old[kind] == new[kind] for kind in old.keys() & new.keys())


class _Teller:
    """Puts changes into words; keeps the last graph that it read, and no other."""

    def __init__(self, runs: Sequence[FoundRecord], wanted: Sequence[int], end: float) -> None:
        self._runs = runs
        self._wanted = frozenset(wanted)
        self._end = end
        self._last: tuple[int, ArchitectureGraph] | None = None
        self._told: dict[tuple[str, str], tuple[str, ...]] = {}

    def steps(self, begun: Sequence[Sequence[int]]) -> tuple[Step, ...]:
        first, *later = begun
        steps = [Step(first[0], len(first))]
        for before, after in zip(begun, later, strict=False):
            steps.append(self._step(before, after))
        return tuple(steps)

    def _step(self, before: Sequence[int], after: Sequence[int]) -> Step:
        step = Step(after[0], len(after))
        if step.run not in self._wanted:
            latest = many(len(self._wanted), "change")
            return replace(step, note=f"only the latest {latest} are looked at")
        old, new = self._seen_best(before), self._seen_best(after)
        key = self._key(old), self._key(new)
        if key not in self._told:
            if time.monotonic() > self._end:
                return replace(step, note="there was no time to look; choose a larger --time-limit")
            try:
                self._told[key] = self._compare(old, new)
            except (ModelVizError, RecursionError) as error:
                return replace(step, note=_reason(error))
        return replace(step, changes=self._told[key])

    def _seen_best(self, places: Sequence[int]) -> int:
        """Gives the first of equal runs whose data flow was seen: it has a whole graph."""
        with_flow = (place for place in places if "dataflow" in self._runs[place].fingerprints)
        return next(with_flow, places[0])

    def _key(self, place: int) -> str:
        return repr(sorted(self._runs[place].fingerprints.items()))

    def _compare(self, old: int, new: int) -> tuple[str, ...]:
        before = self._graph(old)
        return describe_diff(compare(before, self._graph(new)), _MOST_NAMED)

    def _graph(self, place: int) -> ArchitectureGraph:
        if self._last is None or self._last[0] != place:
            # The last one has to go before there are two and a third is read.
            self._last = None
            self._last = place, self._read(self._runs[place])
        return self._last[1]

    def _read(self, run: FoundRecord) -> ArchitectureGraph:
        record = open_record(run.directory)
        if LAYOUT.graph not in record.manifest.files:
            raise RecordError(f"there is no graph in {shorten(run.name, _MOST_NAME)}")
        return record.graph()


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") if isinstance(error, ModelVizError) else one_line(error)
