"""Describing a model's modules: the part of the architecture that needs no step."""

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import nn
from torch.jit import ScriptModule

from modelviz_callbacks.graph.model import ModuleEntry, StateEntry
from modelviz_callbacks.watch.local_only import LocalOnly
from modelviz_callbacks.watch.module_paths import join
from modelviz_callbacks.watch.sharding import WholeParameter, WholeParameters, whole_tensor
from modelviz_callbacks.watch.tensor_specs import dtype_name
from modelviz_callbacks.watch.wrappers import is_compiled, unwrap, users_class

# Memory addresses in an `extra_repr` would make every run look different.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_MOST_CONFIG = 1_000


def describe_modules(model: nn.Module) -> tuple[ModuleEntry, ...]:
    """Describes every module of a model.

    Args:
        model: The model; wrappers around it or in it leave no trace in the paths. What is sharded
            is described as a whole.

    Returns:
        An entry for each path, in the order of `model.named_modules()`; a module that stands
        under several paths has an entry for each.
    """
    with LocalOnly():
        return _Description(WholeParameters(model)).of(model)


class _Description:
    def __init__(self, wholes: WholeParameters) -> None:
        self._wholes = wholes
        self._paths: dict[int, str] = {}
        self._names: dict[object, str] = {}
        self._entries: list[ModuleEntry] = []

    def of(self, model: nn.Module) -> tuple[ModuleEntry, ...]:
        self._add(model, "")
        return tuple(self._entries)

    def _add(self, module: nn.Module, path: str) -> None:
        inner = unwrap(module)
        runs = _how_it_runs(module, inner)
        first = self._paths.setdefault(id(inner), path)
        self._entries.append(
            ModuleEntry(
                path=path,
                class_name=class_name(inner),
                config=_config(inner),
                training=inner.training,
                parameters=self._states(path, self._wholes.of(inner)),
                buffers=self._buffers(path, inner),
                tied_to=None if first == path else first,
                runs=runs,
            )
        )
        if first != path:
            return
        for name, child in inner._modules.items():
            if child is not None:
                self._add(child, join(path, name))

    def _states(self, path: str, wholes: Mapping[str, WholeParameter]) -> tuple[StateEntry, ...]:
        return tuple(self._state(join(path, name), name, whole) for name, whole in wholes.items())

    def _buffers(self, path: str, module: nn.Module) -> tuple[StateEntry, ...]:
        wholes = {n: whole_tensor(b) for n, b in module._buffers.items() if b is not None}
        left_out = module._non_persistent_buffers_set
        return tuple(
            replace(state, persistent=state.name not in left_out)
            for state in self._states(path, wholes)
        )

    def _state(self, full_name: str, name: str, whole: WholeParameter) -> StateEntry:
        first = self._names.setdefault(whole.key, full_name)
        return StateEntry(
            name,
            whole.shape,
            dtype_name(whole.dtype),
            str(whole.device),
            whole.requires_grad,
            None if first == full_name else first,
        )


def class_name(module: nn.Module) -> str:
    """Names a module's class with its defining module, like `"torch.nn.modules.conv.Conv2d"`."""
    kind = users_class(module)
    return f"{kind.__module__}.{kind.__qualname__}"


def _how_it_runs(module: nn.Module, inner: nn.Module) -> str:
    if is_compiled(module):
        return "compiled"
    return "scripted" if isinstance(inner, ScriptModule) else "eager"


def _config(module: nn.Module) -> str:
    try:
        text = str(module.extra_repr())
    except Exception:  # noqa: BLE001 - a user's own method may raise anything
        return ""
    return _ADDRESS.sub("0x…", text)[:_MOST_CONFIG]
