"""The module that somebody names, and those that may have been meant."""

import difflib

from modelviz_callbacks.cli.output import shown
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.model import ArchitectureGraph

_MOST_NEAR = 5


def chosen_module(graph: ArchitectureGraph, given: str) -> str:
    """Finds a module.

    Args:
        graph: The graph.
        given: Its path.

    Raises:
        RecordError: If there is none; the message names near ones.
    """
    paths = [entry.path for entry in graph.modules]
    if given in paths:
        return given
    if not paths:
        raise RecordError(f"module {given!r}: this record has no modules.")
    near = _near(given, paths)
    hint = f"Near: {', '.join(map(shown, near))}." if near else "Its table lists them."
    raise RecordError(f"module {given!r}: there is none in this record. {hint}")


def _near(given: str, paths: list[str]) -> list[str]:
    # The end of a path is what one remembers; the start depends on who holds the model. Or it is
    # the path of a parameter, or of what such a module has in other models.
    ending = [path for path in paths if path.endswith(f".{given}")]
    above = [path for path in reversed(paths) if path and given.startswith(f"{path}.")]
    close = difflib.get_close_matches(given, paths, _MOST_NEAR)
    return list(dict.fromkeys([*ending, *above, *close]))[:_MOST_NEAR]
