"""What all our graphs have in common, as Graphviz attributes."""

from modelviz_callbacks.diagram import palette

# https://graphviz.org/docs/attrs/nslimit/ and /mclimit/: large graphs take seconds, not minutes.
GRAPH = {
    "rankdir": "TB",
    "bgcolor": palette.PAGE,
    "nodesep": "0.22",
    "ranksep": "0.28",
    "nslimit": "2",
    "mclimit": "0.5",
    "labelloc": "t",
    "labeljust": "l",
}
NODE = {
    "shape": "box",
    "style": "filled,rounded",
    "penwidth": "1.2",
    "fontsize": "11",
    "fontcolor": palette.TEXT,
    "margin": "0.08,0.04",
    "width": "0.2",
    "height": "0.2",
}
EDGE = {"color": palette.EDGE, "penwidth": "1.2", "arrowsize": "0.7"}
