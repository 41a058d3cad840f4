"""FLOPs of single calls, remembered without their tensors."""

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from modelviz_callbacks.watch.flops import (
    ComputedCall,
    FlopCount,
    Recurrence,
    describe_call,
    describe_recurrence,
)
from modelviz_callbacks.watch.tensor_specs import tensor_spec
from tests.graph.tracing import traced


def flops(function: Any, *args: Any, **kwargs: Any) -> int | None:
    return FlopCount().of([describe_call(function, args, kwargs)])


X = torch.ones(3, 8)

CALLS = {
    "linear": (F.linear, (X, torch.ones(4, 8)), {}, 2 * 3 * 8 * 4),
    "linear by keywords": (F.linear, (X,), {"weight": torch.ones(4, 8)}, 2 * 3 * 8 * 4),
    "matmul": (torch.matmul, (X, torch.ones(8, 5)), {}, 2 * 3 * 8 * 5),
    "batched": (torch.bmm, (torch.ones(2, 3, 8), torch.ones(2, 8, 5)), {}, 2 * 2 * 3 * 8 * 5),
    "convolution": (
        F.conv2d,
        (torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3)),
        {"padding": 1},
        2 * 2 * 4 * 3 * 9 * 64,
    ),
    "einsum": (torch.einsum, ("ij,kj->ik", X, torch.ones(5, 8)), {}, 2 * 3 * 8 * 5),
    "half precision": (F.linear, (X.bfloat16(), torch.ones(4, 8).bfloat16()), {}, 192),
    "integers": (torch.matmul, (X.long(), torch.ones(8, 5).long()), {}, 2 * 3 * 8 * 5),
    "no multiplication": (torch.add, (X, X), {}, 0),
}


@pytest.mark.parametrize(("function", "args", "kwargs", "by_hand"), CALLS.values(), ids=CALLS)
def test_a_call_costs_what_one_counts_by_hand(function, args, kwargs, by_hand) -> None:
    """A multiplication and an addition are two."""
    assert flops(function, *args, **kwargs) == by_hand


def test_a_remembered_call_keeps_no_tensor_alive() -> None:
    """Shapes and dtypes are enough."""
    x, weight = torch.ones(3, 8), torch.ones(4, 8)
    references = [weakref.ref(x), weakref.ref(weight)]
    call = describe_call(F.linear, (x,), {"weight": weight, "bias": None})
    del x, weight
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert FlopCount().of([call]) == 192


def test_calls_of_one_node_are_added_and_nothing_costs_nothing() -> None:
    """A leaf may compute several things, or nothing that counts."""
    call = describe_call(F.linear, (X, torch.ones(4, 8)), {})
    assert FlopCount().of([call, call, Recurrence(10)]) == 192 + 192 + 10
    assert FlopCount().of([]) == 0


def test_what_cannot_be_counted_makes_the_sum_unknown() -> None:
    """A call that fails on empty tensors, or with arguments that cannot be hashed."""

    def reads(x: torch.Tensor) -> float:
        return x.sum().item()

    unknown = describe_call(reads, (X,), {})
    assert FlopCount().of([unknown]) is None
    assert FlopCount().of([Recurrence(10), unknown]) is None


def test_arguments_that_cannot_be_hashed_are_counted_all_the_same() -> None:
    """They only cannot be remembered for the next time."""

    def apply(weights: dict[str, int], x: torch.Tensor) -> torch.Tensor:
        return x @ torch.empty(8, weights["out"], device="meta")

    assert flops(apply, {"out": 5}, X) == 2 * 3 * 8 * 5


def test_counting_runs_unseen_on_no_device() -> None:
    """Random numbers, gradients and the tensors' memory are left alone."""
    state = torch.get_rng_state()
    call = describe_call(F.linear, (torch.ones(2, 8),), {"weight": torch.ones(4, 8)})
    huge = ComputedCall(call.function, call.args, call.kwargs, times=10**12)
    assert FlopCount().of([huge]) == 2 * 2 * 8 * 4 * 10**12
    assert torch.equal(torch.get_rng_state(), state)


def test_a_mapped_call_counts_for_each_element() -> None:
    """`torch.vmap` over five rows and, inside, over three."""
    seen = []

    def inside(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.append(flops(torch.matmul, x, y))
        return x @ y

    torch.vmap(inside)(torch.ones(5, 2, 8), torch.ones(5, 8, 4))
    torch.vmap(torch.vmap(inside), in_dims=(0, None))(torch.ones(5, 3, 2, 8), torch.ones(3, 8, 4))
    assert seen == [5 * 2 * 2 * 8 * 4, 5 * 3 * 2 * 2 * 8 * 4]


def test_only_recurrent_layers_are_counted_as_such() -> None:
    """Their fused kernels have no formula; without an input there is nothing to count."""
    spec = (tensor_spec(torch.ones(7, 2, 8)),)
    assert describe_recurrence(nn.Linear(8, 4), spec) == []
    assert describe_recurrence(nn.LSTM(8, 4), ()) == []
    assert describe_recurrence(nn.RNN(8, 4), spec) == [Recurrence(2 * 7 * 2 * (4 * 8 + 4 * 4))]


def test_a_node_that_ran_in_the_dark_has_no_figure() -> None:
    """Rather none than a wrong one; a node that computes nothing costs nothing."""
    scripted = nn.Sequential(torch.jit.script(nn.Linear(8, 4)), nn.ReLU())
    found = {node.path: node.flops for node in traced(scripted, X).nodes if node.kind == "module"}
    assert found == {"": 0, "0": None, "1": 0}
