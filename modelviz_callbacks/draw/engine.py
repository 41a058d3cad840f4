"""Layout: DOT → SVG by Graphviz in this process."""

from collections.abc import Mapping

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.draw.svg_document import finished

_GRAPH = {"pad": "0.2", "bgcolor": palette.PAGE}


def layout(dot: str, attributes: Mapping[str, str] | None = None, title: str = "Graph") -> str:
    """Lays a graph out.

    Args:
        dot: DOT source.
        attributes: Graph attributes that override the source's.
        title: What the picture shows, for screen readers.

    Returns:
        SVG that holds no link, no foreign image and no script, and that is dark on a dark page.

    Raises:
        ValueError: If the source is no valid DOT; Graphviz' own message is on stderr.
        RuntimeError: If Graphviz gives up.
    """
    from pygraphviz import graphviz as gv

    from modelviz_callbacks.draw import dot_graph

    graph = dot_graph.parse(dot)
    dot_graph.make_safe(graph)
    dot_graph.set_defaults(graph, gv.AGRAPH, {**_GRAPH, **(attributes or {})})
    context = gv.gvContextWithBuiltins()
    if gv.gvLayout(context, graph, b"dot"):
        raise RuntimeError("Graphviz could not lay out the graph")
    failed, svg = gv.gvRenderData(context, graph, b"svg")
    if failed:
        raise RuntimeError("Graphviz could not write the SVG")
    return finished(dot_graph.writable(svg.decode("utf-8", "replace")), title)
