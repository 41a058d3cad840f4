"""torchinfo's counting of parameters, made fit for deeply nested models."""

import contextlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

_COUNTS = ("leftover_params", "leftover_trainable_params")


@contextlib.contextmanager
def each_layer_counted_once() -> Iterator[None]:
    """Lets torchinfo remember what it has counted for a layer.

    torchinfo 1.8.0 keeps all layers below one as its children and asks each of them in turn: a
    layer that is nested 20 levels deep is counted a million times, at 30 levels a billion times.
    """
    from torchinfo.layer_info import LayerInfo

    layer_info: Any = LayerInfo
    originals = {name: getattr(layer_info, name) for name in _COUNTS}
    for name, original in originals.items():
        setattr(layer_info, name, _remembered(name, original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(layer_info, name, original)


def _remembered(name: str, count: Callable[[Any], int]) -> Callable[[Any], int]:
    kept = f"_counted_{name}"

    @wraps(count)
    def remember(layer: Any) -> int:
        if kept not in vars(layer):
            vars(layer)[kept] = count(layer)
        counted: int = vars(layer)[kept]
        return counted

    return remember
