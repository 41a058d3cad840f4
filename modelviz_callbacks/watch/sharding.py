"""Parameters that are split between ranks: what the whole ones are like, and where they stand."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from modelviz_callbacks.watch.tensor_specs import sizes


@dataclass(frozen=True)
class WholeParameter:
    """A parameter as it is without sharding.

    Attributes:
        key: The same for the same parameter, under whatever name.
        shape: Its sizes; None as long as a lazy one has none.
        dtype: What it is kept in.
        device: Where its shard lies.
        requires_grad: Whether it is trained.
        here: How many of its values this rank keeps.
    """

    key: object
    shape: tuple[int, ...] | None
    dtype: torch.dtype
    device: torch.device
    requires_grad: bool
    here: int


class WholeParameters:
    """The parameters of a model's modules, seen through FSDP, DTensor and DeepSpeed's ZeRO-3.

    Only what lies here is asked: nothing is gathered from other ranks.
    """

    def __init__(self, model: nn.Module) -> None:
        """Finds what is sharded.

        Args:
            model: The model, with the wrappers that shard it.
        """
        self._found: dict[int, dict[str, WholeParameter]] = {}
        for module in model.modules():
            for owner, name, parameter in (*_flattened(module), *_fsdp2(module)):
                self._found.setdefault(id(owner), {})[name] = parameter

    def of(self, module: nn.Module) -> dict[str, WholeParameter]:
        """Gives a module's own parameters by name, in their order."""
        found = self._found.get(id(module), {})
        # Not by subscript, at which ZeRO-3 may gather.
        own = {
            name: found.get(name) or whole_tensor(parameter)
            for name, parameter in module._parameters.items()
            if parameter is not None and not is_flat_parameter(parameter)
        }
        # Flattened ones may stand aside as plain tensors, or nowhere.
        return {name: p for name, p in found.items() if name not in own} | own


def whole_tensor(tensor: Any) -> WholeParameter:
    """Describes a parameter or buffer by itself; that of DTensor and ZeRO-3 is the whole one."""
    shape = None
    if not is_lazy(tensor):
        # ZeRO-3 leaves an empty tensor behind, with the true shape beside it.
        whole_shape = getattr(tensor, "ds_shape", None)
        shape = sizes(tensor) if whole_shape is None else tuple(map(int, whole_shape))
    whole = 0 if shape is None else math.prod(shape)
    return WholeParameter(
        id(tensor),
        shape,
        tensor.dtype,
        tensor.device,
        tensor.requires_grad,
        _values_here(tensor, whole),
    )


def sharding_note(model: nn.Module) -> str | None:
    """Says how much of a model's parameters this rank keeps.

    Args:
        model: The model, with the wrappers that shard it.

    Returns:
        A sentence, or None where it keeps all.
    """
    wholes = WholeParameters(model)
    distinct = {p.key: p for part in model.modules() for p in wholes.of(part).values()}.values()
    total = sum(math.prod(p.shape) for p in distinct if p.shape is not None)
    here = sum(p.here for p in distinct)
    if here == total:
        return None
    return f"the parameters are sharded: of {total:,} values, rank 0 keeps {here:,}"


def is_flat_parameter(parameter: Any) -> bool:
    """Whether a tensor is what FSDP has made of several parameters."""
    return bool(getattr(parameter, "_is_flat_param", False))


def is_sharded(module: nn.Module) -> bool:
    """Whether a module or a part of it gets its parameters from all ranks together."""
    return any(_is_managed(part) for part in module.modules())


def holds_parameters(module: nn.Module) -> bool:
    """Whether there are parameters in a module, also such as FSDP has flattened."""
    if next(module.parameters(), None) is not None:
        return True
    return any(_flattened_views(part) for part in module.modules())


def _is_managed(module: nn.Module) -> bool:
    # By name: importing FSDP or DTensor for a check would cost seconds.
    names = {base.__name__ for base in type(module).__mro__}
    if names & {"FullyShardedDataParallel", "FSDPModule"} or _flattened_views(module):
        return True
    return any(map(_is_part, module._parameters.values()))


def _is_part(parameter: Any) -> bool:
    if parameter is None:
        return False
    kind = type(parameter).__name__
    return kind == "DTensor" or bool(getattr(parameter, "_fsdp_flattened", False))


def _flattened_views(module: nn.Module) -> bool:
    """Whether parts of a flat parameter stand for a module's parameters, as in FSDP's forward."""
    tensors = (*vars(module).values(), *module._parameters.values())
    return any(type(t) is torch.Tensor and is_flat_parameter(t._base) for t in tensors)


def _flattened(module: nn.Module) -> Iterator[tuple[nn.Module, str, WholeParameter]]:
    """Gives what FSDP has flattened: module, name, parameter."""
    handle = vars(module).get("_handle")
    flat: Any = getattr(handle, "flat_param", None)
    if flat is None or not is_flat_parameter(flat):
        return
    # With `use_orig_params=True` the parameters are there too, each by itself.
    originals = flat._params or [flat] * len(flat._shapes)
    owners: dict[tuple[int, str], WholeParameter] = {}
    for place, info in enumerate(flat._param_infos):
        parameter = WholeParameter(
            (id(flat), place),
            tuple(flat._shapes[place]),
            getattr(handle, "_orig_param_dtype", flat.dtype),
            flat.device,
            originals[place].requires_grad,
            flat._shard_param_infos[place].numel_in_shard or 0,
        )
        owners[id(info.module), info.param_name] = parameter
        yield info.module, info.param_name, parameter
    for shared in flat._shared_param_infos:
        parameter = owners[id(shared.prim_module), shared.prim_param_name]
        yield shared.module, shared.param_name, parameter


def _fsdp2(module: nn.Module) -> Iterator[tuple[nn.Module, str, WholeParameter]]:
    """Gives what `fully_shard` manages; in a forward the module itself holds gathered ones."""
    for group in parameter_groups(module):
        for managed in group.fsdp_params:
            info, parameter = managed._module_info, whole_tensor(managed.sharded_param)
            yield info.module, info.param_name, parameter
            for other, name in zip(info.shared_modules, info.shared_param_names, strict=True):
                yield other, name, parameter


def fsdp2_state(module: nn.Module) -> Any:
    """Gives the state that `fully_shard` keeps of a module, or None."""
    if not any(base.__name__ == "FSDPModule" for base in type(module).__mro__):
        return None
    return module._get_fsdp_state()  # type: ignore[operator]


def parameter_groups(module: nn.Module) -> list[Any]:
    """Gives the groups in which `fully_shard` gathers a module's parameters."""
    state = fsdp2_state(module)
    if state is None:
        return []
    # torch < 2.11 has at most one.
    groups = getattr(state, "_fsdp_param_groups", None) or [state._fsdp_param_group]
    return [group for group in groups if group is not None]


def _values_here(tensor: Any, whole: int) -> int:
    local = getattr(tensor, "_local_tensor", None)
    if local is None:
        local = getattr(tensor, "ds_tensor", None)
    # The last shard may be padded.
    return whole if local is None else min(whole, int(local.numel()))
