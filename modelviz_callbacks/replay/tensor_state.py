"""One tensor of a model: its storage, content, gradient and version before a replay."""

from typing import Any

import torch
from torch.nn.parameter import is_lazy


class TensorState:
    """Remembers one tensor without copying it, unless `keep_content` is set."""

    def __init__(self, tensor: torch.Tensor, *, keep_content: bool = False) -> None:
        """Remembers `tensor`, of any shape, layout and device."""
        self._tensor = tensor
        self._lazy = is_lazy(tensor)
        self._alias = None if self._lazy else _plain_alias(tensor)
        self._version = None if self._lazy else _version(tensor)
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self._grad_version = None if self._grad is None else _version(self._grad)
        self._memory = None
        if keep_content and self._alias is not None:
            self._memory = _writable(self._alias)
        self._content = None if self._memory is None else _clone(self._memory)

    def restore(self) -> None:
        """Puts the tensor back as it was; its version counter too."""
        if self._lazy:
            return
        self._restore_storage()
        if self._memory is not None and self._content is not None:
            _write(self._memory, self._content)
        self._restore_grad()
        _set_version(self._tensor, self._version)

    def _restore_storage(self) -> None:
        if self._alias is not None and not _is_same_view(self._tensor, self._alias):
            self._tensor.data = self._alias

    def _restore_grad(self) -> None:
        if not self._tensor.is_leaf:
            return
        if self._tensor.requires_grad != self._requires_grad:
            self._tensor.requires_grad_(self._requires_grad)
        if self._tensor.grad is not self._grad:
            self._tensor.grad = self._grad
        if self._grad is not None:
            _set_version(self._grad, self._grad_version)


def _plain_alias(tensor: torch.Tensor) -> torch.Tensor:
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.detach()


def _writable(alias: torch.Tensor) -> torch.Tensor:
    """Gives the memory that a tensor shows, each value once: an expanded one repeats some."""
    if alias.layout == torch.jagged:
        # The rows, one after the other; torch 2.4 cannot write into the nested tensor itself.
        return alias.values()
    if alias.layout != torch.strided or alias.is_nested or not alias.numel():
        return alias
    if torch._debug_has_internal_overlap(alias) == 0:
        return alias
    pairs = zip(alias.shape, alias.stride(), strict=True)
    span = 1 + sum((size - 1) * stride for size, stride in pairs)
    with torch._C.DisableTorchFunctionSubclass():
        return alias.as_strided((span,), (1,))


def _clone(alias: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        return alias.clone()


def _write(alias: torch.Tensor, content: torch.Tensor) -> None:
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        alias.copy_(content)


def _is_same_view(tensor: torch.Tensor, alias: torch.Tensor) -> bool:
    if (tensor.layout, tensor.dtype) != (alias.layout, alias.dtype):
        return False
    if tensor.device != alias.device:
        return False
    try:
        return bool(tensor.is_set_to(alias))
    except RuntimeError:  # sparse, nested and meta tensors have no storage to compare
        return True


def _version(tensor: torch.Tensor) -> int | None:
    # An inference tensor has no version counter.
    return None if tensor.is_inference() else tensor._version


def _set_version(tensor: torch.Tensor, version: int | None) -> None:
    if version is None or tensor.is_inference() or tensor._version == version:
        return
    setter: Any = torch._C._autograd._unsafe_set_version_counter
    try:
        setter((tensor,), (version,))
    except TypeError:  # torch < 2.6 takes one tensor
        setter(tensor, version)
