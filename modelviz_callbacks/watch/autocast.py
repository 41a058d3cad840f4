"""Autocast around a call: what a replay must run in, and what the record says of it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from modelviz_callbacks.watch.tensor_specs import dtype_name

_DEVICE_TYPES = ("cpu", "cuda", "mps", "xpu", "hpu")


@dataclass(frozen=True)
class Autocast:
    """Which kinds of devices autocast, and to what.

    Attributes:
        dtypes: The dtype for each type of device that autocasts, like `"cuda"`.
    """

    dtypes: tuple[tuple[str, torch.dtype], ...] = ()

    @classmethod
    def here(cls) -> "Autocast":
        """Gives what is in force where this is called."""
        return cls(tuple(_in_force()))

    def described(self) -> dict[str, str]:
        """Gives plain values, like `{"cuda": "bfloat16"}`."""
        return {device_type: dtype_name(dtype) for device_type, dtype in self.dtypes}

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Puts it in force for its body, where something else is."""
        there, wanted = dict(_in_force()), dict(self.dtypes)
        with contextlib.ExitStack() as stack:
            for device_type in sorted({*there, *wanted}):
                dtype = wanted.get(device_type)
                if dtype != there.get(device_type):
                    off = dtype is None
                    stack.enter_context(torch.autocast(device_type, dtype, enabled=not off))
            yield


def _in_force() -> Iterator[tuple[str, torch.dtype]]:
    for device_type in _DEVICE_TYPES:
        # A build of torch may know nothing of a type.
        with contextlib.suppress(RuntimeError):
            if torch.is_autocast_enabled(device_type):
                yield device_type, torch.get_autocast_dtype(device_type)
