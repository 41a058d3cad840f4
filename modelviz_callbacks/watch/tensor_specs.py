"""Describing tensors: shape, dtype and device, never the content."""

from functools import lru_cache

import torch

from modelviz_callbacks.graph.model import TensorSpec


@lru_cache(maxsize=256)
def dtype_name(dtype: torch.dtype) -> str:
    """Names a dtype as in `"float32"`."""
    return str(dtype).removeprefix("torch.")


@lru_cache(maxsize=256)
def _device_name(device: torch.device) -> str:
    return str(device)


def tensor_spec(tensor: torch.Tensor, name: str = "") -> TensorSpec:
    """Describes a tensor of any kind; a nested one's ragged sizes are -1."""
    return TensorSpec(sizes(tensor), dtype_name(tensor.dtype), _device_name(tensor.device), name)


def sizes(tensor: torch.Tensor) -> tuple[int, ...]:
    """Gives a tensor's shape; a nested tensor's ragged sizes are -1."""
    if not tensor.is_nested:
        return tuple(map(int, tensor.shape))
    return tuple(_nested_size(tensor, dim) for dim in range(tensor.dim()))


def _nested_size(tensor: torch.Tensor, dim: int) -> int:
    try:
        return int(tensor.size(dim))
    except (AttributeError, RuntimeError, TypeError, ValueError):  # a ragged size
        return -1
