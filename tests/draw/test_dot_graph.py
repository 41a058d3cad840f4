"""What a DOT source from elsewhere may not do to a drawing."""

import re

import pytest
from pygraphviz import graphviz as cgraph

from modelviz_callbacks.draw import dot_graph, engine
from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing

PLAIN = "digraph { a }"


def draw(dot: str) -> Drawn:
    drawn: list[Drawn] = []
    drawing = Drawing([DrawJob("g", dot, ("svg",))], 30, drawn.append)
    drawing.start()
    assert drawing.wait(60)
    return drawn[0]


def canvas(drawn: Drawn) -> str:
    found = re.search(r'width="[^"]+" height="[^"]+"', drawn.files["svg"].decode())
    return found[0] if found else ""


@pytest.mark.parametrize("font", ["monospace", "Linux libertine", "DejaVu Sans Mono"])
def test_text_is_measured_in_the_font_it_is_painted_with(font) -> None:
    """A font that the source asks for, for a node or in a label, does not change any box."""
    text = "iiiiiiiiiiiiiiiiiiiiiiii"
    plain = canvas(draw(f"digraph {{ a [shape=box label={text}] }}"))
    of_nodes = f'digraph {{ node [fontname="{font}"]; a [shape=box label={text}] }}'
    assert canvas(draw(of_nodes)) == plain
    html = "digraph {{ a [shape=box label=<{}>] }}"
    of_label = html.format(f'<FONT FACE="{font}">{text}</FONT>')
    assert canvas(draw(of_label)) == canvas(draw(html.format(text)))


@pytest.mark.parametrize("text", ["x\x01y", "x\x00y", "x\x1by", "x\ud800y", "x&#1;y", "x&#xffff;y"])
def test_characters_that_xml_cannot_hold_are_replaced(text) -> None:
    """A control character in a name costs that character, not the picture."""
    svg = engine.layout(f'digraph {{ a [label="{text}"] }}')
    assert ">x\ufffdy<" in svg


@pytest.mark.parametrize(
    "attribute",
    [
        "charset=nope",
        'charset="utf-16"',
        "layout=nope",
        "layout=neato",
        "dpi=600",
        'viewport="9,9"',
    ],
)
def test_attributes_that_change_the_engine_or_the_page_are_ignored(attribute) -> None:
    """Only the graph decides what the picture looks like."""
    assert engine.layout(f"digraph {{ {attribute}; a }}") == engine.layout(PLAIN)


def test_a_charset_does_not_garble_names() -> None:
    """The source is UTF-8, whatever it says of itself."""
    assert ">Größe<" in engine.layout('digraph { charset=latin1; a [label="Größe"] }')


def test_nodes_and_edges_with_values_of_their_own_are_reached() -> None:
    """Attributes are dropped and the font is set on what has them, not only as a default."""
    graph = dot_graph.parse('digraph { a [image="x" fontname="y"]; a -> b [URL="x" fontname="y"] }')
    dot_graph.make_safe(graph)
    node = cgraph.agnode(graph, b"a", 0)
    edge = cgraph.agfstout(graph, node)
    assert [cgraph.agget(node, name) for name in (b"image", b"fontname")] == [b"", b"Roboto"]
    assert [cgraph.agget(edge, name) for name in (b"URL", b"fontname")] == [b"", b"Roboto"]


@pytest.mark.parametrize(
    "dot",
    [
        'digraph { URL="javascript:1"; a }',
        'digraph { subgraph cluster_x { href="javascript:1"; a } }',
        'digraph { node [URL="javascript:1" target=x]; a }',
        'digraph { edge [headURL="javascript:1"]; a -> b [edgehref="javascript:1"] }',
        'digraph { stylesheet="javascript:1"; a [image="javascript:1"] }',
    ],
)
def test_no_link_is_left_wherever_it_was(dot) -> None:
    """Graphs, clusters, nodes and edges lose their links, defaults as well as own values."""
    svg = engine.layout(dot)
    assert "javascript" not in svg
    assert "href" not in svg.replace("xmlns:xlink", "")


def test_a_syntax_error_is_told_in_graphviz_words() -> None:
    """The line that Graphviz stumbled over reaches the user."""
    assert "syntax error in line 2" in (draw("digraph {\n a -> -> b }").error or "")


def test_what_graphviz_left_out_is_noted() -> None:
    """A broken HTML-like label is drawn as its node's name, and the notes say why."""
    drawn = draw("digraph { a [label=<<TABLE><TR></TABLE>>] }")
    assert drawn.status == "ok"
    assert "mismatched tag" in " ".join(drawn.notes)
