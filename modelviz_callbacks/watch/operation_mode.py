"""A `TorchFunctionMode` that shows each operation to someone, and its place on torch's stack."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode, _len_torch_function_stack, _pop_mode, _push_mode


class OperationMode(TorchFunctionMode):
    """Hands every operation of its thread to a function, which runs it."""

    def __init__(self, operation: Callable[..., Any]) -> None:
        """Makes a mode that is not on the stack yet.

        Args:
            operation: Called with a function, its args and its kwargs; returns its result.
        """
        super().__init__()
        self._operation = operation

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Hands one operation on; inside, the mode is off."""
        return self._operation(func, args, kwargs or {})

    def put_on(self) -> None:
        """Puts the mode on top of this thread's stack."""
        _push_mode(self)

    def take_off(self) -> bool:
        """Takes the mode off this thread's stack, wherever it is on it; the user's own stay.

        Returns:
            Whether it was there.
        """
        above: list[Any] = []
        found = False
        while _len_torch_function_stack() and not found:
            above.append(_pop_mode())
            found = above[-1] is self
        for other in reversed(above[:-1] if found else above):
            _push_mode(other)
        return found

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Keeps the mode off the stack for a while."""
        there = self.take_off()
        try:
            yield
        finally:
            if there:
                self.put_on()
