"""Tensors in a few characters."""

from collections.abc import Sequence

from modelviz_callbacks.graph.model import TensorSpec


def shape_text(spec: TensorSpec) -> str:
    """Gives a shape; a size that is not known, or differs from row to row, is `?`."""
    return sizes_text(spec.shape)


def sizes_text(sizes: Sequence[int]) -> str:
    """Gives sizes like `[32, 64, ?]`."""
    return f"[{', '.join('?' if size < 0 else str(size) for size in sizes)}]"


def tensor_text(spec: TensorSpec) -> str:
    """Gives a tensor without its name: `[32, 64] float32 on cuda:0`."""
    return f"{shape_text(spec)} {spec.dtype} on {spec.device}"
