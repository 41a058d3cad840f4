"""Looking at the tensors in nested data, without touching it."""

import types
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

_CLOSED = (
    str,
    bytes,
    int,
    float,
    complex,
    type(None),
    type,
    nn.Module,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    torch.Size,
    torch.device,
    torch.dtype,
    torch.Generator,
)
_MAX_NESTING = 50


def walk_tensors(
    tree: Any, name: str = "", most: int = 1_000
) -> Iterator[tuple[str, torch.Tensor]]:
    """Gives each tensor in nested data once, with its name.

    Looks into lists, tuples, named tuples, mappings, dataclasses and other objects with
    attributes; what raises when it is looked into is left out.

    Args:
        tree: The data; tensors of any shape anywhere in it.
        name: The name of the data itself.
        most: How many tensors to give, and a tenth of how many values to look at.

    Yields:
        Names like `"batch.image"` or `"states[0]"`, and the tensors.
    """
    if isinstance(tree, torch.Tensor):
        yield name or "tensor", tree
        return
    waiting = [(name, tree, _MAX_NESTING)]
    seen: dict[int, Any] = {}
    looks = 10 * most
    while waiting and most and looks:
        path, value, levels = waiting.pop()
        looks -= 1
        is_tensor, is_closed = _kind(value)
        if is_closed or id(value) in seen:
            continue
        seen[id(value)] = value
        if is_tensor:
            most -= 1
            yield path or "tensor", value
        elif levels:
            waiting += [(p, v, levels - 1) for p, v in reversed(_parts(path, value))]


def _kind(value: Any) -> tuple[bool, bool]:
    """Tells whether a value is a tensor, and whether there is nothing to look into."""
    try:
        # First of all, for most that is looked at is one.
        is_tensor = isinstance(value, torch.Tensor)
        return is_tensor, not is_tensor and isinstance(value, _CLOSED)
    except Exception:  # noqa: BLE001 - a proxy asks what it stands for, which may be gone
        return False, True


def _parts(name: str, value: Any) -> list[tuple[str, Any]]:
    try:
        # A dict is a mapping, too; to ask the abstract class takes long.
        if isinstance(value, (dict, Mapping)):
            return [(_dotted(name, key), item) for key, item in value.items()]
        if isinstance(value, (list, tuple)):
            fields = getattr(value, "_fields", None)
            if fields is None:
                return [(f"{name}[{index}]", item) for index, item in enumerate(value)]
            return [(_dotted(name, f), v) for f, v in zip(fields, value, strict=False)]
        return [(_dotted(name, key), item) for key, item in _attributes(value)]
    except Exception:  # noqa: BLE001 - other people's containers may raise anything
        return []


def _attributes(value: Any) -> list[tuple[str, Any]]:
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        return list(attributes.items())
    names = getattr(type(value), "__slots__", ())
    return [(n, getattr(value, n)) for n in names if isinstance(n, str) and hasattr(value, n)]


def _dotted(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)
