"""What takes data from elsewhere than in another step: skip connections, and other connections."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelviz_callbacks.graph.data_sources import Source, data_sources, output_sources
from modelviz_callbacks.graph.diff import ConnectionChange, SkipConnection
from modelviz_callbacks.graph.node_matching import StepNodes
from modelviz_callbacks.graph.skip_connections import endpoint, skip_connection

Sources = tuple[Source, ...] | None


@dataclass(frozen=True)
class Connections:
    """How two steps are connected in another way.

    Attributes:
        skips_added: As in `GraphDiff`.
        skips_removed: As in `GraphDiff`.
        changes: As in `GraphDiff`.
    """

    skips_added: tuple[SkipConnection, ...]
    skips_removed: tuple[SkipConnection, ...]
    changes: tuple[ConnectionChange, ...]


def connection_changes(
    before: StepNodes, after: StepNodes, unlike: tuple[set[int], set[int]]
) -> Connections:
    """Compares what calls and operations of both steps take their data from.

    What comes through a module that only one step has is told with that module.

    Args:
        before: The nodes of the earlier step, with those that are the same.
        after: The nodes of the later one.
        unlike: The ids of nodes in each step that are not compared, as what is in modules that
            were replaced by others.
    """
    found = _Found(before, after)
    for target in after.nodes:
        was = after.matched.get(target)
        if was is None or target in unlike[1] or was in unlike[0]:
            continue
        if target not in after.own and was not in before.own:
            found.compare_inputs(was, target)
        if was in before.leaving and target in after.leaving:
            parts = unlike[1].isdisjoint(after.leaving[target])
            if parts and unlike[0].isdisjoint(before.leaving[was]):
                found.compare_outputs(was, target)
    return Connections(tuple(found.added), tuple(found.removed), tuple(found.changes))


class _Found:
    def __init__(self, before: StepNodes, after: StepNodes) -> None:
        self._before, self._after = before, after
        # Several parts of one call may be told by the call: each is told once.
        self.added: dict[SkipConnection, None] = {}
        self.removed: dict[SkipConnection, None] = {}
        self.changes: dict[ConnectionChange, None] = {}

    def compare_inputs(self, was: int, is_now: int) -> None:
        olds, news = data_sources(self._before, was), data_sources(self._after, is_now)
        lost, gained = self._apart(olds, news, (was, is_now))
        if lost or gained:
            told = self._outermost(is_now, lost, gained)
            self._note(told, lost, gained, gives_out=False)

    def compare_outputs(self, was: int, is_now: int) -> None:
        olds, news = output_sources(self._before, was), output_sources(self._after, is_now)
        lost, gained = self._apart(olds, news, (None, None))
        if lost or gained:
            self._note(is_now, lost, gained, gives_out=True)

    def _apart(
        self, olds: Sources, news: Sources, targets: tuple[int | None, int | None]
    ) -> tuple[list[Source], list[Source]]:
        """Gives the sources that only one step has and that are no skip connections."""
        if olds is None or news is None:
            return [], []
        lost = _missing(self._before, olds, news)
        gained = _missing(self._after, news, olds)
        if lost and not gained:
            lost = _without_skips(self._before, targets[0], lost, olds, self.removed)
        elif gained and not lost:
            gained = _without_skips(self._after, targets[1], gained, news, self.added)
        return lost, gained

    def _note(
        self, target: int, lost: Sequence[Source], gained: Sequence[Source], *, gives_out: bool
    ) -> None:
        before, after = self._before, self._after
        change = ConnectionChange(
            endpoint(after, target),
            tuple(endpoint(before, source.known[-1]) for source in lost),
            tuple(endpoint(after, source.known[-1]) for source in gained),
            gives_out,
        )
        self.changes[change] = None

    def _outermost(self, target: int, lost: Sequence[Source], gained: Sequence[Source]) -> int:
        """Gives the outermost call that takes what its part takes."""
        before, after = self._before, self._after
        makers = {call for source in lost for call in before.calls(source.node)}
        its_makers = {call for source in gained for call in after.calls(source.node)}
        told = target
        for call in after.calls(target):
            if call in its_makers or after.matched.get(call) in makers:
                break
            told = call if call in after.matched else told
        return told


def _missing(step: StepNodes, these: Sequence[Source], those: Sequence[Source]) -> list[Source]:
    """Gives the sources in one step that feed the same node of the other step in no way."""
    known = {node for source in those for node in source.known}
    return [
        source
        for source in these
        if source.is_direct and known.isdisjoint(step.matched[node] for node in source.known)
    ]


def _without_skips(
    step: StepNodes,
    target: int | None,
    missing: Sequence[Source],
    sources: Sequence[Source],
    skips: dict[SkipConnection, None],
) -> list[Source]:
    """Takes the skip connections out of sources that the other step does not have."""
    others = [source for source in sources if source not in missing]
    left = []
    for source in missing:
        skip = skip_connection(step, target, source, others)
        if skip is None:
            left.append(source)
        else:
            skips[skip] = None
    return left
