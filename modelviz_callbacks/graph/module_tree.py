"""The modules of a graph as a tree: what lies below a path, and what is the same under two."""

from collections.abc import Iterable, Iterator

from modelviz_callbacks.graph.model import ModuleEntry


class ModuleTree:
    """Modules by path.

    Attributes:
        entries: Every module by its path, in the order of `model.named_modules()`.
    """

    def __init__(self, modules: Iterable[ModuleEntry]) -> None:
        """Sorts `modules` into a tree."""
        self.entries = {entry.path: entry for entry in modules}
        self._children: dict[str, list[ModuleEntry]] = {}
        for path, entry in self.entries.items():
            if path:
                self._children.setdefault(parent_path(path), []).append(entry)

    def children(self, path: str) -> list[ModuleEntry]:
        """Gives the modules that a module holds, in order."""
        return self._children.get(path, [])

    def first_path(self, path: str) -> str:
        """Gives the path under which the module at `path` came first."""
        entry = self.entries.get(path)
        return path if entry is None or entry.tied_to is None else entry.tied_to

    def below(self, path: str) -> Iterator[ModuleEntry]:
        """Gives a module and all modules in it, each once, also where they are tied to others."""
        seen: set[str] = set()
        waiting = [path]
        while waiting:
            path = waiting.pop()
            first = self.first_path(path)
            # A module may hold the one that holds it.
            if first not in seen and first in self.entries:
                seen.add(first)
                yield self.entries[first]
                waiting.extend(child.path for child in reversed(self.children(first)))


def parent_path(path: str) -> str:
    """Gives the path of the module that holds the one at `path`."""
    return path.rpartition(".")[0]


def own_name(path: str) -> str:
    """Gives the name that a module has in the one that holds it."""
    return path.rpartition(".")[2]


def with_ancestors(path: str) -> Iterator[str]:
    """Gives a path and those of all modules that hold it: `"a.b"`, `"a"`, `""`."""
    while path:
        yield path
        path = parent_path(path)
    yield ""


def full_name(entry: ModuleEntry, name: str) -> str:
    """Gives the name that a parameter or buffer of a module has in the model."""
    return f"{entry.path}.{name}" if entry.path else name
