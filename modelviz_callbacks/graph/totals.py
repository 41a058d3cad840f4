"""What a model holds, counted: shared tensors once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Totals:
    """Sizes of a whole model.

    Attributes:
        parameters: Number of values in parameters; a shared parameter counts once.
        trainable_parameters: The same for parameters that require a gradient.
        buffers: Number of values in buffers.
        parameter_bytes: Size of the parameters.
        buffer_bytes: Size of the buffers.
        uninitialized: Number of lazy parameters and buffers that have no shape yet; they are in
            none of the figures.
        flops_forward: Floating-point operations of one forward, or None where not counted.
    """

    parameters: int
    trainable_parameters: int
    buffers: int
    parameter_bytes: int
    buffer_bytes: int
    uninitialized: int = 0
    flops_forward: int | None = None


def count_totals(model: "nn.Module") -> Totals:
    """Counts the parameters and buffers of a model, each tensor once."""
    from torch.nn.parameter import is_lazy

    every_parameter: list[Tensor] = list(model.parameters())
    every_buffer: list[Tensor] = list(model.buffers())
    parameters = [p for p in every_parameter if not is_lazy(p)]
    buffers = [b for b in every_buffer if not is_lazy(b)]
    return Totals(
        parameters=_values(parameters),
        trainable_parameters=_values(p for p in parameters if p.requires_grad),
        buffers=_values(buffers),
        parameter_bytes=sum(p.numel() * p.element_size() for p in parameters),
        buffer_bytes=sum(b.numel() * b.element_size() for b in buffers),
        uninitialized=len(every_parameter + every_buffer) - len(parameters + buffers),
    )


def _values(tensors: "Iterable[Tensor]") -> int:
    return sum(tensor.numel() for tensor in tensors)
