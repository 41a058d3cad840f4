"""The view of a graph: what is closed, how links are lifted, what failed."""

import pytest

from modelviz_callbacks.graph.fold import View, view_graph
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph_drafts import GraphDraft, links, residual_stack, tensor, walk


@pytest.mark.parametrize(
    ("depth", "shown", "hidden"),
    [(0, ["Model"], 7), (1, ["Model", "Block", "Linear"], 3), (2, ["Model", "Block", "Linear"], 0)],
)
def test_containers_deeper_than_the_depth_are_closed(depth, shown, hidden) -> None:
    """A closed call is one box that tells how much is in it; what is above it is open."""
    draft, _ = residual_stack(1, layers=2)
    view = view_graph(draft.build(), depth)
    names = [box.node.name for box in walk(view.boxes) if box.node and box.node.kind == "module"]
    assert list(dict.fromkeys(names)) == shown
    assert max(box.hidden for box in walk(view.boxes)) == (hidden if depth else 5)


def test_operations_of_an_open_call_are_shown() -> None:
    """At depth 2 the addition in a block is a box in the block, at depth 1 it is not."""
    draft, ids = residual_stack(1)
    addition = ids[0][-1]
    shown = [{box.id for box in walk(view_graph(draft.build(), d).boxes)} for d in (1, 2)]
    assert [addition in boxes for boxes in shown] == [False, True]


def test_metrics_stay_closed() -> None:
    """What a metric of torchmetrics does is no part of the network; other modules are open."""
    draft = GraphDraft()
    data, root = draft.input(), draft.call("", None, inputs=())
    for path, home in (("accuracy", "torchmetrics.classification"), ("block", "mine")):
        draft.module(path, f"{home}.Accuracy")
        draft.op("eq", draft.call(path, root, inputs=()), data)
    shown = [box for box in walk(view_graph(draft.build(), 9).boxes) if box.paths]
    assert [(box.paths, box.hidden) for box in shown[1:]] == [(("accuracy",), 1), (("block",), 0)]


def test_edges_are_lifted_to_what_is_shown_and_merged() -> None:
    """Three tensors into a closed block are one link, and edges inside it are none."""
    draft, ids = residual_stack(1)
    block = ids[0][0]
    view = view_graph(draft.build(), 1)
    head = draft.nodes[-2].id
    assert links(view) == {(0, block), (1, block), (block, head), (head, head + 1)}
    assert len(view.links) == 4


def test_a_link_carries_each_tensor_once() -> None:
    """Two outputs of a cell that go to the next box are two tensors, whatever takes them."""
    draft = GraphDraft()
    two = (
        tensor(3, 4),
        tensor(
            5,
        ),
    )
    cell = draft.op("chunk", None, draft.input(), outputs=two)
    draft.op("stack", None, (cell, 0), (cell, 1), (cell, 0))
    (_, link) = view_graph(draft.build(), 1).links
    assert [spec.shape for spec in link.tensors] == [(3, 4), (5,)]


def test_what_is_closed_is_noted() -> None:
    """The notes name the depth, the closed calls and how much is in them."""
    draft, _ = residual_stack(1)
    (note,) = view_graph(draft.build(), 1).notes
    assert "depth 1" in note
    assert "3 calls and operations" in note
    assert "blocks.0" in note


def test_a_step_with_two_roots_shows_both_and_its_own_operations() -> None:
    """A GAN's networks and loss stand side by side, and each call of the same network."""
    draft = GraphDraft()
    for path in ("G", "D"):
        draft.module(path, "Net")
    noise, image = draft.input("noise"), draft.input("image")
    fake = draft.call("G", None, noise)
    loss = draft.op("add", None, draft.call("D", None, image), draft.call("D", None, fake))
    draft.output("loss", loss)
    view = view_graph(draft.build(), 3)
    names = [box.node.name for box in view.boxes if box.node]
    assert names == ["noise", "image", "Net", "Net", "Net", "add", "loss"]
    assert len(view.links) == 6


@pytest.mark.parametrize(("depth", "box"), [(0, 0), (1, 1), (2, 2)])
def test_the_failed_box_is_the_innermost_that_is_shown(depth, box) -> None:
    """Where the failed node is too deep, the closed call around it has failed."""
    draft, ids = residual_stack(1)
    draft.fail(ids[0][2])
    inside_out = [2, ids[0][0], ids[0][2]]
    assert view_graph(draft.build(), depth).failed == inside_out[box]


def test_an_empty_graph_has_an_empty_view() -> None:
    """A step that failed at once left nothing to see."""
    assert view_graph(ArchitectureGraph(), 3) == View()


def test_a_tower_of_containers_is_closed_at_some_level() -> None:
    """Hundreds of boxes in boxes are neither legible nor a reason to fail."""
    draft = GraphDraft()
    data, last = draft.input(), None
    for _ in range(1_000):
        last = draft.call("", last, inputs=())
    draft.op("relu", last, data)
    view = view_graph(draft.build(), 2_000)
    assert sum(1 for _ in walk(view.boxes)) == 102
    assert "depth 100" in view.notes[0]


def test_what_is_folded_can_be_chosen() -> None:
    """A caller who wants every block gets every block, and no note."""
    draft, ids = residual_stack(4)
    graph = draft.build()
    assert any(box.count == 4 for box in walk(view_graph(graph, 1).boxes))
    view = view_graph(graph, 1, folds=lambda run: run.count > 4)
    shown = [box.id for box in walk(view.boxes)]
    assert all(block[0] in shown for block in ids)
    assert {box.count for box in walk(view.boxes)} == {1}
    assert view.folded == ()
