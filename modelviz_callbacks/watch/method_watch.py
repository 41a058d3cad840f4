"""Methods of an object, watched from outside or kept from being watched."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from modelviz_callbacks.watch.call_arguments import named_arguments
from modelviz_callbacks.watch.quiet import quiet

_OWNER = "_modelviz_shadow"


class MethodShadow:
    """Stands in for an object's method, in the instance's `__dict__`, until it is removed.

    It still looks like the original to who asks for its signature. Several shadows of one method
    come off in any order.
    """

    def __init__(self, owner: object, name: str, stand_in: Callable[..., Any]) -> None:
        """Attaches the shadow.

        Args:
            owner: The object.
            name: The method's name.
            stand_in: Called with the original method and the call's arguments.
        """
        self._attributes = vars(owner)
        self._name = name
        self._before = {key: self._attributes[key] for key in [name] if key in self._attributes}
        original: Callable[..., Any] = getattr(owner, name)

        @wraps(original)
        def shadow(*args: Any, **kwargs: Any) -> Any:
            return stand_in(original, *args, **kwargs)

        self._shadow = shadow
        self._removed = False
        # To be found by a shadow that was attached later.
        vars(shadow)[_OWNER] = self
        self._attributes[name] = shadow

    def remove(self) -> None:
        """Takes the shadow off; may be called again."""
        self._removed = True
        top = self._on_top()
        while top is not None and top._removed:
            del self._attributes[self._name]
            self._attributes.update(top._before)
            top = self._on_top()

    def _on_top(self) -> "MethodShadow | None":
        owner: MethodShadow | None = getattr(self._attributes.get(self._name), _OWNER, None)
        return owner


class MethodWatch(MethodShadow):
    """Watches an object's next call of a method, then takes itself off."""

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
        self._begins = begins
        self._ends = ends
        super().__init__(owner, name, self._watched)

    def _watched(self, original: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.remove()
        self._begins(named_arguments(original, args, kwargs))
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            self._ends(None, error)
            raise
        self._ends(result, None)
        return result


def unwatched(original: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Runs a method whose module calls and operations are nobody's business; a stand-in."""
    with quiet():
        return original(*args, **kwargs)
