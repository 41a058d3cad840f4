"""What a graph says of the compiled code in its step: one line for many modules alike."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from modelviz_callbacks.graph.model import ModuleEntry

_FUNCTION = "a compiled function was called; what runs inside it is not watched"
_MOST_NAMES = 3


class CompiledNotes:
    """Collects which modules ran compiled, and what could be seen of them."""

    def __init__(self) -> None:
        """Knows of no compiled code yet."""
        self._looked_into: list[str] = []
        self._not_looked_into: dict[str, list[str]] = {}
        self._functions = False

    def looked_into(self, path: str) -> None:
        """Notes a module whose call was rehearsed."""
        self._looked_into.append(path)

    def not_looked_into(self, path: str, reason: Exception) -> None:
        """Notes a module whose call is a leaf, and why."""
        self._not_looked_into.setdefault(str(reason), []).append(path)

    def function_called(self) -> None:
        """Notes that a compiled function was called by watched code."""
        self._functions = True

    def marked(self, modules: Iterable[ModuleEntry]) -> Iterator[ModuleEntry]:
        """Says of modules that they ran compiled, also where only a wrapper around them tells."""
        paths = {*self._looked_into, *chain.from_iterable(self._not_looked_into.values())}
        for entry in modules:
            yield replace(entry, runs="compiled") if entry.path in paths else entry

    def lines(self) -> list[str]:
        """Gives the notes."""
        told = []
        if self._looked_into:
            seen = "was looked into in an extra eager forward"
            told.append(_sentence(self._looked_into, f"it {seen}", f"each {seen}"))
        for reason, paths in self._not_looked_into.items():
            unseen = f"was not looked into: {reason}"
            told.append(_sentence(paths, f"it {unseen}", f"each {unseen}"))
        return [*told, _FUNCTION] if self._functions else told


def _sentence(paths: list[str], of_one: str, of_many: str) -> str:
    names = [path or "the model" for path in dict.fromkeys(paths)]
    if len(names) == 1:
        return f"{names[0]} runs compiled; {of_one}"
    listed = ", ".join(names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{listed}{more} run compiled; {of_many}"
