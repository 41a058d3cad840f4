"""Many operations of one call, drawn in few boxes."""

import random
from graphlib import TopologicalSorter

import pytest

from modelviz_callbacks.graph.fold import View, view_graph
from modelviz_callbacks.graph.gathering import has_heap
from tests.graph_drafts import GraphDraft, links, walk


def gathered(view: View) -> list[tuple[int, ...]]:
    return [box.gathered for box in walk(view.boxes) if box.gathered]


def detector(operations: int = 30) -> tuple[GraphDraft, int, list[int], list[int]]:
    """A model with operations before and after a layer.

    Returns:
        The draft, and the ids of the layer and of the operations before and after it.
    """
    draft = GraphDraft()
    draft.module("", "Model"), draft.module("layer", "Linear")
    last, root = draft.input(), draft.call("", None, inputs=())
    before, after = [], []
    for number in range(operations):
        last = draft.op(f"before_{number}", root, last)
        before.append(last)
    layer = last = draft.call("layer", root, last)
    for number in range(operations):
        last = draft.op(f"after_{number}", root, last)
        after.append(last)
    draft.output("output", last)
    return draft, layer, before, after


def test_operations_on_each_side_of_a_layer_are_a_box() -> None:
    """The first stands for all, and links go from box to box."""
    draft, layer, before, after = detector()
    view = view_graph(draft.build(), 1)
    assert gathered(view) == [tuple(before), tuple(after)]
    assert [box.hidden for box in walk(view.boxes) if box.gathered] == [29, 29]
    output = after[-1] + 1
    assert links(view) == {
        (0, before[0]),
        (before[0], layer),
        (layer, after[0]),
        (after[0], output),
    }


def test_the_note_tells_where_and_how_to_see_each() -> None:
    """The call, how many operations, and the depth."""
    (note,) = view_graph(detector()[0].build(), 1).notes
    assert "Model (60)" in note
    assert "depth 2" in note


@pytest.mark.parametrize(("operations", "depth"), [(30, 2), (20, 1), (30, 9)])
def test_each_is_drawn_where_they_are_few_or_all_is_open(operations, depth) -> None:
    """Forty are few; at a depth below all calls nothing is left out."""
    graph = detector(operations)[0].build()
    view = view_graph(graph, depth)
    assert not gathered(view)
    assert has_heap(graph) == (operations == 30)
    assert len(links(view)) == 2 * operations + 2


def test_what_is_not_connected_stays_apart() -> None:
    """Two chains side by side are two boxes; two operations are not worth one."""
    draft = GraphDraft()
    data, root = draft.input(), draft.call("", None, inputs=())
    last = [data, data, data]
    for number in range(60):
        branch = 2 if number in {10, 50} else number % 2
        last[branch] = draft.op(f"op_{number}", root, last[branch])
    groups = gathered(view_graph(draft.build(), 1))
    assert sorted(map(len, groups)) == [28, 30]


def test_no_box_feeds_itself_by_way_of_another_one() -> None:
    """Whatever operations and layers there are: what data flows between is no circle."""
    for seed in range(20):
        chance = random.Random(seed)
        draft = GraphDraft()
        draft.module("layer", "Linear")
        made, root = [draft.input()], draft.call("", None, inputs=())
        for number in range(120):
            sources = [made[-1 - min(int(chance.expovariate(0.3)), len(made) - 1)] for _ in "ab"]
            is_layer = chance.random() < 0.1
            made.append(
                draft.call("layer", root, sources[0])
                if is_layer
                else draft.op(f"op_{number}", root, *sources)
            )
        view = view_graph(draft.build(), 1)
        assert gathered(view)
        before: dict[int, set[int]] = {}
        for source, target in links(view):
            before.setdefault(target, set()).add(source)
        list(TopologicalSorter(before).static_order())


def test_a_failure_in_gathered_operations_is_at_their_box() -> None:
    """So that it is seen at every depth."""
    draft, _, before, _ = detector()
    draft.fail(before[7])
    assert view_graph(draft.build(), 1).failed == before[0]


def test_equal_blocks_that_lead_to_gathered_operations_are_equal() -> None:
    """Each block's side output goes to another operation, but all of these are one box."""
    draft = GraphDraft()
    draft.module("", "Model"), draft.module("blocks", "Blocks")
    last, root = draft.input(), draft.call("", None, inputs=())
    stack = draft.call("blocks", root, inputs=())
    sides = []
    for number in range(8):
        draft.module(f"blocks.{number}", "Block")
        last = draft.call(f"blocks.{number}", stack, last)
        sides.append(last)
    total = draft.op("zeros", root, last)
    for number, side in enumerate(sides):
        for step in range(6):
            side = draft.op(f"step_{number}_{step}", root, side)  # noqa: PLW2901 - a chain
        total = draft.op("add", root, total, side)
    graph = draft.build()
    counts = [[box.count for box in walk(view_graph(graph, d).boxes) if box.paths] for d in (2, 3)]
    assert counts == [[1, 1, 8], [1] * 10]
