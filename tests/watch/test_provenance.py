"""Which node made which tensor: by identity, through views, and through autograd's graph."""

import gc
import weakref

import torch

from modelviz_callbacks.watch.provenance import CONSTANT, Provenance


def test_a_tensor_is_known_by_identity_and_not_by_value() -> None:
    """An equal tensor, and another one that shares the memory, are others."""
    known = Provenance()
    x = torch.ones(3)
    known.note(x, (4, 1))
    assert known.of(x) == (4, 1)
    assert known.of(torch.ones(3)) is None
    assert known.of(x.detach()) is None


def test_the_latest_maker_counts() -> None:
    """A module that gives its input back made it last."""
    known = Provenance()
    known.note(x := torch.ones(3), (1, 0))
    known.note(x, (2, 0))
    assert known.of(x) == (2, 0)


def test_tensors_are_not_kept_alive_and_not_confused_with_later_ones() -> None:
    """The next tensor at a freed address is a stranger."""
    known = Provenance()
    gone = torch.ones(3)
    reference = weakref.ref(gone)
    known.note(gone, (1, 0))
    known.note_written(gone, (2, 0))
    address = id(gone)
    del gone
    gc.collect()
    assert reference() is None
    others = [torch.ones(3) for _ in range(1_000)]
    assert all(known.of(other) is None for other in others)
    assert any(id(other) == address for other in others)


def test_writing_into_a_view_writes_its_base() -> None:
    """Also into a view of a view; other views are found by the base."""
    known = Provenance()
    base = torch.zeros(4, 4)
    known.note(base, CONSTANT)
    view = base[:2][0]
    known.note_written(view, (5, 0))
    assert known.of(view) == (5, 0)
    assert known.of(base) == (5, 0)
    assert known.of(base[3]) is None
    assert known.of_view(base[3]) == (5, 0)


def test_what_is_written_as_a_whole_shows_in_views_that_were_there() -> None:
    """Later writes beat the view's own maker; earlier ones and writes of a part do not."""
    known = Provenance()
    base = torch.zeros(4, 4)
    view = base[0]
    known.note(base, (1, 0))
    known.note(view, (2, 0))
    known.note_written(base, (3, 0), whole=False)
    assert known.of(view) == (2, 0)
    known.note_written(base, (4, 0))
    assert known.of(view) == (4, 0)
    known.note(view, (5, 0))
    assert known.of(view) == (5, 0)


def test_a_tensor_that_is_no_view_has_no_base() -> None:
    """Nothing is guessed of it."""
    known = Provenance()
    assert known.of_view(torch.ones(3)) is None
    assert known.of_view(torch.ones(3)[0]) is None


def test_autograds_graph_tells_the_nearest_known_ancestors() -> None:
    """What lies behind a known tensor is not asked; both ways in are found once."""
    known = Provenance()
    leaf = torch.ones(3, requires_grad=True)
    far = leaf * 2
    left, right = far + 1, far + 2
    known.note(far, (1, 0))
    known.note(left, (2, 0))
    known.note(right, (3, 0))
    unseen = ((left * right) + left).exp()
    assert known.ancestors(unseen) == [(2, 0), (3, 0)]


def test_without_gradients_autograd_tells_nothing() -> None:
    """No graph, no ancestors; none of unknown origin either."""
    known = Provenance()
    x = torch.ones(3, requires_grad=True)
    known.note(x, (1, 0))
    with torch.no_grad():
        assert known.ancestors(x * 2) == []
    assert known.ancestors(torch.ones(3, requires_grad=True) * 2) == []


def test_searches_through_autograds_graph_are_bounded() -> None:
    """Neither far back nor again and again: the training waits for them."""
    known = Provenance()
    x = torch.ones(3, requires_grad=True) * 1
    known.note(x, (1, 0))
    far = x
    for _ in range(100):
        far = far + 1
    assert known.ancestors(far) == []
    near = x + 1
    assert known.ancestors(near) == [(1, 0)]
    for _ in range(1_000):
        known.ancestors(near)
    assert known.ancestors(near) == []


def test_a_batched_tensor_is_known_by_what_it_wraps() -> None:
    """`torch.vmap` makes a new wrapper whenever it likes."""
    known = Provenance()
    x = torch.ones(3, 2)
    known.note(x, (1, 0))
    seen = []

    def inside(row: torch.Tensor) -> torch.Tensor:
        seen.append(known.of(row))
        return row

    torch.vmap(inside)(x)
    assert seen == [(1, 0)]
