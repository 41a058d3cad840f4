"""Modules that are in both a checkpoint and what is expected, under other names."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelviz_callbacks.checkpoint.contents import StoredTensor
from modelviz_callbacks.checkpoint.findings import Findings
from modelviz_callbacks.checkpoint.numbered import NumberedModules, Shape
from modelviz_callbacks.graph.module_tree import own_name

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
    expected: Mapping[str, StoredTensor], found: Findings
) -> tuple[LikelyRenamed, ...]:
    """Pairs modules by shapes and by the ends of names, where only one pairing is possible.

    Modules that are numbered are paired with those of the same number, or else all of them in
    their order. Weights in the wrong one of several alike would be worse than no advice.

    Args:
        expected: The tensors that are expected.
        found: How the checkpoint differs.

    Returns:
        The pairs, those first that explain the most.
    """
    wanted = {name: tensor.shape for name, tensor in expected.items()}
    held = _held(wanted, found)
    search = _Search(NumberedModules(held), NumberedModules(wanted))
    pairs = [LikelyRenamed(*shift) for shift in search.held.shifts_to(search.wanted)]
    absent = {state.name: state.shape for state in found.missing}
    foreign = {state.name: state.shape for state in found.unexpected}
    for pair in pairs:
        foreign = _outside(pair.checkpoint, foreign)
        absent = _outside(pair.expected, absent)
    pairs += search.pairs(absent, foreign)
    return (*sorted(pairs, key=lambda pair: -pair.names), *search.alike(absent, foreign))


def _outside(path: str, names: Mapping[str, Shape]) -> dict[str, Shape]:
    return {n: s for n, s in names.items() if n != path and not n.startswith(f"{path}.")}


def _held(wanted: Mapping[str, Shape], found: Findings) -> dict[str, Shape]:
    """Gives what the checkpoint has, by the names under which it was compared."""
    missing = {state.name for state in found.missing}
    held = {name: shape for name, shape in wanted.items() if name not in missing}
    held.update((difference.name, difference.checkpoint) for difference in found.shapes)
    held.update((state.name, state.shape) for state in found.unexpected)
    return held


_Kind = tuple[str, Shape]
_NamePairs = list[tuple[str, str]]


@dataclass(frozen=True)
class _Search:
    held: NumberedModules
    wanted: NumberedModules

    def pairs(self, absent: dict[str, Shape], foreign: dict[str, Shape]) -> list[LikelyRenamed]:
        """Finds the pairs, and takes their names out of what is absent and foreign."""
        found = []
        possible = self._possible(absent, foreign)
        # The shorter the beginnings, the more they say.
        order = sorted(possible, key=lambda p: (-len(possible[p]), len(p[0] + p[1]), p))
        most_of: dict[str, Counter[int]] = defaultdict(Counter)
        for names in possible.values():
            for old, new in names:
                most_of["<" + old][len(names)] += 1
                most_of[">" + new][len(names)] += 1
        unclear: set[str] = set()
        for old, new in order[:_MOST_PAIRS]:
            names = [(o, n) for o, n in possible[old, new] if o in foreign and n in absent]
            if not names:
                continue
            taken = {o for o, _ in names}
            sides = {side for o, n in names for side in ("<" + o, ">" + n)}
            count = len(possible[old, new])
            # Another pairing explains as much.
            if len(names) < count or any(most_of[side][count] > 1 for side in sides):
                unclear |= sides
            if sides & unclear:
                continue
            # Of very many names of one kind only the first were compared.
            names += [(o, n) for o, n in self._moved(old, new, absent, foreign) if o not in taken]
            for o, n in names:
                del foreign[o], absent[n]
            found.append(LikelyRenamed(old, new, len(names)))
        return found

    def _moved(
        self, old: str, new: str, absent: Mapping[str, Shape], foreign: Mapping[str, Shape]
    ) -> Iterator[tuple[str, str]]:
        if not (old and new):
            return
        for name, shape in foreign.items():
            moved = f"{new}.{name.removeprefix(f'{old}.')}"
            if (
                name.startswith(f"{old}.")
                and moved in absent
                and absent[moved] == shape
                and self.held.in_step(name, self.wanted, moved)
            ):
                yield name, moved

    def _possible(
        self, absent: Mapping[str, Shape], foreign: Mapping[str, Shape]
    ) -> dict[tuple[str, str], _NamePairs]:
        wanted, held = _by_kind(absent), _by_kind(foreign)
        possible: dict[tuple[str, str], _NamePairs] = defaultdict(list)
        for kind in wanted.keys() & held.keys():
            for name in wanted[kind][:_MOST_ALIKE]:
                for other in held[kind][:_MOST_ALIKE]:
                    if self.held.in_step(other, self.wanted, name):
                        possible[_beginnings(other, name)].append((other, name))
        return possible

    def alike(
        self, absent: Mapping[str, Shape], foreign: Mapping[str, Shape]
    ) -> list[LikelyRenamed]:
        """Pairs names that are spelt alike, where no other has their shape."""
        wanted, held = _by_shape(absent), _by_shape(foreign)
        pairs = [(held[s][0], wanted[s][0]) for s in wanted if len(wanted[s]) == len(held[s]) == 1]
        return [
            LikelyRenamed(old, new, 1)
            for old, new in pairs
            if difflib.SequenceMatcher(None, old, new).ratio() >= _LEAST_LIKENESS
            and self.held.in_step(old, self.wanted, new)
        ]


def _by_shape(names: Mapping[str, Shape]) -> dict[Shape, list[str]]:
    shapes: dict[Shape, list[str]] = defaultdict(list)
    for name, shape in names.items():
        shapes[shape].append(name)
    return shapes


def _by_kind(names: Mapping[str, Shape]) -> dict[_Kind, list[str]]:
    kinds: dict[_Kind, list[str]] = defaultdict(list)
    for name, shape in names.items():
        kinds[own_name(name), shape].append(name)
    return kinds


def _beginnings(one: str, other: str) -> tuple[str, str]:
    """Gives what is left of two names without the parts at their ends that are the same."""
    first, second = one.split("."), other.split(".")
    while first and second and first[-1] == second[-1]:
        first.pop()
        second.pop()
    return ".".join(first), ".".join(second)
