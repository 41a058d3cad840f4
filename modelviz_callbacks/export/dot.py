"""A graph as DOT, for any Graphviz."""

from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.export.exported import Exported
from modelviz_callbacks.graph.model import ArchitectureGraph

# Without it Graphviz takes Times; fontconfig takes the first that is there.
_FONT = 'fontname="Roboto,Helvetica,Arial,sans-serif"'
_FONTS = "".join(f"{kind} [{_FONT}]\n" for kind in ("graph", "node", "edge"))


def to_dot(graph: ArchitectureGraph, depth: int) -> Exported:
    """Gives our diagram as DOT.

    Args:
        graph: The graph.
        depth: How many levels of modules are opened; at least 0.

    Returns:
        DOT with HTML-like labels, which `dot -Tsvg` lays out as it is.
    """
    source, notes = architecture_dot(graph, depth)
    head, rest = source.split("\n", 1)
    return Exported(f"{head}\n{_FONTS}{rest}", notes)
