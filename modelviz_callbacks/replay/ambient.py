"""Process-wide state that a replay may move: random generators, autocast, defaults, patches."""

import contextlib
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

# What torchview 0.2.7 replaces while it runs (`orig_name_list` in its recorder_tensor.py); its
# own clean-up restores what it saw at import time, which loses patches that others made since.
_PATCHED_BY_LIBRARIES = [
    "as_tensor",
    "from_numpy",
    "zeros",
    "zeros_like",
    "ones",
    "ones_like",
    "arange",
    "range",
    "linspace",
    "logspace",
    "eye",
    "empty",
    "empty_like",
    "full",
    "full_like",
    "complex",
    "heaviside",
    "bernoulli",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


@contextlib.contextmanager
def ambient_kept(devices: Iterable[torch.device] = ()) -> Iterator[None]:
    """Puts the process-wide state back after its body, also when that raises.

    Args:
        devices: The accelerators in use.
    """
    restorers = ambient_restorers(devices)
    try:
        yield
    finally:
        for restorer in restorers:
            restorer()


def ambient_restorers(devices: Iterable[torch.device]) -> list[Callable[[], object]]:
    """Remembers the process-wide state.

    Args:
        devices: The accelerators in use; their random generators are remembered.

    Returns:
        Functions that put it back.
    """
    return [
        *_random_restorers(devices),
        partial(torch.set_default_dtype, torch.get_default_dtype()),
        partial(torch.set_grad_enabled, torch.is_grad_enabled()),
        partial(sys.setrecursionlimit, sys.getrecursionlimit()),
        partial(_set_if_changed, nn.Module, "__call__", nn.Module.__call__),
        *(
            partial(_set_if_changed, torch, name, getattr(torch, name))
            for name in _PATCHED_BY_LIBRARIES
        ),
    ]


def accelerators(module: nn.Module) -> list[torch.device]:
    """Gives the accelerators that a module's parameters and buffers are on."""
    tensors = [*module.parameters(), *module.buffers()]
    return sorted(
        {tensor.device for tensor in tensors if tensor.device.type not in ("cpu", "meta")}, key=str
    )


def _random_restorers(devices: Iterable[torch.device]) -> Iterable[Callable[[], object]]:
    yield partial(random.setstate, random.getstate())
    # A program that never imported numpy has no numpy generator to move.
    if (numpy := sys.modules.get("numpy")) is not None:
        yield partial(numpy.random.set_state, numpy.random.get_state())
    yield partial(torch.set_rng_state, torch.get_rng_state())
    for device in devices:
        backend: Any = getattr(torch, device.type, None)
        if backend is not None and hasattr(backend, "get_rng_state"):
            yield _device_restorer(backend, device)


def _device_restorer(backend: Any, device: torch.device) -> Callable[[], object]:
    if device.type == "mps":  # one device, which takes no index
        return partial(backend.set_rng_state, backend.get_rng_state())
    return partial(backend.set_rng_state, backend.get_rng_state(device), device)


def _set_if_changed(owner: object, name: str, value: object) -> None:
    if getattr(owner, name) is not value:
        setattr(owner, name, value)
