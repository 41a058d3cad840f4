"""Modules that are numbered, like those of a `Sequential`, or `layer1` and `layer2`."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Shape: TypeAlias = "tuple[int, ...] | None"
_NUMBER = re.compile(r"(?<![0-9])(0|[1-9][0-9]{0,8})(?=\.|\Z)")
# What each holds: the ends of names, with shapes.
_Contents = Counter[tuple[str, Shape]]


class NumberedModules:
    """What the numbered modules of a state dict hold.

    Args:
        shapes: Of its tensors, by name.
    """

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.groups: dict[str, dict[int, _Contents]] = defaultdict(lambda: defaultdict(Counter))
        self._shapes: dict[str, Mapping[int, Counter[Shape]]] = {}
        self._names: Counter[str] = Counter()
        for name, shape in shapes.items():
            for start, number, rest in _numbers(name):
                self._names[f"{start}{number}"] += 1
                # Counters may be there or not, by the age of a state dict.
                if shape != ():
                    self.groups[start][number][rest, shape] += 1

    def in_step(self, name: str, other: "NumberedModules", its_name: str) -> bool:
        """Whether two names have the same numbers, each out of the same numbers.

        What stands under a number has to be of the same shapes in both, for all of them: a module
        that was put in or taken out moves the numbers of the others.
        """
        mine, its = list(_numbers(name)), list(_numbers(its_name))
        return [number for _, number, _ in mine] == [number for _, number, _ in its] and all(
            self.shapes_under(a) == other.shapes_under(b)
            for (a, _, _), (b, _, _) in zip(mine, its, strict=True)
        )

    def shapes_under(self, start: str) -> Mapping[int, Counter[Shape]]:
        """Gives the shapes that each module holds whose name begins with this, up to its number."""
        if start not in self._shapes:
            self._shapes[start] = {
                number: _shapes(contents) for number, contents in self.groups.get(start, {}).items()
            }
        return self._shapes[start]

    def shifts_to(self, other: "NumberedModules") -> Iterator[tuple[str, str, int]]:
        """Finds modules that have another number because one was put in, or taken out.

        Args:
            other: Where they have other numbers.

        Yields:
            The path here, the path there, and how many names it holds; only where all modules
            of one side are on the other in the same order, in one way alone.
        """
        done: set[str] = set()
        for start in sorted(self.groups.keys() & other.groups.keys(), key=lambda s: (len(s), s)):
            mine, its = self.groups[start], other.groups[start]
            within = any(f"{before}{number}" in done for before, number, _ in _numbers(start))
            if mine == its or within:
                continue
            pairs = _only_way(mine, its)
            if pairs:
                done.update(f"{start}{number}" for number in {*mine, *its})
            for a, b in pairs:
                if a != b:
                    yield f"{start}{a}", f"{start}{b}", self._names[f"{start}{a}"]


def _numbers(name: str) -> Iterator[tuple[str, int, str]]:
    """Gives each number at the end of a module's name, with what stands before and after it."""
    for found in _NUMBER.finditer(name):
        yield name[: found.start()], int(found[1]), name[found.end() :]


def _shapes(contents: _Contents) -> Counter[Shape]:
    found: Counter[Shape] = Counter()
    for (_, shape), count in contents.items():
        found[shape] += count
    return found


def _only_way(
    one: Mapping[int, _Contents], other: Mapping[int, _Contents]
) -> list[tuple[int, int]]:
    """Pairs all of the smaller group with some of the larger in order, if there is one way."""
    if len(one) > len(other):
        return [(a, b) for b, a in _only_way(other, one)]
    few, many = sorted(one), sorted(other)
    first = _in_order(few, many, one, other)
    last = _in_order(few[::-1], many[::-1], one, other)
    return first if first == last[::-1] else []


def _in_order(
    few: Sequence[int],
    many: Sequence[int],
    one: Mapping[int, _Contents],
    other: Mapping[int, _Contents],
) -> list[tuple[int, int]]:
    """Pairs each with the next that holds the same; nothing if one is left over."""
    left = iter(many)
    pairs = []
    for number in few:
        match = next((n for n in left if other[n] == one[number]), None)
        if match is None:
            return []
        pairs.append((number, match))
    return pairs
