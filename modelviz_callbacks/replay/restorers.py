"""How each kind of Python object is put back, in place, to what it held before a replay."""

import array
import random
import sys
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from modelviz_callbacks.watch.tensor_tree import slot_names

Restorer = Callable[[], object]

CONTAINERS = (dict, list, set, deque)
WEAK_CONTAINERS = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
_ABSENT = object()


def container_restorer(container: Any) -> Restorer:
    """Keeps what a dict, list, set or deque holds; the elements themselves are not kept."""
    return partial(_refill, container, container.copy())


def weak_restorer(container: Any) -> Restorer:
    """Keeps what a weak container holds, as long as it lives."""
    return partial(_refill_weak, container.data, container.data.copy())


def cell_restorer(cell: types.CellType) -> Restorer:
    """Keeps what a variable of an enclosing function is bound to."""
    kept = cell.cell_contents

    def restore() -> None:
        if cell.cell_contents is not kept:
            cell.cell_contents = kept

    return restore


def names_restorer(owner: Any, names: tuple[str, ...]) -> Restorer:
    """Keeps what some attributes of an object or a class are, there or not."""
    kept = {name: getattr(owner, name, _ABSENT) for name in names}
    assign = type.__setattr__ if isinstance(owner, type) else object.__setattr__
    remove = type.__delattr__ if isinstance(owner, type) else object.__delattr__

    def restore() -> None:
        for name, value in kept.items():
            if getattr(owner, name, _ABSENT) is value:
                continue
            if value is _ABSENT:
                remove(owner, name)
            else:
                assign(owner, name, value)

    return restore


def class_restorer(kind: type[Any]) -> Restorer:
    """Keeps what the attributes of a class are bound to."""
    kept = {name: value for name, value in vars(kind).items() if not name.startswith("__")}

    def restore() -> None:
        for name in {*vars(kind), *kept}:
            if name.startswith("__") or vars(kind).get(name, _ABSENT) is kept.get(name, _ABSENT):
                continue
            if name in kept:
                type.__setattr__(kind, name, kept[name])
            else:
                type.__delattr__(kind, name)

    return restore


def globals_restorer(namespace: dict[str, Any], names: tuple[str, ...]) -> Restorer:
    """Keeps what some global names are bound to."""
    kept = {name: namespace[name] for name in names if name in namespace}

    def restore() -> None:
        for name, value in kept.items():
            if namespace.get(name) is not value:
                namespace[name] = value

    return restore


def cache_restorer(cached: Any) -> Restorer | None:
    """Keeps an empty `functools.lru_cache` empty; single entries cannot be taken out."""
    if cached.cache_info().currsize:
        return None
    return lambda: cached.cache_clear() if cached.cache_info().currsize else None


def slots_of(kind: type[Any]) -> tuple[str, ...]:
    """Gives the names of all slots of a class."""
    return tuple(name for base in kind.__mro__ for name in slot_names(base))


def memory_size(value: Any) -> int | None:
    """Gives the size in bytes of what is written in place without PyTorch, or None."""
    if isinstance(value, (bytearray, array.array)):
        return len(value) * getattr(value, "itemsize", 1)
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray) or isinstance(value, numpy.memmap):
        return None
    return int(value.nbytes) if value.flags.writeable else None


def memory_restorer(value: Any) -> Restorer:
    """Keeps the content of what has a `memory_size`."""
    if isinstance(value, (bytearray, array.array)):
        return partial(value.__setitem__, slice(None), value[:])
    return partial(sys.modules["numpy"].copyto, value, value.copy())


def generator_restorer(value: Any) -> Restorer | None:
    """Gives what puts a random generator back, or None if `value` is none."""
    if isinstance(value, torch.Generator):
        return partial(value.set_state, value.get_state())
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if type(value).__module__.startswith("numpy.random"):
        return _numpy_restorer(value)
    return None


def _numpy_restorer(value: Any) -> Restorer | None:
    bits = getattr(value, "bit_generator", None) or getattr(value, "_bit_generator", None)
    if bits is None:
        return None
    return partial(setattr, bits, "state", bits.state)


def _refill_weak(data: Any, kept: Any) -> None:
    if isinstance(kept, dict):
        _refill(data, {k: v for k, v in kept.items() if _is_alive(k) and _is_alive(v)})
    else:
        _refill(data, {reference for reference in kept if _is_alive(reference)})


def _is_alive(part: Any) -> bool:
    return not isinstance(part, weakref.ref) or part() is not None


def _refill(container: Any, kept: Any) -> None:
    if _same(container, kept):
        return
    if isinstance(container, dict) and list(container) == list(kept):
        # The usual case, a rebound attribute: the dictionary is never empty in between.
        dict.update(container, kept)
        return
    for base, fill in _FILLERS.items():
        if isinstance(container, base):
            base.clear(container)
            fill(container, kept)
            return


def _same(container: Any, kept: Any) -> bool:
    if len(container) != len(kept):
        return False
    if isinstance(container, dict):
        pairs = zip(container.items(), kept.items(), strict=True)
        return all(a[0] is b[0] and a[1] is b[1] for a, b in pairs)
    if isinstance(container, set):
        return bool(container == kept)
    return all(a is b for a, b in zip(container, kept, strict=True))


# The base class's own methods: a subclass's may do more than store.
_FILLERS: dict[type[Any], Callable[[Any, Any], None]] = {
    OrderedDict: OrderedDict.update,
    dict: dict.update,
    list: list.extend,
    set: set.update,
    deque: deque.extend,
}
