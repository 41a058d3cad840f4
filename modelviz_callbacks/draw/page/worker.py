"""The child process that makes the page: `python -m modelviz_callbacks.draw.page.worker FOLDER`.

It draws our diagram at every depth that is not in FOLDER yet, and leaves `index.html` and
`result.json` there.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.page.facts import depths_of
from modelviz_callbacks.draw.page.material import (
    diagram_file,
    read_content,
    read_graph,
    read_limit,
)
from modelviz_callbacks.draw.page.render import render_page
from modelviz_callbacks.draw.supervisor import Drawing
from modelviz_callbacks.draw.worker import limit_resources
from modelviz_callbacks.graph.model import ArchitectureGraph

_TOGETHER_S = 30.0
# The most seconds for one depth: the others are to be there soon.
_MOST_A_DEPTH_S = 15.0


def main(folder: Path) -> int:
    """Makes the page of the material in `folder`.

    Returns:
        The exit status, 0.
    """
    limit_s = read_limit(folder)
    limit_resources(limit_s + _TOGETHER_S)
    graph = read_graph(folder)
    depths = list(depths_of(graph)) if graph is not None and graph.nodes else []
    notes = list(_draw_missing(folder, graph, depths, limit_s)) if graph is not None else []
    there = [depth for depth in depths if diagram_file(folder, depth).is_file()]
    html = render_page(read_content(folder, graph, there, notes))
    (folder / "result.json").write_text(json.dumps({"notes": notes}), encoding="utf-8")
    (folder / "index.html").write_text(html, encoding="utf-8")
    return 0


def _draw_missing(
    folder: Path, graph: ArchitectureGraph, depths: list[int], limit_s: float
) -> Iterator[str]:
    """Draws what is missing as long as there is time, and says what is not there."""
    end = time.monotonic() + limit_s
    for depth in depths:
        if diagram_file(folder, depth).is_file():
            continue
        left_s = min(end - time.monotonic(), _MOST_A_DEPTH_S)
        if left_s > 0:
            yield from _draw(folder, graph, depth, left_s)
        else:
            yield f"the diagram at depth {depth} was not drawn: there was no time for it"


def _draw(folder: Path, graph: ArchitectureGraph, depth: int, limit_s: float) -> Iterator[str]:
    """Draws the diagram at one depth, in a process that can be stopped; says what is another."""
    drawn: list[Drawn] = []
    # Without the graph it is never drawn at another depth than the page says.
    job = DrawJob(f"depth {depth}", architecture_dot(graph, depth)[0], ("svg",), depth=depth)
    drawing = Drawing([job], limit_s, drawn.append)
    drawing.start()
    drawing.wait()
    if drawn and "svg" in drawn[0].files:
        diagram_file(folder, depth).write_bytes(drawn[0].files["svg"])
        yield from (f"the diagram at depth {depth}: {note}" for note in drawn[0].notes)
    else:
        error = drawn[0].error if drawn else "the drawing did not end"
        yield f"the diagram at depth {depth} was not drawn: {error}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
