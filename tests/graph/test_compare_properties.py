"""What holds of the diff of any two graphs."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelviz_callbacks.comparison.costs_apart import part_costs, total_changes
from modelviz_callbacks.graph.compare import GraphPair, compare
from modelviz_callbacks.graph.diff import GraphDiff, ModuleMove
from modelviz_callbacks.graph.diff_marks import diff_marks
from modelviz_callbacks.graph.diff_text import describe_diff
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph.random_graphs import edited, graphs, renamed

PAIRS = st.one_of(
    graphs().flatmap(lambda graph: st.tuples(st.just(graph), edited(graph))),
    st.tuples(graphs(), graphs()),
)


@given(graphs())
def test_a_graph_differs_from_itself_in_nothing(graph) -> None:
    """Whatever is in it."""
    assert compare(graph, graph) == GraphDiff()


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_a_diff_is_empty_if_and_only_if_the_fingerprints_are_equal(pair) -> None:
    """And has words exactly then."""
    diff = compare(*pair)
    assert bool(diff) == (fingerprints(pair[0]) != fingerprints(pair[1]))
    assert bool(describe_diff(diff, 3)) == bool(diff)


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_the_other_way_round_a_diff_is_mirrored(pair) -> None:
    """What was added is removed, what was moved is moved back."""
    there, back = compare(*pair), compare(*reversed(pair))
    assert there.added == back.removed
    assert there.removed == back.added
    assert {(m.old, m.new) for m in there.moved} == {(m.new, m.old) for m in back.moved}
    to_old = GraphPair(*pair).match.to_old
    assert {to_old[change.path] for change in there.changed} == {m.path for m in back.changed}
    assert (there.reordered, there.rewired) == (back.reordered, back.rewired)
    assert set(there.skips_added) == set(back.skips_removed)
    assert set(there.skips_removed) == set(back.skips_added)
    assert sorted((c.old, c.new) for c in there.flow) == sorted((c.new, c.old) for c in back.flow)
    assert {(c.lost, c.gained) for c in there.connections} == {
        (c.gained, c.lost) for c in back.connections
    }


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_each_module_is_told_of_once(pair) -> None:
    """It came, went, or is one module in both; what is said of it can be marked."""
    diff = compare(*pair)
    match = GraphPair(*pair).match
    old, new = ({entry.path for entry in graph.modules} for graph in pair)
    assert {entry.path for entry in diff.removed} | match.to_new.keys() == old
    assert {entry.path for entry in diff.added} | match.to_old.keys() == new
    assert len(match.to_new) == len(match.to_old)
    before, after = diff_marks(GraphPair(*pair))
    assert before.modules.keys() <= old
    assert after.modules.keys() <= new
    assert after.nodes.keys() <= {node.id for node in pair[1].nodes}
    assert before.nodes.keys() <= {node.id for node in pair[0].nodes}


@given(graphs(), st.data())
def test_a_rename_is_all_that_is_told(graph, data) -> None:
    """Of a module of which there is no other one like it."""
    tops = [m for m in graph.modules if m.path and "." not in m.path and not m.path.isdecimal()]
    assume(tops)
    entry = data.draw(st.sampled_from(tops))
    unique = ArchitectureGraph(
        tuple(
            m if m.path != entry.path else type(m)(m.path, "a.Unique", parameters=m.parameters)
            for m in graph.modules
        ),
        graph.nodes,
        graph.edges,
    )
    assert compare(unique, renamed(unique, entry.path, "renamed")) == GraphDiff(
        moved=(ModuleMove(entry.path, "renamed"),)
    )


@given(PAIRS)
def test_parts_add_up_to_what_the_model_gained(pair) -> None:
    """No parameter is counted twice, and none is left out."""
    parts = part_costs(GraphPair(*pair), same_input=True)
    (total,) = (t for t in total_changes(*pair) if t.name == "parameters")
    assert sum(part.parameters for part in parts) == (total.new or 0) - (total.old or 0)
