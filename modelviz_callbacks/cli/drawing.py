"""Drawing a graph for somebody who waits for it."""

from modelviz_callbacks.cli.output import busy, note
from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing
from modelviz_callbacks.errors import ModelVizError
from modelviz_callbacks.graph.model import ArchitectureGraph

# How long a killed child may take until its folder is removed.
_TO_END_S = 5.0


def draw(graph: ArchitectureGraph, depth: int, formats: tuple[str, ...], timeout_s: float) -> Drawn:
    """Draws our diagram in child processes, and tells on stderr what was simplified.

    Args:
        graph: The graph.
        depth: How many levels of modules are opened.
        formats: The pictures to make.
        timeout_s: Seconds that it may take.

    Returns:
        What was drawn, without formats that were not; the notes say why.

    Raises:
        ModelVizError: If there is no picture at all.
    """
    with busy(f"drawing depth {depth} …"):
        dot, notes = architecture_dot(graph, depth)
        drawn = _waited_for(
            DrawJob("draw", dot, formats, "architecture", graph.to_json(), depth), timeout_s
        )
    if drawn.status == "failed":
        raise ModelVizError(f"the diagram could not be drawn: {drawn.error}")
    for said in (*notes, *graph.notes, *drawn.notes):
        note(said)
    return drawn


def _waited_for(job: DrawJob, timeout_s: float) -> Drawn:
    found: list[Drawn] = []
    drawing = Drawing([job], timeout_s, found.append)
    drawing.start()
    try:
        drawing.wait()
    finally:
        # After Ctrl+C a child is at work, and its folder has to go.
        drawing.cancel()
        drawing.wait(_TO_END_S)
    if not found:
        raise ModelVizError("the drawing did not end")
    return found[0]
