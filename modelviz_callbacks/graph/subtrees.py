"""What the modules of a graph are like, whatever their own names: for finding them in another."""

from collections.abc import Hashable, Iterable

from modelviz_callbacks.graph.model import ModuleEntry, StateEntry
from modelviz_callbacks.graph.module_tree import own_name, parent_path


class Numbers:
    """Numbers for contents: equal ones have the same number, so nothing is compared twice."""

    def __init__(self) -> None:
        """Begins with none."""
        self._numbers: dict[Hashable, int] = {}

    def of(self, content: Hashable) -> int:
        """Gives the number of a content."""
        return self._numbers.setdefault(content, len(self._numbers))


class Subtrees:
    """The modules of one graph with all that is in each.

    Attributes:
        entries: Every module by its path.
        roots: The paths of the modules that are in no other; usually `""` alone.
        children: The paths of the modules in a module, in order.
        exact: Equal for two modules if class, configuration, parameters and buffers are equal, and
            so is all that is in them, under the same names. What is tied, trained or in train mode
            is not in it.
        loose: The same, without configurations, shapes and dtypes.
        size: How many modules a module is, with all that are in it.
        holds: Whether it has parameters or buffers, or something in it has.
    """

    def __init__(self, modules: Iterable[ModuleEntry], numbers: Numbers) -> None:
        """Describes modules; two graphs that are compared share their `numbers`."""
        self.entries = {entry.path: entry for entry in modules}
        self.roots: list[str] = []
        self.children: dict[str, list[str]] = {path: [] for path in self.entries}
        for path in self.entries:
            parent = parent_path(path)
            siblings = self.children.get(parent) if path else None
            (self.roots if siblings is None else siblings).append(path)
        self.exact: dict[str, int] = {}
        self.loose: dict[str, int] = {}
        self.size: dict[str, int] = {}
        self.holds: dict[str, bool] = {}
        for path in sorted(self.entries, key=_depth, reverse=True):
            self._describe(path, numbers)

    def is_leaf(self, path: str) -> bool:
        """Whether nothing is in a module."""
        return not self.children[path]

    def _describe(self, path: str, numbers: Numbers) -> None:
        entry, inside = self.entries[path], self.children[path]
        states = (entry.parameters, entry.buffers)
        names = [own_name(child) for child in inside]
        kind = ("exact", entry.class_name, entry.config, *(tuple(map(_state, s)) for s in states))
        self.exact[path] = numbers.of((*kind, _parts(names, inside, self.exact)))
        kind = ("loose", entry.class_name, *(tuple(state.name for state in s) for s in states))
        self.loose[path] = numbers.of((*kind, _parts(names, inside, self.loose)))
        self.size[path] = 1 + sum(self.size[child] for child in inside)
        self.holds[path] = any(states) or any(self.holds[child] for child in inside)


def _depth(path: str) -> int:
    return path.count(".") if path else -1


def _state(state: StateEntry) -> Hashable:
    return state.name, state.shape, state.dtype


def _parts(names: list[str], inside: list[str], number: dict[str, int]) -> Hashable:
    return tuple((name, number[child]) for name, child in zip(names, inside, strict=True))
