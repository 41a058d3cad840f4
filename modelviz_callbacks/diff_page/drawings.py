"""Both diagrams at every depth, drawn in child processes side by side."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.diff_page.sides import Depths, Side
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing

# The most seconds for one diagram: the others are to be there soon.
_MOST_A_DIAGRAM_S = 20.0


@dataclass
class Drawings:
    """What was drawn.

    Attributes:
        diagrams: SVG by place of the side and depth.
        notes: What was not, or is simplified.
    """

    diagrams: dict[tuple[int, int], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def draw_sides(sides: Sequence[Side], depths: Depths, limit_s: float) -> Drawings:
    """Draws both sides.

    Args:
        sides: The two.
        depths: At which depths; the first one is drawn first.
        limit_s: Seconds for all of it.

    Returns:
        The diagrams that there was time for.
    """
    made = Drawings()
    order = sorted(depths.drawn, key=lambda depth: (depth != depths.first, depth))
    drawings = [_drawing(place, side, order, limit_s, made) for place, side in enumerate(sides)]
    end = time.monotonic() + limit_s
    try:
        for drawing in drawings:
            drawing.start()
        for drawing in drawings:
            drawing.wait(max(0.0, end - time.monotonic()))
    finally:
        for drawing in drawings:
            drawing.cancel()
        for drawing in drawings:
            # A child that was just killed is waited for, so that nothing comes later.
            drawing.wait(_MOST_A_DIAGRAM_S)
    told = {note.partition(":")[0] for note in made.notes}
    for place in range(len(sides)):
        for depth in depths.drawn:
            name = _name(place, depth)
            if (place, depth) not in made.diagrams and name not in told:
                made.notes.append(f"{name}: not drawn, there was no time for it")
    return made


def _drawing(
    place: int, side: Side, depths: Sequence[int], limit_s: float, made: Drawings
) -> Drawing:
    def keep(drawn: Drawn) -> None:
        depth = drawn.job.depth
        if "svg" in drawn.files:
            made.diagrams[place, depth] = drawn.files["svg"].decode("utf-8")
            made.notes.extend(f"{drawn.job.name}: {note}" for note in drawn.notes)
        else:
            made.notes.append(f"{drawn.job.name}: not drawn, {drawn.error}")

    # Without the graph nothing is ever drawn at another depth than the page says.
    jobs = [
        DrawJob(
            _name(place, depth),
            architecture_dot(side.graph, depth, headed=False)[0],
            ("svg",),
            depth=depth,
        )
        for depth in depths
    ]
    return Drawing(jobs, min(limit_s, _MOST_A_DIAGRAM_S), keep)


def _name(place: int, depth: int) -> str:
    return f"the {('old', 'new')[place]} diagram at depth {depth}"
