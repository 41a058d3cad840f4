"""What a diagram says of a box, in plain words: they are not escaped for any kind of file yet."""

from collections.abc import Sequence

from modelviz_callbacks.diagram.dot_text import shorten, wrap
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.module_text import shapes, short_config
from modelviz_callbacks.graph.fold import Box
from modelviz_callbacks.graph.model import Failure, Node
from modelviz_callbacks.graph.units import human_count

MOST_NAME = 36
_MOST_END, _MOST_PATH, _MOST_CONFIG, _MOST_MESSAGE = 48, 44, 60, 180
_MESSAGE_LINE = 52


def node_of(box: Box) -> Node:
    """Gives the node of a box that is no sequence."""
    if box.node is None:
        raise ValueError("a sequence has no label of a node")
    return box.node


def class_of(box: Box) -> str:
    """Gives the name of a box's class or operation."""
    return shorten(node_of(box).name, MOST_NAME)


def path_in(box: Box, around: str | None) -> str:
    """Gives the path, or the first and the last one, as seen from the box around.

    A leading dot stands for the path around it; without one, the path is whole.
    """
    ends = [box.paths[0], box.paths[-1]] if box.paths else []
    names = [
        path[len(around) :] if around and path.startswith(f"{around}.") else path for path in ends
    ]
    return " … ".join(dict.fromkeys(shorten(name, _MOST_PATH) for name in names))


def configuration(box: Box, facts: ModuleFacts) -> str:
    """Gives a module's configuration, and what it shares."""
    entry = facts.entry(node_of(box).path)
    if entry is None:
        return ""
    config = shorten(short_config(entry.class_name, entry.config), _MOST_CONFIG)
    shared = facts.shared_with(entry.path)
    return ", ".join(filter(None, [config, shared and f"shares {shorten(shared, _MOST_PATH)}"]))


def parameters(box: Box, facts: ModuleFacts) -> str:
    """Gives how many parameters a box has, and each of the modules that it stands for."""
    every = facts.parameters(box.paths)
    if not every:
        return ""
    if box.node is None or len(box.paths) == 1:
        shared = ", shared" if box.node and box.count > 1 else ""
        return f"{human_count(every)} params{shared}"
    return f"{human_count(every)} params, {human_count(facts.parameters(box.paths[:1]))} each"


def end_names(box: Box) -> list[str]:
    """Names an input or output in the batch or the result; several of the same box by two."""
    kind = node_of(box).kind
    # Several outputs of the same box have their names where a module has its paths.
    names = [
        shorten(name.removeprefix(f"{kind}."), _MOST_END)
        for name in ((box.paths[0], box.paths[-1]) if box.paths else (node_of(box).name,))
    ]
    return [names[0], *(f"… {name}" for name in names[1:])]


def fed_by(sources: Sequence[Box], around: str | None) -> list[str]:
    """Tells which boxes feed one without a line, in lines."""
    said = f"also from {_listed([_last_names(source, around) for source in sources])}"
    return wrap(said, _MESSAGE_LINE)


def failure_lines(failure: Failure) -> list[str]:
    """Tells what raised in a few plain lines."""
    message = wrap(shorten(failure.message, _MOST_MESSAGE), _MESSAGE_LINE)
    return [shorten(failure.exception, MOST_NAME), *message]


def failure_at(failure: Failure, box: Box) -> list[str]:
    """Tells the same on the box that it was in: with the shapes, and where inside."""
    lines = failure_lines(failure)
    if failure.inputs:
        lines.append(f"shapes: {shapes(failure.inputs, 4)}")
    if box.hidden:
        where = " in ".join(filter(None, [failure.operation, failure.path]))
        lines.append(f"at {shorten(where, _MOST_PATH)}")
    return lines


def _last_names(source: Box, around: str | None) -> str:
    """Names a box that is somewhere else by the end of its path."""
    path = path_in(source, around)
    name = path if " … " in path else ".".join(path.split(".")[-2:])
    return shorten(name or node_of(source).name, MOST_NAME)


def _listed(names: Sequence[str]) -> str:
    first, *others = names
    if len(others) <= 1:
        return ", ".join(names)
    return f"{first}, {others[0]} … {others[-1]} ({len(names)})"
