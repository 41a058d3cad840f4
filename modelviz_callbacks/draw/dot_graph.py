"""A parsed DOT graph made safe and legible through Graphviz' own graph library (cgraph)."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pygraphviz import graphviz as cgraph

from modelviz_callbacks.draw.fonts import FAMILY

_KINDS = (cgraph.AGRAPH, cgraph.AGNODE, cgraph.AGEDGE)

# Attributes that read files, make links or change the page that the picture is drawn on.
_DROPPED = re.compile(
    r"\w*(url|href|target)|image|imagepath|shapefile|fontpath|fontnames|stylesheet|_background"
    r"|charset|size|dpi|resolution|viewport|page",
    re.IGNORECASE,
)
# XML has no way to write these characters, not even escaped; NUL would end the C string.
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def writable(text: str) -> str:
    """Replaces the characters that no XML file can hold."""
    return _NOT_IN_XML.sub("\ufffd", text)


class DotError(ValueError):
    """The source is not a DOT graph."""


def parse(dot: str) -> Any:
    """Parses a DOT source.

    Returns:
        A graph handle of cgraph.

    Raises:
        DotError: It cannot be parsed. Graphviz' own message is on stderr.
    """
    source = writable(dot).encode()
    with tempfile.TemporaryFile() as file:
        file.write(source)
        file.seek(0)
        try:
            return cgraph.agread(file, None)
        except ValueError as e:
            raise DotError("Graphviz cannot read the DOT source") from e


def make_safe(graph: Any) -> None:
    """Drops what reads files, makes links or scales the picture, and sets our font everywhere.

    A new default alone would not reach the nodes that the source has already given a value.

    Args:
        graph: A graph handle, changed in place.
    """
    for kind in _KINDS:
        for name in list(_attribute_names(graph, kind)):
            if _DROPPED.fullmatch(name):
                _set_everywhere(graph, kind, name, "")
        _set_everywhere(graph, kind, "fontname", FAMILY)
    _set_everywhere(graph, cgraph.AGRAPH, "layout", "dot")


def set_defaults(graph: Any, kind: int, attributes: Mapping[str, str]) -> None:
    """Sets attributes of the graph itself, or of all nodes or edges that have no value of theirs.

    Args:
        graph: A graph handle, changed in place.
        kind: cgraph.AGRAPH, AGNODE or AGEDGE.
        attributes: Value by name.
    """
    for name, value in attributes.items():
        cgraph.agattr(graph, kind, name.encode(), value.encode())


def _set_everywhere(graph: Any, kind: int, name: str, value: str) -> None:
    key, content = name.encode(), value.encode()
    cgraph.agattr(graph, kind, key, content)
    for item in _items(graph, kind):
        cgraph.agset(item, key, content)


def _attribute_names(graph: Any, kind: int) -> Iterator[str]:
    symbol = _after_last(cgraph.agnxtattr, graph, kind, None)
    while symbol is not None:
        yield cgraph.agattrname(symbol).decode()
        symbol = _after_last(cgraph.agnxtattr, graph, kind, symbol)


def _after_last(following: Callable[..., Any], *args: Any) -> Any:
    """Calls pygraphviz, which says StopIteration where C says NULL."""
    try:
        return following(*args)
    except StopIteration:
        return None


def _items(graph: Any, kind: int) -> Iterator[Any]:
    if kind == cgraph.AGRAPH:
        yield from _with_subgraphs(graph)
    elif kind == cgraph.AGNODE:
        yield from nodes_of(graph)
    else:
        for node in nodes_of(graph):
            yield from edges_from(graph, node)


def nodes_of(graph: Any) -> Iterator[Any]:
    """Gives the handles of the nodes in a graph or subgraph."""
    return _chain(cgraph.agfstnode(graph), cgraph.agnxtnode, graph)


def edges_from(graph: Any, node: Any) -> Iterator[Any]:
    """Gives the handles of the edges that come from a node."""
    return _chain(cgraph.agfstout(graph, node), cgraph.agnxtout, graph)


def subgraphs_of(graph: Any) -> Iterator[Any]:
    """Gives the handles of the subgraphs right in a graph."""
    subgraph = cgraph.agfstsubg(graph)
    while subgraph is not None:
        yield subgraph
        subgraph = cgraph.agnxtsubg(subgraph)


def _chain(first: Any, following: Callable[[Any, Any], Any], graph: Any) -> Iterator[Any]:
    item = first
    while item is not None:
        yield item
        item = following(graph, item)


def _with_subgraphs(graph: Any) -> Iterator[Any]:
    waiting = [graph]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += subgraphs_of(current)
