"""What the diagram says about modules: parameters, frozen, eval, never called."""

import math
import re
from collections.abc import Iterable

from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.diagram.palette import DROPOUT, MARKS
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, StateEntry


class ModuleFacts:
    """Answers questions about the modules of a graph by their paths."""

    def __init__(self, graph: ArchitectureGraph) -> None:
        """Sums up parameters once for each module and all that it is in."""
        self._entries = {entry.path: entry for entry in graph.modules}
        self._blocks = {path.rpartition(".")[0] for path in self._entries if path}
        self._below: dict[str, dict[str, StateEntry]] = {path: {} for path in self._entries}
        self._training = any(
            node.kind == "module" and self._trains(node.path)
            for node in graph.nodes
            if node.parent is None
        )
        for entry in graph.modules:
            for state in entry.parameters:
                name = state.tied_to or f"{entry.path}.{state.name}".lstrip(".")
                for path in _with_parents(entry.path):
                    self._below.setdefault(path, {})[name] = state
        self._called = {node.path for node in graph.nodes if node.path is not None}
        paths = {node.id: node.path for node in graph.nodes}
        self._leaves = self._called - {
            paths.get(node.parent or 0) for node in graph.nodes if node.parent is not None
        }

    def entry(self, path: str | None) -> ModuleEntry | None:
        """Gives what is known of a module."""
        return None if path is None else self._entries.get(path)

    def is_block(self, path: str) -> bool:
        """Whether there are modules in a module."""
        return path in self._blocks

    def parameters(self, paths: Iterable[str]) -> int:
        """Number of values in the parameters of modules and all below them, shared ones once."""
        together: dict[str, StateEntry] = {}
        for path in paths:
            together.update(self._below.get(path, {}))
        return sum(map(_values, together.values()))

    def marks(self, path: str) -> tuple[str, ...]:
        """What to mark a module as.

        Args:
            path: Its path.

        Returns:
            `"frozen"` if it has parameters, below it too, and none of them is trained; `"eval"`
            if it is in eval mode while the model trains; `"compiled"` or `"scripted"`.
        """
        states = self._below.get(path, {}).values()
        entry = self._entries.get(path)
        frozen = bool(states) and not any(state.requires_grad for state in states)
        held = {"frozen": frozen, "eval": self._training and not self._trains(path)}
        # A later version may know of other ways.
        runs = () if entry is None or entry.runs not in MARKS else (entry.runs,)
        return (*(mark for mark, holds in held.items() if holds), *runs)

    def changes_nothing(self, path: str | None) -> bool:
        """Whether a module gives its input as it is: an identity, or a dropout that drops none."""
        entry = self.entry(path)
        if entry is None:
            return False
        if entry.class_name.rpartition(".")[2] == "Identity":
            return True
        drops_none = not entry.training or re.search(r"\bp=0(\.0*)?(,|$)", entry.config)
        return family_of(entry.class_name) is DROPOUT and bool(drops_none)

    def shared_with(self, path: str) -> str | None:
        """Names the parameter that one of a module's own is tied to."""
        entry = self._entries.get(path)
        ties = [state.tied_to for state in entry.parameters if state.tied_to] if entry else []
        return ties[0] if ties else None

    def never_called(self) -> tuple[tuple[str, str, int], ...]:
        """Lists modules that took no part: first path, class, and number of modules like it.

        A module inside another one that took no part is not listed, nor one inside a call in
        which nothing was seen: it may have been used there. Paths that differ in numbers only
        are one entry.
        """
        alive = {part for path in self._called for part in _with_parents(path)}
        groups: dict[tuple[str, str], list[str]] = {}
        for path, entry in self._entries.items():
            parent = path.rpartition(".")[0]
            if path in alive or parent not in alive or self._is_in_leaf(parent):
                continue
            if entry.tied_to is None:
                key = re.sub(r"\d+", "#", path), entry.class_name.rpartition(".")[2]
                groups.setdefault(key, []).append(path)
        return tuple((paths[0], name, len(paths)) for (_, name), paths in groups.items())

    def _is_in_leaf(self, path: str) -> bool:
        return path in self._leaves

    def _trains(self, path: str | None) -> bool:
        entry = self.entry(path)
        return entry is None or entry.training


def _values(state: StateEntry) -> int:
    return 0 if state.shape is None else math.prod(state.shape)


def _with_parents(path: str) -> Iterable[str]:
    yield path
    while path:
        path = path.rpartition(".")[0]
        yield path
