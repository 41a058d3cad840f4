"""What the pictures of torchview's and torchviz' graphs have in common."""

from collections import Counter
from collections.abc import Iterable, Iterator

from modelviz_callbacks.diagram.links import DrawnLinks
from modelviz_callbacks.draw.libraries.picture_dot import Line
from modelviz_callbacks.graph.fold import Box, View
from modelviz_callbacks.graph.runs import Run

_PAIR = 2
_MOST_PARTS = 6


def is_telling(run: Run) -> bool:
    """Whether a sequence is drawn once.

    The libraries tell little of each box, and so two neighbours often look like the next two.
    """
    return run.period == 1 or run.count > _PAIR


def never(_: Run) -> bool:
    """Draws every box."""
    return False


def shown_boxes(view: View) -> list[Box]:
    """Gives what is drawn at the top: the model itself, with id 0, has no box of its own."""
    return [
        inner for box in view.boxes for inner in (box.boxes if box.id == 0 and box.boxes else [box])
    ]


def leaves_of(boxes: Iterable[Box]) -> Iterator[Box]:
    """Gives the boxes with nothing shown in them."""
    for box in boxes:
        yield from leaves_of(box.boxes) if box.boxes else (box,)


def lifted_lines(links: DrawnLinks) -> Iterator[Line]:
    """Draws the links of a simplified view, with the number of tensors where there are several."""
    for drawn in links.drawn:
        count = len(drawn.link.tensors)
        yield Line(
            drawn.link.source,
            drawn.link.target,
            f"{count} ×" if count > 1 else "",
            {"weight": str(drawn.weight)} if drawn.weight > 1 else {},
        )


def counted(names: Iterable[str]) -> str:
    """Gives names with how often each comes, the most frequent first: `"2 × Conv2d, add"`."""
    found = Counter(names).most_common()
    texts = [name if count == 1 else f"{count} × {name}" for name, count in found]
    more = len(texts) - _MOST_PARTS
    return ", ".join(texts[:_MOST_PARTS]) + (f" and {more} more" if more > 0 else "")


def from_to(names: list[str]) -> str:
    """Gives the first and the last of many names, in order: `"a … z (26)"`."""
    return f"{names[0]} … {names[-1]} ({len(names)})" if len(names) > _PAIR else ", ".join(names)
