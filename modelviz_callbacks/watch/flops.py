"""FLOPs of what was seen, by torch's own formulas, counted afterwards on empty tensors."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from modelviz_callbacks.graph.model import TensorSpec
from modelviz_callbacks.watch.operations import tensors_in


@dataclass(frozen=True)
class _Empty:
    """Stands for a tensor of which only shape and dtype are remembered."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    def make(self) -> torch.Tensor:
        return torch.empty(self.shape, dtype=self.dtype, device="meta")


@dataclass(frozen=True)
class ComputedCall:
    """An operation as it was called; its tensors are not kept alive.

    Attributes:
        times: How often it ran at once, under `torch.vmap`.
    """

    function: Callable[..., Any]
    args: Any
    kwargs: Any
    times: int = 1


@dataclass(frozen=True)
class Recurrence:
    """A recurrent layer as it was called, whose kernel no formula of torch's is there for."""

    flops: int


def describe_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ComputedCall:
    """Remembers an operation without its tensors."""
    named = tuple((key, _frozen(value)) for key, value in kwargs.items())
    return ComputedCall(function, _frozen(args), named, _times(tensors_in((args, kwargs))))


def describe_recurrence(module: nn.Module, inputs: tuple[TensorSpec, ...]) -> list[Recurrence]:
    """Counts what a recurrent layer multiplies, if `module` is one.

    Every element of the sequences costs, a layer and direction, a product with the input weights
    `[gates * H, in]` and one with the hidden weights `[gates * H, out]`; a multiplication and an
    addition are two.
    """
    if not isinstance(module, nn.RNNBase) or not inputs:
        return []
    elements = math.prod(inputs[0].shape[:-1])
    return [Recurrence(2 * elements * _multiplications(module))]


class FlopCount:
    """Counts FLOPs of one step; calls that are alike are counted once."""

    def __init__(self) -> None:
        """Has counted nothing yet."""
        self._known: dict[ComputedCall, int | None] = {}

    def of(self, computed: list[ComputedCall | Recurrence]) -> int | None:
        """Counts the FLOPs of what a node computed.

        Args:
            computed: Its operations.

        Returns:
            The number, or None where torch cannot tell.
        """
        counts = [c.flops if isinstance(c, Recurrence) else self._flops(c) for c in computed]
        return None if None in counts else sum(count for count in counts if count is not None)

    def _flops(self, call: ComputedCall) -> int | None:
        try:
            if call not in self._known:
                self._known[call] = _counted(call)
            return self._known[call]
        except TypeError:  # an argument that cannot be hashed
            return _counted(call)


def _counted(call: ComputedCall) -> int | None:
    counter = _Counter()
    try:
        args, kwargs = _thawed(call.args), {k: _thawed(v) for k, v in call.kwargs}
        with torch.no_grad(), counter:
            call.function(*args, **kwargs)
    except Exception:  # noqa: BLE001 - no kernel without content, an odd argument
        return None
    return call.times * counter.flops


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the formulas of `torch.utils.flop_counter`, without its hooks on modules."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        from torch.utils.flop_counter import flop_registry

        self.flops = 0
        self._formulas = flop_registry

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        formula = self._formulas.get(func._overloadpacket)
        if formula is not None:
            self.flops += int(formula(*args, **kwargs, out_val=result))
        return result


def _frozen(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return _Empty(tuple(value.shape), value.dtype)
    if isinstance(value, (tuple, list)):
        return tuple(_frozen(item) for item in value)
    return value


def _thawed(value: Any) -> Any:
    if isinstance(value, _Empty):
        return value.make()
    if isinstance(value, tuple):
        return tuple(_thawed(item) for item in value)
    return value


def _times(tensors: Iterable[torch.Tensor]) -> int:
    """Gives the product of the sizes over which `torch.vmap` maps, each of its levels once."""
    functorch: Any = torch._C._functorch
    sizes: dict[int, int] = {}
    for tensor in tensors:
        inner = tensor
        while functorch.is_functorch_wrapped_tensor(inner):
            unwrapped = functorch.get_unwrapped(inner)
            if functorch.is_batchedtensor(inner):
                level = functorch.maybe_get_level(inner)
                sizes[level] = int(unwrapped.shape[functorch.maybe_get_bdim(inner)])
            inner = unwrapped
    return math.prod(sizes.values())


def _multiplications(module: Any) -> int:
    hidden = int(module.hidden_size)
    gates = {"LSTM": 4, "GRU": 3}.get(module.mode, 1)
    projected = int(module.proj_size)
    out = projected or hidden
    directions = 2 if module.bidirectional else 1
    total, width = 0, int(module.input_size)
    for _ in range(int(module.num_layers)):
        total += directions * (gates * hidden * (width + out) + hidden * projected)
        width = directions * out
    return total
