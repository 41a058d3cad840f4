"""What is gained or lost from one graph to another: parameters and FLOPs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.graph.compare import GraphPair
from modelviz_callbacks.graph.costs import Cost, Costs, ModuleCost
from modelviz_callbacks.graph.diff_items import outermost
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry
from modelviz_callbacks.graph.module_tree import ModuleTree, parent_path

_FLOPS = "flops_forward"
_FIGURES = ("parameters", "trainable_parameters", "buffers", "parameter_bytes", _FLOPS)

PartKind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class TotalChange:
    """A figure of both models.

    Attributes:
        name: As in `Cost`, like `"parameters"`.
        old: What it was; None where it was not counted.
        new: What it is; None where it was not counted.
        old_at_least: Whether it was this or more: FLOPs of which some could not be counted, or of
            a step that raised.
        new_at_least: The same of what it is.
    """

    name: str
    old: int | None
    new: int | None
    old_at_least: bool = False
    new_at_least: bool = False

    @property
    def gained(self) -> int | None:
        """How much more it is; None where that cannot be said."""
        if self.old is None or self.new is None or self.old_at_least or self.new_at_least:
            return None
        return self.new - self.old


@dataclass(frozen=True)
class PartCost:
    """What was gained or lost with a module.

    The parameters of all parts add up to what the model gained, unless some are shared.

    Attributes:
        kind: What became of the module. Of those that came or went the outermost are told, with
            what came or went with them; those that changed without what is in them.
        path: Its path, the old one if it was removed.
        parameters: How many parameters were gained; negative if they were lost.
        flops: The same of floating-point operations; None if they are not counted in both steps,
            not all of them, or for inputs of other shapes, or if one of the steps raised.
    """

    kind: PartKind
    path: str
    parameters: int
    flops: int | None


def total_changes(old: ArchitectureGraph, new: ArchitectureGraph) -> tuple[TotalChange, ...]:
    """Gives the figures of two models, also those that are equal."""
    before, now = Costs.of(old).total(), Costs.of(new).total()
    least = _is_least(old, before), _is_least(new, now)
    return tuple(
        TotalChange(
            name, getattr(before, name), getattr(now, name), *(least if name == _FLOPS else ())
        )
        for name in _FIGURES
    )


def recorded_totals(old: Manifest, new: Manifest) -> tuple[TotalChange, ...]:
    """Gives the figures of two models as their manifests have them."""
    before, now = _recorded(old), _recorded(new)
    least = _is_recorded_least(old, before), _is_recorded_least(new, now)
    return tuple(
        TotalChange(name, before.get(name), now.get(name), *(least if name == _FLOPS else ()))
        for name in _FIGURES
    )


def _recorded(manifest: Manifest) -> dict[str, int]:
    return {name: number for name, number in manifest.totals.items() if type(number) is int}


def _is_recorded_least(manifest: Manifest, figures: dict[str, int]) -> bool:
    is_whole = manifest.status != "failed_step" and not figures.get("uncounted_calls")
    return _FLOPS in figures and not is_whole


def _is_least(graph: ArchitectureGraph, cost: Cost) -> bool:
    """Whether a step has more FLOPs than were counted."""
    is_counted = cost.flops_forward is not None
    return is_counted and (graph.failure is not None or cost.uncounted_calls > 0)


def part_costs(pair: GraphPair, *, same_input: bool) -> tuple[PartCost, ...]:
    """Says what was gained or lost with which module.

    Args:
        pair: The graphs.
        same_input: Whether both steps were given tensors of the same shapes.
    """
    diff, to_old = pair.diff, pair.match.to_old
    if not (diff.added or diff.removed or diff.changed):
        return ()
    before, now = _OwnCosts(pair.old), _OwnCosts(pair.new)
    counted = same_input and before.are_flops_counted and now.are_flops_counted
    found = (
        *_grouped("added", diff.added, now, 1),
        *_grouped("removed", diff.removed, before, -1),
        *(_changed(change.path, to_old[change.path], before, now) for change in diff.changed),
    )
    return tuple(part if counted else replace(part, flops=None) for part in found)


class _OwnCosts:
    """What modules hold and compute themselves, without the modules in them."""

    def __init__(self, graph: ArchitectureGraph) -> None:
        costs = Costs.of(graph)
        has_flops = costs.total().flops_forward is not None
        # Of a step that raised, nobody knows what it would have computed.
        self.are_flops_counted = has_flops and graph.failure is None
        self.parameters: Counter[str] = Counter()
        self.flops: Counter[str] = Counter()
        self.uncounted: Counter[str] = Counter()
        tree = ModuleTree(graph.modules)
        for path, cost in costs.by_module().items():
            # A module under a second name is counted under its first one.
            if tree.first_path(path) == path:
                self._add(path, cost)

    def _add(self, path: str, cost: ModuleCost) -> None:
        for figures, figure in (
            (self.parameters, cost.parameters),
            (self.flops, cost.flops_forward or 0),
            (self.uncounted, cost.uncounted_calls),
        ):
            figures[path] += figure
            if path:
                figures[parent_path(path)] -= figure


def _grouped(
    kind: PartKind, modules: Sequence[ModuleEntry], costs: _OwnCosts, sign: int
) -> Iterator[PartCost]:
    for path, held in outermost(modules).items():
        parameters = sum(costs.parameters[module.path] for module in held)
        flops = sum(costs.flops[module.path] for module in held)
        all_counted = not any(costs.uncounted[module.path] for module in held)
        yield PartCost(kind, path, sign * parameters, sign * flops if all_counted else None)


def _changed(path: str, old_path: str, before: _OwnCosts, now: _OwnCosts) -> PartCost:
    parameters = now.parameters[path] - before.parameters[old_path]
    flops = now.flops[path] - before.flops[old_path]
    all_counted = not (before.uncounted[old_path] or now.uncounted[path])
    return PartCost("changed", path, parameters, flops if all_counted else None)
