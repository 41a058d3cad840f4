"""Nested data that holds tensors: batches, arguments and outputs of whatever shape."""

import copy
import types
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import torch
from torch import nn

from modelviz_callbacks.errors import NotApplicableError, one_line

Replace = Callable[[str, torch.Tensor], Any]

_ATOMIC = (str, bytes, int, float, complex, type(None), type, nn.Module, types.ModuleType)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
# An iterator is never copied: a copy would take its elements from the same source.
_NO_FIELDS = (torch.Size, torch.device, torch.dtype, torch.Generator, Iterator)
_MAX_NESTING = 50


def map_tensors(tree: Any, replace: Replace, name: str = "") -> Any:
    """Rebuilds nested data with each tensor replaced.

    Containers and objects are copied, so that changes to the result never reach the original;
    what cannot be copied (a lock, an iterator) is shared. Looks into lists, tuples, named tuples,
    mappings, dataclasses and other objects with attributes.

    Args:
        tree: The data; tensors of any shape anywhere in it.
        replace: Called once for each tensor with its name, like `"batch.image"` or
            `"states[0]"`, and the tensor; returns what stands in its place.
        name: The name of the data itself.

    Returns:
        The data of the same structure.
    """
    return _Rebuild(replace).build(tree, name, _MAX_NESTING)


def named_tensors(tree: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Gives each tensor in nested data once, with its name.

    Args:
        tree: The data.
        name: The name of the data itself.

    Yields:
        Names like `"batch.image"` or `"states[0]"`, and the tensors.
    """
    found: list[tuple[str, torch.Tensor]] = []

    def note(tensor_name: str, tensor: torch.Tensor) -> torch.Tensor:
        found.append((tensor_name, tensor))
        return tensor

    map_tensors(tree, note, name)
    yield from found


def holds(tree: Any, kind: type[Any]) -> bool:
    """Whether nested data holds a value of a kind.

    Args:
        tree: The data.
        kind: A class; also an abstract one, like `collections.abc.Iterator`.

    Returns:
        Whether the data itself or anything in it is an instance of the class.
    """
    found: list[Any] = []
    rebuild = _Rebuild(lambda _name, tensor: tensor, found.append)
    rebuild.build(tree, "", _MAX_NESTING)
    return any(isinstance(value, kind) for value in found)


def clone_tensor(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Copies one tensor for a replay: same values and `requires_grad`, no history.

    Raises:
        NotApplicableError: If it cannot be copied; then there is no replay.
    """
    try:
        clone = tensor.detach().clone()
        return clone.requires_grad_() if tensor.requires_grad else clone
    except (RuntimeError, TypeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        kind = f"{name or 'an argument'} ({type(tensor).__name__}, {tensor.layout})"
        raise NotApplicableError(
            f"no extra forward: {kind} cannot be copied: {one_line(error)}"
        ) from error


def slot_names(kind: type[Any]) -> tuple[str, ...]:
    """Gives the names of what a class itself keeps in `__slots__`, as `getattr` takes them."""
    slots = vars(kind).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    private = f"_{kind.__name__.lstrip('_')}"
    return tuple(
        f"{private}{name}" if name.startswith("__") and not name.endswith("__") else name
        for name in names
        if name not in ("__dict__", "__weakref__")
    )


class _Rebuild:
    def __init__(
        self, replace: Replace, see: Callable[[Any], object] = lambda _value: None
    ) -> None:
        self._replace = replace
        self._see = see
        # The original is kept beside its copy: its id must not be used again meanwhile.
        self._done: dict[int, tuple[Any, Any]] = {}

    def build(self, value: Any, name: str, levels: int) -> Any:
        if isinstance(value, torch.Tensor):
            return self._once(value, lambda: self._replace(name or "tensor", value))
        self._see(value)
        if isinstance(value, _ATOMIC + _FUNCTIONS + _NO_FIELDS) or levels == 0:
            return value
        if id(value) in self._done:
            return self._done[id(value)][1]
        if isinstance(value, tuple):
            return self._tuple(value, name, levels)
        return self._mutable(value, name, levels)

    def _once(self, value: Any, make: Callable[[], Any]) -> Any:
        if id(value) not in self._done:
            self._done[id(value)] = (value, make())
        return self._done[id(value)][1]

    def _tuple(self, value: tuple[Any, ...], name: str, levels: int) -> Any:
        fields = getattr(value, "_fields", None)
        names = [_dotted(name, f) for f in fields] if fields else _indexed(name, len(value))
        parts = [self.build(v, n, levels - 1) for v, n in zip(value, names, strict=False)]
        if fields:
            return self._once(value, lambda: type(value)(*parts))
        return self._once(value, lambda: type(value)(parts))

    def _mutable(self, value: Any, name: str, levels: int) -> Any:
        try:
            shallow = value.copy() if type(value).__module__ == "numpy" else copy.copy(value)
        except Exception:  # noqa: BLE001 - whatever refuses to be copied is shared
            shallow = value
        self._done[id(value)] = (value, shallow)
        if shallow is not value:
            self._fill(shallow, value, name, levels - 1)
        return shallow

    def _fill(self, shallow: Any, value: Any, name: str, levels: int) -> None:
        if isinstance(value, list):
            parts = zip(value, _indexed(name, len(value)), strict=True)
            list.__setitem__(shallow, slice(None), [self.build(v, n, levels) for v, n in parts])
        elif isinstance(value, MutableMapping):
            for key, item in list(value.items()):
                _put(shallow.__setitem__, key, item, self.build(item, _dotted(name, key), levels))
        else:
            for key, item in _attributes(value).items():
                rebuilt = self.build(item, _dotted(name, key), levels)
                _put(lambda k, v: object.__setattr__(shallow, k, v), key, item, rebuilt)


def _attributes(value: Any) -> dict[str, Any]:
    slots = (name for base in type(value).__mro__ for name in slot_names(base))
    in_slots = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return in_slots | dict(getattr(value, "__dict__", {}))


def _put(assign: Callable[[Any, Any], None], key: Any, old: Any, new: Any) -> None:
    if new is not old:
        assign(key, new)


def _dotted(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _indexed(name: str, count: int) -> list[str]:
    return [f"{name}[{index}]" for index in range(count)]
