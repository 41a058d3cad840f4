"""What is read out of a DOT source."""

import pytest

from modelviz_callbacks.draw.dot_graph import DotError
from modelviz_callbacks.draw.libraries.dot_content import DotCluster, DotEdge, DotNode, read_dot


def test_nodes_edges_and_nested_clusters_are_read() -> None:
    """Each node knows its innermost cluster, each cluster the one around it."""
    content = read_dot(
        "digraph { node [fillcolor=grey] a [label=first fillcolor=blue]"
        " subgraph cluster_0 { label=outer b [label=b]"
        " subgraph cluster_1 { label=inner c [label=c] } }"
        " a -> b [label=x2] a -> b b -> c [style=dotted dir=none] }"
    )
    assert set(content.nodes) == {
        DotNode("a", "first", "blue", None),
        DotNode("b", "b", "grey", "cluster_0"),
        DotNode("c", "c", "grey", "cluster_1"),
    }
    assert content.edges == (
        DotEdge("a", "b", "x2", "", ""),
        DotEdge("a", "b", "", "", ""),
        DotEdge("b", "c", "", "dotted", "none"),
    )
    assert content.clusters == (
        DotCluster("cluster_0", "outer", None),
        DotCluster("cluster_1", "inner", "cluster_0"),
    )


def test_nodes_come_in_the_order_of_the_source() -> None:
    """Also where clusters hold some of them."""
    content = read_dot("digraph { z subgraph cluster_b { m } a subgraph cluster_a { b } z -> b }")
    assert [node.name for node in content.nodes] == ["z", "m", "a", "b"]


@pytest.mark.parametrize("label", ['a\\"b', "ünï 🎉", "two\nlines"])
def test_labels_are_read_as_they_are_meant(label) -> None:
    """Quotes are taken off, letters and line breaks stay."""
    content = read_dot(f'digraph {{ x [label="{label}"] }}')
    assert content.nodes[0].label == label.replace('\\"', '"')


def test_what_is_no_graph_is_an_error() -> None:
    """Callers can tell a broken source from a bug."""
    with pytest.raises(DotError):
        read_dot("digraph { a -> -> b }")
