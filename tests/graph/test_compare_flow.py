"""What is another in the flow of data: skip connections, sources, operations."""

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.diff import GraphDiff
from modelviz_callbacks.graph.diff_text import describe_diff
from tests.graph.tracing import traced


class Block(nn.Module):
    """Two layers on [N, 4], with or without a way around."""

    def __init__(self, join: str = "") -> None:
        super().__init__()
        self.join = join
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.second(self.first(x).relu())
        if self.join == "add":
            return h + x
        if self.join == "mul":
            return h * x
        return torch.cat([h, x], dim=0) if self.join == "cat" else h


class Net(nn.Module):
    """Blocks and a head on [N, 4]."""

    def __init__(self, *joins: str, head: str = "") -> None:
        super().__init__()
        self.blocks = nn.ModuleList(map(Block, joins))
        self.pool, self.out = nn.Tanh(), nn.Linear(4, 2)
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        pooled = self.pool(x)
        if self.head == "unpooled":
            return self.out(x), pooled
        if self.head == "both":
            return self.out(pooled) + pooled.sum(), pooled
        return self.out(pooled), pooled


class Wrapper(nn.Module):
    """Holds a model as `inner`."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def found(old: nn.Module, new: nn.Module) -> GraphDiff:
    return compare(*(traced(model, torch.zeros(2, 4)) for model in (old, new)))


def words(old: nn.Module, new: nn.Module) -> tuple[str, ...]:
    return describe_diff(found(old, new), 9)


@pytest.mark.parametrize("join", ["add", "mul", "cat"])
def test_a_skip_connection_that_went_or_came_is_one_sentence(join) -> None:
    """The operation that joined it is not told again."""
    with_skip, without = Net("", join), Net("", "")
    way = f"in blocks.1 from its input to {join}, around first … second"
    assert words(with_skip, without) == (f"skip connections removed: {way}",)
    assert words(without, with_skip) == (f"skip connections added: {way}",)


def test_the_same_in_many_blocks_is_told_once() -> None:
    """With their number."""
    assert words(Net(*["add"] * 4), Net(*[""] * 4)) == (
        (
            "skip connections removed: in 4 × blocks.[0-3] from its input to add, "
            "around first … second"
        ),
    )


def test_a_skip_connection_that_is_joined_otherwise_is_still_there() -> None:
    """The operations are told, the way is the same."""
    diff = found(Net("add"), Net("cat"))
    assert (diff.skips_added, diff.skips_removed, diff.connections) == ((), (), ())
    assert {(change.name, change.new) for change in diff.flow} == {("add", 0), ("cat", 1)}


def test_data_from_elsewhere_is_told() -> None:
    """What is taken now, and what is not any more."""
    assert words(Net(""), Net("", head="unpooled")) == (
        "connected otherwise in the first step: out takes blocks.0 instead of pool",
    )


def test_modules_that_come_in_between_connect_nothing_otherwise() -> None:
    """They are told, and what feeds whom follows from that."""
    assert words(Net("add"), Net("add", "add")) == ("added: blocks.1 (Block with 2 modules in it)",)
    assert words(Net("add", "add"), Net("add")) == (
        "removed: blocks.1 (Block with 2 modules in it)",
    )


def test_a_model_in_another_one_has_the_same_flow() -> None:
    """Only its place is another."""
    diff = found(Net("add"), Wrapper(Net("add")))
    assert [(move.old, move.new) for move in diff.moved] == [("", "inner")]
    assert (diff.flow, diff.connections, diff.rewired) == ((), (), False)


def test_what_is_removed_within_a_moved_module_is_told_once() -> None:
    """A skip connection and its operation, though the paths are others."""
    assert words(Net("add"), Wrapper(Net(""))) == (
        "added: the model itself (Wrapper)",
        "moved or renamed: the model itself → inner",
        "skip connections removed: in blocks.0 from its input to add, around first … second",
    )


def test_more_operations_are_told_with_their_place() -> None:
    """And how often there were before."""
    assert words(Net("", head=""), Net("", head="both")) == (
        "more in the first step: add in the model itself; sum in the model itself",
    )


def test_another_order_of_calls_is_told() -> None:
    """Though all is connected as before."""

    class Two(nn.Module):
        def __init__(self, *, turned: bool) -> None:
            super().__init__()
            self.a, self.b, self.turned = nn.Linear(4, 4), nn.Linear(4, 4), turned

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            if self.turned:
                b, a = self.b(x), self.a(x)
            else:
                a, b = self.a(x), self.b(x)
            return a, b

    assert found(Two(turned=False), Two(turned=True)) == GraphDiff(rewired=True)


def test_two_steps_that_swap_modules_are_told() -> None:
    """Each takes now what the other one took."""

    class Two(nn.Module):
        def __init__(self, *, turned: bool) -> None:
            super().__init__()
            self.a, self.b, self.turned = nn.Linear(4, 4), nn.Linear(4, 4), turned

        def forward(self, x: Tensor) -> Tensor:
            return self.a(self.b(x)) if self.turned else self.b(self.a(x))

    assert words(Two(turned=False), Two(turned=True)) == (
        (
            "connected otherwise in the first step: the model itself gives out a instead of b; "
            "b takes input x instead of a; a takes b instead of input x"
        ),
    )
