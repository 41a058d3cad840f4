"""Modules that are in both a checkpoint and what is expected, under other names."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from modelviz_callbacks.checkpoint.findings import StateName

# As many names of one kind are compared with each other.
_MOST_ALIKE = 200
_MOST_PAIRS = 100
_LEAST_LIKENESS = 0.6


@dataclass(frozen=True)
class LikelyRenamed:
    """A module, or a parameter, that is likely the same under two names.

    Attributes:
        checkpoint: Its path in the checkpoint.
        expected: Its path in the model.
        names: How many parameters and buffers this explains.
    """

    checkpoint: str
    expected: str
    names: int


def likely_renamed(
    missing: Iterable[StateName], unexpected: Iterable[StateName]
) -> tuple[LikelyRenamed, ...]:
    """Pairs what is missing with what is unexpected, by shapes and by the ends of names.

    Returns:
        The pairs, those first that explain the most.
    """
    wanted, held = _by_kind(missing), _by_kind(unexpected)
    counts: Counter[tuple[str, str]] = Counter()
    for kind in wanted.keys() & held.keys():
        for name in wanted[kind][:_MOST_ALIKE]:
            for other in held[kind][:_MOST_ALIKE]:
                counts[_beginnings(other, name)] += 1
    left_missing = {name: kind for kind, names in wanted.items() for name in names}
    left_held = {name: kind for kind, names in held.items() for name in names}
    found = []
    # The shorter the beginnings, the more they say.
    pairs = sorted(counts, key=lambda pair: (-counts[pair], len(pair[0] + pair[1]), pair))
    for old, new in pairs[:_MOST_PAIRS]:
        moved = {other: _moved(other, old, new) for other in left_held}
        names = [(o, n) for o, n in moved.items() if n and left_missing.get(n) == left_held[o]]
        for other, name in names:
            del left_held[other], left_missing[name]
        if names:
            found.append(LikelyRenamed(old, new, len(names)))
        if not left_held or not left_missing:
            break
    return (*found, *_alike(left_missing, left_held))


_Kind = tuple[str, tuple[int, ...] | None]


def _by_kind(names: Iterable[StateName]) -> dict[_Kind, list[str]]:
    kinds: dict[_Kind, list[str]] = defaultdict(list)
    for state in names:
        kinds[state.name.rpartition(".")[2], state.shape].append(state.name)
    return kinds


def _beginnings(one: str, other: str) -> tuple[str, str]:
    """Gives what is left of two names without the parts at their ends that are the same."""
    first, second = one.split("."), other.split(".")
    while first and second and first[-1] == second[-1]:
        first.pop()
        second.pop()
    return ".".join(first), ".".join(second)


def _moved(name: str, old: str, new: str) -> str | None:
    if old and not name.startswith(f"{old}."):
        return None
    rest = name[len(old) + 1 :] if old else name
    return f"{new}.{rest}" if new else rest


def _alike(missing: dict[str, _Kind], held: dict[str, _Kind]) -> list[LikelyRenamed]:
    """Pairs names that are spelt alike."""
    found = []
    for name, (_, shape) in list(missing.items())[:_MOST_ALIKE]:
        others = [other for other, (_, s) in held.items() if s == shape][:_MOST_ALIKE]
        near = difflib.get_close_matches(name, others, n=1, cutoff=_LEAST_LIKENESS)
        if near:
            del held[near[0]]
            found.append(LikelyRenamed(near[0], name, 1))
    return found
