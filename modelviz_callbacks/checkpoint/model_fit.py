"""Whether a state dict fits a model: asked of the model itself, on a copy without values."""

import copy
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

from modelviz_callbacks.checkpoint.comparing import (
    compare,
    dtype_differences,
    named,
    shape_differences,
)
from modelviz_callbacks.checkpoint.contents import Branch, StoredTensor
from modelviz_callbacks.checkpoint.expected_state import expected_state
from modelviz_callbacks.checkpoint.findings import Expected, Findings
from modelviz_callbacks.errors import one_line
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.tensor_specs import dtype_name, sizes

_PLAIN = frozenset({torch.Tensor, nn.Parameter})
_LAZY = frozenset({UninitializedParameter, UninitializedBuffer})
_FIRST_LINE = re.compile(r"\AError\(s\) in loading state_dict for [^\n]*\n\t?")


def expected_of_model(model: nn.Module) -> Expected:
    """Gives what a model's state dict holds; what is no tensor is not in it."""
    return Expected(_tensors(model.state_dict()))


def fit_to_model(model: nn.Module, state: Branch) -> Findings:
    """Finds out what `model.load_state_dict(state, strict=True)` would say.

    Args:
        model: The model. It stays as it is: what is loaded into is a copy on the meta device.
        state: The state dict.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _asked(model, state)
        except Exception as e:  # noqa: BLE001 - a model's own code may raise anything
            why = one_line(e)
    # Names alone can be compared without a copy.
    found = compare(expected_state(ArchitectureGraph(describe_modules(model))), state)
    note = (
        f"the model's own loading code could not be asked ({why}): names and shapes were compared"
    )
    return Findings(
        found.missing, found.unexpected, found.shapes, found.dtypes, notes=(*found.notes, note)
    )


def _asked(model: nn.Module, state: Branch) -> Findings:
    twin = _twin(model)
    expected = _tensors(twin.state_dict())
    dtypes = tuple(dtype_differences(expected, state))
    try:
        twin.load_state_dict(_meta_state(state, {}), strict=True)
    except RuntimeError:
        pass
    else:
        return Findings(dtypes=dtypes)
    # What fails by its shape would hide which names are missing.
    shapes = tuple(shape_differences(_of_one_shape(twin, expected), state))
    right = {difference.name: expected[difference.name] for difference in shapes}
    problems: tuple[str, ...] = ()
    missing, unexpected = [], []
    try:
        missing, unexpected = _twin(model).load_state_dict(_meta_state(state, right), strict=False)
    except RuntimeError as e:
        problems = tuple(_FIRST_LINE.sub("", str(e)).split("\n\t"))
    return Findings(
        tuple(named(name, expected.get(name)) for name in dict.fromkeys(missing)),
        tuple(named(name, state.entries.get(name)) for name in dict.fromkeys(unexpected)),
        shapes,
        dtypes,
        problems,
    )


def _twin(model: nn.Module) -> nn.Module:
    """Copies a model without the values of its tensors."""
    known: dict[int, Any] = {}
    for module in model.modules():
        # Those that parametrizations of the older kind compute are attributes.
        held = (*module.parameters(recurse=False), *module.buffers(recurse=False))
        for tensor in (*held, *vars(module).values()):
            if type(tensor) in _PLAIN and not tensor.is_sparse:
                known[id(tensor)] = _empty(tensor)
            elif type(tensor) in _LAZY:
                known[id(tensor)] = _lazy(type(tensor), tensor.dtype)
    twin = copy.deepcopy(model, known)
    for module in twin.modules():
        if type(module).set_extra_state is not nn.Module.set_extra_state:
            # There is no value that could be given to it.
            module.__dict__["set_extra_state"] = lambda _state: None
    return twin


def _empty(tensor: torch.Tensor) -> torch.Tensor:
    empty = torch.empty_like(tensor.detach(), device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, tensor.requires_grad)
    return empty


def _meta_state(state: Branch, instead: Mapping[str, StoredTensor]) -> OrderedDict[str, Any]:
    """Makes a state dict without values."""
    made: OrderedDict[str, Any] = OrderedDict()
    for name, held in state.entries.items():
        content = instead.get(name, held)
        made[name] = _meta_tensor(content) if isinstance(content, StoredTensor) else content
    if state.layouts is not None:
        # Where torch keeps it; modules may write into it.
        vars(made)["_metadata"] = {path: dict(about) for path, about in state.layouts.items()}
    return made


def _meta_tensor(content: StoredTensor) -> torch.Tensor:
    dtype = getattr(torch, content.dtype, torch.float32)
    if content.shape is None:
        return _lazy(UninitializedParameter, dtype)
    return torch.empty(content.shape, dtype=dtype, device="meta")


def _lazy(kind: Any, dtype: torch.dtype) -> torch.Tensor:
    made: torch.Tensor = kind(device="meta", dtype=dtype)
    return made


def _of_one_shape(
    model: nn.Module, expected: Mapping[str, StoredTensor]
) -> dict[str, StoredTensor]:
    """Gives the parameters and buffers: what else is in a state dict may have any shape."""
    held = (
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    )
    return {name: expected[name] for name, _ in held if name in expected}


def _tensors(state_dict: Mapping[str, Any]) -> dict[str, StoredTensor]:
    return {
        name: StoredTensor(None if is_lazy(value) else sizes(value), dtype_name(value.dtype))
        for name, value in state_dict.items()
        if isinstance(value, torch.Tensor)
    }
