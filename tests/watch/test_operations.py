"""What operations are called, what they write, and what changes nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from modelviz_callbacks.watch.operations import (
    COMPUTING,
    changes_nothing,
    operation_name,
    tensors_in,
    version_of,
    written_tensor,
)

X = torch.ones(4, 4)


class Spy(TorchFunctionMode):
    """Keeps what the first operation was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result


def inplace(symbol: str) -> Any:
    scope: dict[str, Any] = {}
    exec(f"def run(x):\n    x {symbol} 2\n", scope)
    return scope["run"]


NAMES = {
    "add": lambda x: x + 1,
    "rsub": lambda x: 1 - x,
    "add_": inplace("+="),
    "sub_": inplace("-="),
    "mul_": inplace("*="),
    "div_": inplace("/="),
    "floor_divide_": inplace("//="),
    "remainder_": inplace("%="),
    "pow_": inplace("**="),
    "matmul": lambda x: x @ x,
    "neg": lambda x: -x,
    "getitem": lambda x: x[0],
    "setitem": lambda x: x.__setitem__(0, 1),
    "relu_": lambda x: x.relu_(),
    "relu": F.relu,
    "T": lambda x: x.T,
    "mH": lambda x: x.mH,
    "conv2d": lambda x: F.conv2d(x[None, None], x[None, None]),
    "scaled_dot_product_attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "gt": lambda x: x > 0,
    "softmax": lambda x: x.softmax(-1),
    "fft_fft": torch.fft.fft,
}


@pytest.mark.parametrize(("name", "run"), NAMES.items(), ids=NAMES)
def test_operations_are_called_what_one_would_say(name, run) -> None:
    """Methods, operators, functions and properties."""
    with Spy() as spy:
        run(X.clone())
    assert name in [operation_name(function) for function, *_ in spy.calls]


def test_nameless_functions_are_called_by_their_class() -> None:
    """Whatever is called has a name."""

    class Odd:
        def __call__(self) -> None: ...

    assert operation_name(Odd()) == "Odd"


WRITES = {
    "in place": (lambda x: x.add_(1), True),
    "operator": (inplace("+="), True),
    "assignment": (lambda x: x.__setitem__(0, 1.0), True),
    "out": (lambda x: torch.add(x, 1, out=x), True),
    "function told to": (lambda x: F.relu(x, inplace=True), True),
    "plain": (lambda x: x + 1, False),
    "view": (lambda x: x[0], False),
}


@pytest.mark.parametrize(("run", "writes"), WRITES.values(), ids=WRITES)
def test_what_is_written_is_told(run, writes) -> None:
    """The tensor itself, or nothing."""
    x = X.clone()
    with Spy() as spy:
        run(x)
    written = [written_tensor(*call) for call in spy.calls]
    assert (written[0] is x) == writes
    assert writes or written == [None] * len(written)


def test_conversions_to_what_a_tensor_is_change_nothing() -> None:
    """Only where the very same tensor comes back."""
    before = version_of(X)
    assert changes_nothing("float", (X,), before, X)
    assert changes_nothing("dropout", (X,), before, X)
    assert not changes_nothing("float", (X,), before, X.clone())
    assert not changes_nothing("to", (), before, X)
    written = X.clone()
    before = version_of(written)
    assert not changes_nothing("relu", (written,), before, written.relu_())


def test_without_a_version_the_name_tells_what_was_written() -> None:
    """Inference tensors have no counter; an underscore says it all the same."""
    with torch.inference_mode():
        x = torch.zeros(2)
    assert version_of(x) is None
    assert version_of("text") is None
    assert changes_nothing("float", (x,), None, x)
    assert not changes_nothing("add_", (x,), None, x)


def test_tensors_are_found_in_order_in_nested_arguments() -> None:
    """Of lists, tuples and dicts; nothing else is an operation's argument."""
    a, b, c = (torch.ones(1) for _ in range(3))
    found = list(tensors_in(((a, [b, None]), {"out": (c,), "dim": 1})))
    assert all(x is y for x, y in zip(found, (a, b, c), strict=True))


def test_what_computes_is_callable_and_has_a_name() -> None:
    """A renamed function of torch's would silently count nothing."""
    assert {"linear", "conv2d", "matmul", "bmm", "einsum"} <= set(map(operation_name, COMPUTING))
    assert Tensor.__matmul__ in COMPUTING
