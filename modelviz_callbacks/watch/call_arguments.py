"""A call's arguments, under the names that the function has for them."""

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from torch import nn


def named_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Gives a call's arguments under the names that the function has for them."""
    if isinstance(function, nn.Module):
        function = function.forward
    try:
        return dict(inspect.signature(function).bind_partial(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return {**{f"args[{index}]": value for index, value in enumerate(args)}, **kwargs}


def named_by_position(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Gives a module call's arguments by name, quickly: defaults and kinds are not looked at."""
    # Not inspect.signature(), which costs more than many a call.
    forward: Any = inspect.getattr_static(type(module), "forward", None)
    names: tuple[str, ...] = ()
    if isinstance(forward, FunctionType):
        names = forward.__code__.co_varnames[1 : forward.__code__.co_argcount]
    named = {
        names[index] if index < len(names) else f"args[{index}]": value
        for index, value in enumerate(args)
    }
    return named | kwargs
