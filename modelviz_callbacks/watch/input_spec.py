"""What went in: names, shapes, dtypes and devices of tensors, without the tensors."""

from typing import Any

import torch

from modelviz_callbacks.watch.tensor_specs import dtype_name, sizes
from modelviz_callbacks.watch.tensor_tree import named_tensors

_MOST_TENSORS = 1_000


def tensor_specs(tree: Any, name: str = "") -> dict[str, dict[str, Any]]:
    """Describes each tensor in nested data.

    Args:
        tree: The data; tensors of any shape anywhere in it.
        name: The name of the data itself.

    Returns:
        By name, like `"batch.image"`: `shape` (a list of sizes; -1 where a nested tensor's rows
        differ), `dtype`, `device` and `requires_grad`; plain values. At most the first thousand
        tensors.
    """
    tensors = list(named_tensors(tree, name))[:_MOST_TENSORS]
    return {tensor_name: _spec(tensor) for tensor_name, tensor in tensors}


def _spec(tensor: torch.Tensor) -> dict[str, Any]:
    return {
        "shape": list(sizes(tensor)),
        "dtype": dtype_name(tensor.dtype),
        "device": str(tensor.device),
        "requires_grad": tensor.requires_grad,
    }
