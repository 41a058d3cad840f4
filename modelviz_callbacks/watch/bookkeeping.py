"""What we do while the step runs: contained, and unseen by any mode."""

from collections.abc import Callable
from typing import Any

import torch


class Bookkeeping:
    """Contains what goes wrong in the watching; tensors are looked at unseen."""

    # Not a generator's context: there are several for each operation.

    def __init__(self, break_off: Callable[[Exception], None]) -> None:
        """Prepares one piece of work.

        Args:
            break_off: Called with what it raises.
        """
        self._break_off = break_off
        self._unseen: Any = torch._C.DisableTorchFunction()

    def __enter__(self) -> None:
        self._unseen.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self._unseen.__exit__(None, None, None)
        if not isinstance(error, Exception):
            return False
        self._break_off(error)
        return True
