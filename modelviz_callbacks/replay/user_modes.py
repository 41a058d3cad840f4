"""The user's own dispatch and function modes, set aside while we work."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch.overrides
from torch.utils import _python_dispatch
from torch.utils._device import DeviceContext

_OVERRIDES: Any = torch.overrides


@contextlib.contextmanager
def outside_user_modes() -> Iterator[None]:
    """Runs its body as if no mode were active: a FLOP counter around the step counts its own.

    What PyTorch itself runs below a user's modes (fake tensors) stays, and so does a default
    device, which a forward needs to work.
    """
    dispatch, function = _take_dispatch_modes(), _take_function_modes()
    for mode in function:
        if isinstance(mode, DeviceContext):
            _OVERRIDES._push_mode(mode)
    try:
        yield
    finally:
        # A body that raised in the middle of a mode's entrance may have left one.
        _take_function_modes()
        _take_dispatch_modes()
        for mode in function:
            _OVERRIDES._push_mode(mode)
        for mode in dispatch:
            _python_dispatch._push_mode(mode)


def _take_dispatch_modes() -> list[Any]:
    taken: list[Any] = []
    while (stack := _python_dispatch._get_current_dispatch_mode_stack()) and not _is_torchs(
        stack[-1]
    ):
        taken.insert(0, _python_dispatch._pop_mode())
    return taken


def _take_function_modes() -> list[Any]:
    count = len(_OVERRIDES._get_current_function_mode_stack())
    return [_OVERRIDES._pop_mode() for _ in range(count)][::-1]


def _is_torchs(mode: Any) -> bool:
    return getattr(mode, "_mode_key", None) is not None
