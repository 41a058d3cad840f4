"""Undoing in-place writes: what a forward writes into tensors that were there before it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class WriteGuard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Copies a tensor right before an operation writes it, unless the replay itself made it.

    Momentum encoders and data-dependent initialisation write parameters in place, often through
    `.data`, which no version counter shows. Only what is written is copied: a second copy of
    all parameters is never held.
    """

    def __init__(self) -> None:
        """Makes a guard that has seen nothing yet."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._fresh: set[int] = set()
        self._kept: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.autocast_cache_used = False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs one operation, after keeping what it is about to write."""
        kwargs = kwargs or {}
        for tensor in _written(func, args, kwargs):
            self._keep(tensor)
        result = func(*args, **kwargs)
        self._note_fresh(args, result)
        if torch.is_autocast_cache_enabled():
            self.autocast_cache_used = True
        return result

    def restore(self) -> None:
        """Writes the kept contents back."""
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
            for alias, content in self._kept.values():
                alias.copy_(content)
        self._kept.clear()

    def _keep(self, tensor: torch.Tensor) -> None:
        storage = _storage(tensor)
        if storage is None or storage in self._fresh or storage in self._kept:
            return
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
            # The whole storage: the tensor may be one of several views that are written.
            whole = _whole(tensor)
            self._kept[storage] = (whole, whole.clone())

    def _note_fresh(self, args: tuple[Any, ...], result: Any) -> None:
        made = {_storage(tensor) for tensor in _tensors(result)} - self._fresh
        if made:
            # What shares memory with an argument is a view or the argument itself.
            made -= {_storage(tensor) for tensor in _tensors(args)}
            self._fresh.update(storage for storage in made if storage is not None)


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[torch.Tensor]:
    for index, name in _written_arguments(func):
        value = args[index] if index < len(args) else kwargs.get(name)
        yield from _tensors(value)


_WRITTEN_ARGUMENTS: dict[Any, tuple[tuple[int, str], ...]] = {}


def _written_arguments(func: Any) -> tuple[tuple[int, str], ...]:
    if func not in _WRITTEN_ARGUMENTS:
        _WRITTEN_ARGUMENTS[func] = tuple(
            (index, argument.name)
            for index, argument in enumerate(func._schema.arguments)
            if _is_written(argument)
        )
    return _WRITTEN_ARGUMENTS[func]


def _is_written(argument: Any) -> bool:
    # Batch norm writes its running statistics without saying so in its schema.
    alias = argument.alias_info
    says_so = alias is not None and alias.is_write
    return bool(says_so or argument.name.startswith("running_"))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _storage(tensor: torch.Tensor) -> int | None:
    try:
        return int(tensor.untyped_storage()._cdata)
    except RuntimeError:  # sparse layouts and wrapper subclasses
        return None


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    values = tensor.untyped_storage().nbytes() // max(tensor.element_size(), 1)
    return tensor.detach().as_strided((values,), (1,), 0).as_subclass(torch.Tensor)
