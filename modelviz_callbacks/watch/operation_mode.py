"""A `TorchFunctionMode` that shows each operation to someone, and its place on torch's stack."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import overrides
from torch.overrides import TorchFunctionMode

# Torch has no public names for its stack of modes.
_push: Callable[[TorchFunctionMode], None] = overrides._push_mode
_pop: Callable[[], TorchFunctionMode] = overrides._pop_mode
_height: Callable[[], int] = torch._C._len_torch_function_stack


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
        if torch.compiler.is_compiling():
            # A compiler reads this when a compiled function is first called: it finds nothing.
            return func(*args, **(kwargs or {}))
        return self._operation(func, args, kwargs or {})

    def put_on(self) -> None:
        """Puts the mode on top of this thread's stack."""
        _push(self)

    def take_off(self) -> bool:
        """Takes the mode off this thread's stack, wherever it is on it; the user's own stay.

        Returns:
            Whether it was there.
        """
        above: list[Any] = []
        found = False
        while _height() and not found:
            above.append(_pop())
            found = above[-1] is self
        for other in reversed(above[:-1] if found else above):
            _push(other)
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
