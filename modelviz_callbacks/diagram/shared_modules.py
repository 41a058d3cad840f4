"""Which boxes show one and the same module."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelviz_callbacks.graph.fold import Box, View


@dataclass(frozen=True)
class Turn:
    """One of the boxes of a module.

    Attributes:
        path: The module's path.
        number: Which of its boxes it is, from 1.
        count: How many there are.
    """

    path: str
    number: int
    count: int


def shared_modules(view: View) -> dict[int, Turn]:
    """Finds modules that have more than one box: called at several places.

    Where a module is in one that has as many boxes itself, the outer one says it.

    Returns:
        The turn of each such box, by its id.
    """
    boxes: dict[str, list[int]] = {}
    outer: dict[str, str | None] = {}
    for box, around in _modules(view.boxes, None):
        boxes.setdefault(box.paths[0], []).append(box.id)
        outer[box.paths[0]] = around
    return {
        box: Turn(path, number, len(ids))
        for path, ids in boxes.items()
        if len(ids) > 1 and len(ids) != len(boxes.get(outer[path] or "", ()))
        for number, box in enumerate(ids, start=1)
    }


def _modules(boxes: tuple[Box, ...], around: str | None) -> Iterator[tuple[Box, str | None]]:
    for box in boxes:
        is_module = box.node is not None and box.node.kind == "module" and bool(box.paths)
        if is_module:
            yield box, around
        yield from _modules(box.boxes, box.paths[0] if is_module else around)
