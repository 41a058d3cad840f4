"""Comparing two records: their architectures, and what else tells two runs apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.comparison.costs_apart import (
    PartCost,
    TotalChange,
    part_costs,
    recorded_totals,
    total_changes,
)
from modelviz_callbacks.comparison.manifests_apart import (
    ValueChange,
    environment_changes,
    input_changes,
    unseen_flow,
)
from modelviz_callbacks.graph.compare import GraphPair
from modelviz_callbacks.graph.diff import GraphDiff

BY_CHANCE = "a step that depends on its batch or on chance may differ without a change of yours"


@dataclass(frozen=True)
class ComparedRecord:
    """One of two records that are compared.

    Attributes:
        directory: Its folder.
        class_name: The model's class, with its defining module.
        created_at: When the record was begun.
        status: As in `Manifest`.
        fingerprints: Of its graph, as `graph.fingerprint` makes them now; where one of the two
            records has no graph, those in the manifest.
    """

    directory: str
    class_name: str
    created_at: str
    status: str
    fingerprints: Mapping[str, str]


@dataclass(frozen=True)
class RecordDiff:
    """What is another in a new record than in an old one.

    It is true where the architectures differ: in modules, configuration, parameters, in what is
    trained or in what the first step does. Another input or environment does not make it true.

    Where one of the records has no graph, they are compared by their fingerprints alone.

    Attributes:
        old: The earlier record.
        new: The later one.
        graph: What is another in the architecture; None where a record has no graph.
        differ: The kinds of fingerprints that both have and that differ, like `"structure"`.
        totals: What the models hold and compute, as far as both records know it.
        parts: What was gained or lost with each module that came, went or changed.
        inputs: Tensors of the first batch that have another shape or dtype.
        environment: Versions, devices, precision and the like that are others.
        notes: What a reader should know about the comparison.
    """

    old: ComparedRecord
    new: ComparedRecord
    graph: GraphDiff | None
    differ: tuple[str, ...] = ()
    totals: tuple[TotalChange, ...] = ()
    parts: tuple[PartCost, ...] = ()
    inputs: tuple[ValueChange, ...] = ()
    environment: tuple[ValueChange, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the architectures differ."""
        return bool(self.differ) if self.graph is None else bool(self.graph)


def compare_records(old: Record, new: Record) -> RecordDiff:
    """Compares two records. Nothing of them is run.

    Args:
        old: The earlier record.
        new: The later one.

    Raises:
        RecordError: If a graph cannot be read, or if one has none and there are no fingerprints.
    """
    if not (_has_graph(old) and _has_graph(new)):
        return _by_fingerprints(old, new)
    pair = GraphPair(old.graph(), new.graph())
    before, now = pair.fingerprints
    sides = _side(old, before), _side(new, now)
    inputs = input_changes(old.manifest, new.manifest)
    return RecordDiff(
        *sides,
        graph=pair.diff,
        differ=_differ(*sides),
        totals=total_changes(pair.old, pair.new),
        parts=part_costs(pair, same_input=not inputs),
        inputs=inputs,
        environment=environment_changes(old.manifest, new.manifest),
        notes=tuple(_notes(old, new, sides, pair.diff)),
    )


def _has_graph(record: Record) -> bool:
    return LAYOUT.graph in record.manifest.files


def _by_fingerprints(old: Record, new: Record) -> RecordDiff:
    sides = tuple(_side(record, record.manifest.fingerprints) for record in (old, new))
    before, now = sides
    if before.fingerprints.keys().isdisjoint(now.fingerprints):
        # Whichever has no graph says so.
        old.graph(), new.graph()
    return RecordDiff(
        before,
        now,
        graph=None,
        differ=_differ(before, now),
        totals=recorded_totals(old.manifest, new.manifest),
        inputs=input_changes(old.manifest, new.manifest),
        environment=environment_changes(old.manifest, new.manifest),
        notes=tuple(_notes(old, new, (before, now), None)),
    )


def _differ(old: ComparedRecord, new: ComparedRecord) -> tuple[str, ...]:
    both = [kind for kind in old.fingerprints if kind in new.fingerprints]
    return tuple(kind for kind in both if old.fingerprints[kind] != new.fingerprints[kind])


def _side(record: Record, made: Mapping[str, str]) -> ComparedRecord:
    manifest = record.manifest
    return ComparedRecord(
        record.directory,
        str(manifest.model.get("class", "")),
        manifest.created_at,
        manifest.status,
        made,
    )


def _notes(
    old: Record, new: Record, sides: tuple[ComparedRecord, ComparedRecord], diff: GraphDiff | None
) -> Iterator[str]:
    for name, record in (("old", old), ("new", new)):
        if (unseen := unseen_flow(record.manifest)) is not None:
            yield f"the {name} record: {unseen}"
        if not _has_graph(record):
            yield f"the {name} record has no graph: compared by fingerprints alone"
    if not all("dataflow" in side.fingerprints for side in sides):
        yield "what the first step does was not compared, since not both were seen to their end"
    elif diff and not replace(
        diff, flow=(), skips_added=(), skips_removed=(), connections=(), rewired=False
    ):
        yield BY_CHANCE
