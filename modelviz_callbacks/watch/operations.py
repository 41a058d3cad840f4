"""Operations between modules: their names, what they write, which of them compute."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# They start or belong to the backward pass.
BACKWARD = frozenset({Tensor.backward, torch.autograd.backward})

_PLAIN = (Tensor, torch.nn.Parameter)
_IN_PLACE_OPERATORS = {
    "iadd": "add_",
    "isub": "sub_",
    "imul": "mul_",
    "itruediv": "div_",
    "ifloordiv": "floor_divide_",
    "imod": "remainder_",
    "ipow": "pow_",
    "iand": "bitwise_and_",
    "ior": "bitwise_or_",
    "ixor": "bitwise_xor_",
    "ilshift": "bitwise_left_shift_",
    "irshift": "bitwise_right_shift_",
}

# What torch's FlopCounterMode has formulas for, as it is called from Python.
COMPUTING = frozenset(
    {
        F.linear,
        F.bilinear,
        F.conv1d,
        F.conv2d,
        F.conv3d,
        F.conv_transpose1d,
        F.conv_transpose2d,
        F.conv_transpose3d,
        F.scaled_dot_product_attention,
        F.multi_head_attention_forward,
        torch.matmul,
        torch.mm,
        torch.mv,
        torch.bmm,
        torch.addmm,
        torch.addmv,
        torch.addbmm,
        torch.baddbmm,
        torch.einsum,
        torch.tensordot,
        torch.inner,
        torch.cdist,
        torch.linalg.multi_dot,
        torch.linalg.matmul,
        torch.linalg.matrix_power,
        torch.matrix_power,
        torch.chain_matmul,
        torch.convolution,
        torch.cov,
        torch.corrcoef,
        torch.lstm_cell,
        torch.gru_cell,
        torch.rnn_tanh_cell,
        torch.rnn_relu_cell,
        Tensor.matmul,
        Tensor.__matmul__,
        Tensor.__rmatmul__,
        Tensor.mm,
        Tensor.mv,
        Tensor.bmm,
        Tensor.addmm,
        Tensor.addmm_,
        Tensor.addmv,
        Tensor.addbmm,
        Tensor.baddbmm,
        Tensor.baddbmm_,
        Tensor.inner,
    }
)


def version_of(value: Any) -> int | None:
    """Gives how often a plain tensor has been written, or None where that cannot be told."""
    if type(value) not in _PLAIN:
        return None
    tensor: Tensor = value
    # Asked between the step's operations: no mode of the user's may see it.
    with torch._C.DisableTorchFunction():
        # An inference tensor has no version counter.
        return None if tensor.is_inference() else tensor._version


def changes_nothing(name: str, args: tuple[Any, ...], before: int | None, result: Any) -> bool:
    """Whether an operation gave its first argument back as it was, as `x.float()` may.

    Args:
        name: The operation's name.
        args: Its arguments.
        before: The first argument's version before it.
        result: Its result.
    """
    if not args or result is not args[0] or not isinstance(result, Tensor):
        return False
    return version_of(result) == before if before is not None else not name.endswith("_")


def operation_name(function: Callable[..., Any]) -> str:
    """Names an operation as one would say it: `"add"`, `"conv2d"`, `"getitem"`, `"relu_"`.

    Args:
        function: What `__torch_function__` was called with.

    Returns:
        Its name; in-place operations end in an underscore.
    """
    name: str = getattr(function, "__name__", type(function).__name__)
    if name in ("__get__", "__set__"):  # a property like Tensor.T
        name = getattr(getattr(function, "__self__", None), "__name__", name)
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
        return _IN_PLACE_OPERATORS.get(name, name)
    return name.lstrip("_") or name


def tensors_in(value: Any) -> list[Tensor]:
    """Gives the tensors among an operation's arguments or results, in order."""
    found: list[Tensor] = []
    _find_tensors(value, found)
    return found


def _find_tensors(value: Any, found: list[Tensor]) -> None:
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, (tuple, list)):
        for item in value:
            _find_tensors(item, found)
    elif isinstance(value, dict):
        for item in value.values():
            _find_tensors(item, found)


def written_tensor(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> Tensor | None:
    """Gives the tensor that an operation wrote in place, if it did."""
    first = args[0] if args else None
    if function is Tensor.__setitem__:
        return first if isinstance(first, Tensor) else None
    if isinstance(result, Tensor) and (result is first or result is kwargs.get("out")):
        return result
    return None
