"""Where a module's inputs came from and where its outputs went."""

from modelviz_callbacks.graph.module_calls import calls_of
from tests.graph_drafts import GraphDraft, tensor


def draft() -> GraphDraft:
    """Two blocks of a stack with a skip connection; the head is called twice."""
    draft = GraphDraft()
    for path in ("", "a", "a.in", "a.out", "b", "b.in", "head"):
        draft.module(path)
    x = draft.input("x", 2, 8)
    model = draft.call("", None, inputs=(tensor(2, 8, name="x"),))
    a = draft.call("a", model, inputs=(tensor(2, 8, name="input"),))
    inner = draft.call("a.in", a, x)
    added = draft.op("add", a, draft.call("a.out", a, inner), x)
    b = draft.call("b", model, inputs=(tensor(2, 8),))
    last = draft.call("b.in", b, added)
    first = draft.call("head", model, last)
    draft.output("loss", draft.call("head", model, first))
    return draft


def test_ends_are_named_by_how_far_away_they_are() -> None:
    """What is beside a module as a whole, what is inside another one exactly."""
    graph = draft().build()
    flows = {
        path: [(call.fed_by, call.feeds) for call in calls_of(graph, path)]
        for path in ("", "a", "a.in", "a.out", "b", "b.in", "head")
    }
    assert flows == {
        "": [(("input x",), ("output loss",))],
        "a": [(("input x",), ("b",))],
        "a.in": [(("input x",), ("a.out",))],
        "a.out": [(("a.in",), ("add in a",))],
        "b": [(("a",), ("head",))],
        "b.in": [(("add in a",), ("head",))],
        "head": [(("b",), ("head",)), (("head",), ("output loss",))],
    }


def test_a_call_has_the_tensors_that_passed() -> None:
    """With their names and shapes."""
    (call,) = calls_of(draft().build(), "a")
    assert call.inputs == (tensor(2, 8, name="input"),)
    assert call.outputs == (tensor(2, 8),)


def test_a_module_with_two_paths_has_the_calls_of_both() -> None:
    """One that was never called has none."""
    made = draft()
    made.module("tied", tied_to="head")
    made.module("spare")
    assert len(list(calls_of(made.build(), "tied"))) == 2
    assert list(calls_of(made.build(), "spare")) == []
