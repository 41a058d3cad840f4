"""The Python side of a model: what its attributes, containers and hooks held before a replay."""

import random
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.jit import ScriptModule
from torch.nn.modules import module as modules

from modelviz_callbacks.replay.tensor_state import TensorState

# Objects of these packages hold the machinery of the run (trainer, loggers, loaders), not the
# state of the model.
_FOREIGN = frozenset(
    [
        "torch",
        "lightning",
        "pytorch_lightning",
        "lightning_fabric",
        "lightning_utilities",
        "tensorboard",
        "tensorboardX",
        "modelviz_callbacks",
        "numpy",
        "logging",
        "threading",
        "_thread",
        "multiprocessing",
        "concurrent",
        "asyncio",
        "weakref",
        "wandb",
        "mlflow",
    ]
)
_ATOMIC = (str, bytes, int, float, complex, type(None), type, types.ModuleType)
_MAX_ELEMENTS = 10_000
_MAX_OBJECTS = 200_000


class Snapshot:
    """Remembers what can be reached from some modules and arguments, and puts it back.

    Reached are the modules' attributes, the containers and plain objects in them, random
    generators, tensors, and what forward hooks and `forward` itself hold on to: closures,
    bound objects, the global containers that they name.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        """Takes the snapshot. Containers are copied shallowly, buffers are cloned.

        Args:
            roots: Modules, and whatever else a replay is given.
        """
        self._seen: dict[int, Any] = {}
        self._restorers: list[Callable[[], object]] = []
        self._tensors: list[TensorState] = []
        self._queue: list[Any] = list(roots)
        while self._queue and len(self._seen) < _MAX_OBJECTS:
            self._visit(self._queue.pop())

    def restorers(self) -> list[Callable[[], object]]:
        """Gives what puts each thing back; each writes only what changed."""
        return [*self._restorers, *(tensor.restore for tensor in self._tensors)]

    def _visit(self, value: Any) -> None:
        if isinstance(value, _ATOMIC) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, torch.Tensor):
            self._tensors.append(TensorState(value))
        elif isinstance(value, nn.Module):
            self._visit_module(value)
        elif isinstance(value, (dict, list, set, deque)):
            self._visit_container(value)
        elif isinstance(value, (tuple, frozenset)):
            self._queue.extend(value)
        else:
            self._visit_object(value)

    def _visit_module(self, module: nn.Module) -> None:
        # A buffer's content is always kept: batch norm writes it unseen by the dispatcher.
        for buffer in module._buffers.values():
            if buffer is not None and id(buffer) not in self._seen:
                self._seen[id(buffer)] = buffer
                self._tensors.append(TensorState(buffer, keep_content=True))
        if isinstance(module, ScriptModule):
            return  # the rest of its state is not Python's
        forward = type(module).forward
        if _package(forward) != "torch":
            self._queue.append(forward)
        self._visit_container(vars(module))

    def _visit_container(self, container: Any) -> None:
        kept = container.copy()
        self._restorers.append(partial(_refill, container, kept))
        elements = container.values() if isinstance(container, dict) else container
        if len(container) <= _MAX_ELEMENTS:
            self._queue.extend(elements)

    def _visit_object(self, value: Any) -> None:
        if isinstance(value, types.MethodType):
            self._queue.extend((value.__func__, value.__self__))
        elif isinstance(value, types.FunctionType):
            self._visit_function(value)
        elif (generator := _generator_restorer(value)) is not None:
            self._restorers.append(generator)
        elif isinstance(value, partial):
            self._queue.extend((value.func, value.args, value.keywords))
        elif isinstance(getattr(value, "__dict__", None), dict) and _package(value) not in _FOREIGN:
            self._visit_container(vars(value))

    def _visit_function(self, function: types.FunctionType) -> None:
        if _package(function) in _FOREIGN:
            return
        for cell in function.__closure__ or ():
            try:
                self._queue.append(cell.cell_contents)
            except ValueError:  # an empty cell
                continue
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, (dict, list, set, deque)):
                self._visit_global(value)

    def _visit_global(self, container: Any) -> None:
        # A global registry may hold the whole program: it is kept, its elements are not entered.
        if id(container) not in self._seen:
            self._seen[id(container)] = container
            self._restorers.append(partial(_refill, container, container.copy()))


def global_hooks() -> Iterator[Any]:
    """Gives the hooks that run in every module's forward, and what those that count keep.

    `torch.utils.flop_counter` follows the modules so.
    """
    for registry in (modules._global_forward_pre_hooks, modules._global_forward_hooks):
        yield registry
        for hook in registry.values():
            if isinstance(hook, types.MethodType):
                yield vars(hook.__self__)


def _package(value: Any) -> str:
    module = getattr(value, "__module__", None) or type(value).__module__
    return str(module).partition(".")[0]


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


def _generator_restorer(value: Any) -> Callable[[], object] | None:
    """Gives what puts a random generator back, or None if `value` is none."""
    if isinstance(value, torch.Generator):
        return partial(value.set_state, value.get_state())
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if type(value).__module__.startswith("numpy.random"):
        return _numpy_restorer(value)
    return None


def _numpy_restorer(value: Any) -> Callable[[], object] | None:
    bits = getattr(value, "bit_generator", None) or getattr(value, "_bit_generator", None)
    if bits is None:
        return None
    return partial(setattr, bits, "state", bits.state)
