"""Other shapes from the same calls."""

from modelviz_callbacks.graph.diff_shapes import describe_shapes
from modelviz_callbacks.graph.model import ArchitectureGraph, Node, TensorSpec


def spec(*shape: int) -> tuple[TensorSpec, ...]:
    return (TensorSpec(shape, "float32", "cpu"),)


def graph(begin: int, pooled: int, operation: str = "pool") -> ArchitectureGraph:
    """An input `[begin]`, in a module `net` pooled to `[pooled]`, then called `net.head`."""
    return ArchitectureGraph(
        nodes=(
            Node(0, "input", "x", outputs=spec(begin)),
            Node(1, "module", "Net", path="net", inputs=spec(begin), outputs=spec(1)),
            Node(2, "op", operation, parent=1, inputs=spec(begin), outputs=spec(pooled)),
            Node(3, "module", "Head", "net.head", 1, spec(pooled), spec(pooled)),
        )
    )


def test_nothing_is_said_where_all_shapes_are_the_same() -> None:
    """Most often."""
    assert describe_shapes(graph(8, 4), graph(8, 4), 10) == ()


def test_the_cause_is_named_and_what_follows_counted() -> None:
    """An operation that gives another shape from the same input."""
    assert describe_shapes(graph(8, 4), graph(8, 2), 10) == (
        "shapes: pool in net gives [4] → [2] and 1 more, after that",
    )


def test_another_input_is_the_cause_of_all() -> None:
    """What is in the model follows from it."""
    assert describe_shapes(graph(8, 4), graph(6, 3), 10) == (
        "shapes: input x [8] → [6] and 2 more, after that",
    )


def test_steps_that_did_something_else_are_not_compared() -> None:
    """Nothing says which call of the one is which of the other."""
    assert describe_shapes(graph(8, 4), graph(6, 3, "stride"), 10) == ()


def test_a_shape_that_comes_from_nowhere_that_was_seen_is_told_where_it_shows() -> None:
    """A tensor that the forward made itself: only who takes it is in the graph."""
    old = ArchitectureGraph(nodes=(Node(0, "op", "add", inputs=spec(8), outputs=spec(8)),))
    new = ArchitectureGraph(nodes=(Node(0, "op", "add", inputs=spec(6), outputs=spec(6)),))
    assert describe_shapes(old, new, 10) == ("shapes: add gives [8] → [6]",)
