"""One call of one method of an object, watched from outside."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import nn


class MethodWatch:
    """Watches an object's next call of a method, then takes itself off.

    The method is shadowed in the instance's `__dict__`. It still looks like the original to who
    asks for its signature.
    """

    def __init__(
        self,
        owner: object,
        name: str,
        begins: Callable[[dict[str, Any]], None],
        ends: Callable[[Any, BaseException | None], None],
    ) -> None:
        """Attaches the watch.

        Args:
            owner: The object.
            name: The method's name.
            begins: Called right before the call with its arguments by name.
            ends: Called right after it with its result, or None and what it raised.
        """
        self._attributes = vars(owner)
        self._name = name
        self._before = {key: self._attributes[key] for key in [name] if key in self._attributes}
        original: Callable[..., Any] = getattr(owner, name)

        @wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.remove()
            begins(named_arguments(original, args, kwargs))
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                ends(None, error)
                raise
            ends(result, None)
            return result

        self._watched = watched
        self._attributes[name] = watched

    def remove(self) -> None:
        """Takes the watch off; may be called again."""
        if self._attributes.get(self._name) is self._watched:
            del self._attributes[self._name]
            self._attributes.update(self._before)


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
