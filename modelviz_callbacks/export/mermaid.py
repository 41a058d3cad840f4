"""A graph as a Mermaid flowchart, which GitHub, GitLab and many editors draw in Markdown."""

from dataclasses import dataclass

from modelviz_callbacks.diagram.links import choose_links
from modelviz_callbacks.export.exported import Exported
from modelviz_callbacks.export.flowchart import Flowchart
from modelviz_callbacks.graph.fold import view_graph
from modelviz_callbacks.graph.model import ArchitectureGraph

# What Mermaid draws at most unless the page says otherwise, which GitHub's does not:
# https://mermaid.js.org/config/schema-docs/config.html, maxEdges and maxTextSize.
MOST_EDGES = 500
MOST_CHARACTERS = 50_000
# What can still be read in a README, whose width is fixed.
_READABLE_EDGES = 60
_READABLE_DEPTH = 3


@dataclass(frozen=True)
class _Chart:
    text: str
    edges: int
    notes: tuple[str, ...]

    def fits(self, most_edges: int) -> bool:
        # Mermaid counts UTF-16 units; half of the bytes is never fewer of them.
        length = len(self.text.encode("utf-16-le", "surrogatepass")) // 2
        return self.edges <= most_edges and length <= MOST_CHARACTERS


def to_mermaid(graph: ArchitectureGraph, depth: int | None = None) -> Exported:
    """Gives a flowchart with a box around each module that is opened.

    Args:
        graph: The graph.
        depth: How many levels of modules are opened; at least 0. Where that is more than Mermaid
            draws, fewer are, and the notes say so. By default as many as can be read well.

    Returns:
        Mermaid's text, for a code block of the language `mermaid`.
    """
    wanted = _READABLE_DEPTH if depth is None else depth
    most_edges = _READABLE_EDGES if depth is None else MOST_EDGES
    chart, shown = _chart(graph, wanted), wanted
    if not chart.fits(most_edges) and wanted > 0:
        chart, shown = _deepest_fitting(graph, wanted, most_edges)
    return Exported(chart.text, (*chart.notes, *_limits(chart, shown, wanted, depth)))


def _deepest_fitting(graph: ArchitectureGraph, below: int, most_edges: int) -> tuple[_Chart, int]:
    """Goes down level by level while it fits; the closed model is given in any case."""
    chart, shown = _chart(graph, 0), 0
    for depth in range(1, below):
        deeper = _chart(graph, depth)
        if not deeper.fits(most_edges):
            break
        chart, shown = deeper, depth
    return chart, shown


def _chart(graph: ArchitectureGraph, depth: int) -> _Chart:
    view = view_graph(graph, depth)
    links = choose_links(view)
    notes = (*view.notes, *filter(None, [links.note]))
    return _Chart(Flowchart(graph, view, links).text(), len(links.drawn), notes)


def _limits(chart: _Chart, shown: int, wanted: int, given: int | None) -> tuple[str, ...]:
    limits = f"Mermaid draws {MOST_EDGES} lines and {MOST_CHARACTERS:,} characters at most"
    if not chart.fits(MOST_EDGES):
        return (f"{limits} unless maxEdges and maxTextSize say more: this is more.",)
    if shown == wanted:
        return ()
    if given is None:
        return (f"The flowchart shows depth {shown}, to be read well; a depth may be given.",)
    return (f"The flowchart shows depth {shown} instead of {wanted}: {limits}.",)
