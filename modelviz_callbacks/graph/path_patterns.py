"""Many paths in few words: `layer1.[0-2].conv1`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

# No longer: a file that anybody wrote may hold a number of any length.
_NUMBER = re.compile(r"(?<!\d)\d{1,9}(?!\d)", re.ASCII)


@dataclass(frozen=True)
class Pattern:
    """Paths that differ in their numbers alone.

    Attributes:
        text: All of them in one: a path, or one with `[0-2]` or `*` in the places that differ.
        paths: Each of them.
    """

    text: str
    paths: tuple[str, ...]


def path_patterns(paths: Iterable[str]) -> list[Pattern]:
    """Puts paths together that differ in their numbers alone, in the order of the first ones."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(without_numbers(path), []).append(path)
    return [Pattern(_joined(group), tuple(group)) for group in groups.values()]


def without_numbers(path: str) -> str:
    """Gives a path with `*` for each number."""
    return _NUMBER.sub("*", path)


def numbers_in(path: str) -> tuple[str, ...]:
    """Gives the numbers in a path, as they are written."""
    return tuple(_NUMBER.findall(path))


def _joined(paths: Sequence[str]) -> str:
    if len(paths) == 1:
        return paths[0]
    places = [
        sorted(set(values), key=lambda value: (int(value), value))
        for values in zip(*map(numbers_in, paths), strict=True)
    ]
    # Whether each combination is there, with no number left out.
    whole = prod(map(len, places)) == len(paths) and all(
        len(values) == 1 or _is_range(values) for values in places
    )
    texts = iter([_values(values, whole=whole) for values in places])
    return _NUMBER.sub(lambda _: next(texts), paths[0])


def _is_range(values: Sequence[str]) -> bool:
    first = int(values[0])
    return list(values) == [str(first + steps) for steps in range(len(values))]


def _values(values: Sequence[str], *, whole: bool) -> str:
    if len(values) == 1:
        return values[0]
    return f"[{values[0]}-{values[-1]}]" if whole else "*"
