"""DOT for any Graphviz."""

import pygraphviz
import pytest

from modelviz_callbacks.export.dot import to_dot
from tests.export.hostile_names import NAMES
from tests.graph_drafts import residual_stack
from tests.written_records import small_graph


def laid_out(dot: str) -> str:
    """What plain Graphviz draws, without any of our own steps."""
    drawn = pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot")
    return drawn.decode("utf-8")


def test_plain_graphviz_lays_it_out() -> None:
    """At the wanted depth, in a font without serifs."""
    exported = to_dot(residual_stack(3)[0].build(), 2)
    svg = laid_out(exported.text)
    assert "Block" in svg
    assert "Times" not in svg
    assert any("3 × Block" in note for note in exported.notes)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name_is_text_whatever_is_in_it(name) -> None:
    """No tag, no attribute and no node of its own."""
    draft = small_graph(name, name)
    draft.output(name, draft.op(name, 1, 2))
    dot = to_dot(draft.build(), 2).text
    graph = pygraphviz.AGraph(string=dot)
    assert {node for node in graph.nodes() if not node.startswith("room_")} == {
        "n0",
        "n2",
        "n3",
        "n4",
        "n5",
    }
    svg = laid_out(dot)
    assert "<img" not in svg
    assert "<script" not in svg
