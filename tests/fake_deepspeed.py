"""What DeepSpeed 0.19 does to a model, on one process: for it cannot run here.

Modelled on `DeepSpeedEngine` (runtime/engine.py), `Init._convert_to_deepspeed_param` and
`free_param` (runtime/zero/partition_parameters.py), `ZeROOrderedDict` and
`DeepSpeedZeRoOffload._register_deepspeed_module` (runtime/zero/parameter_offload.py).
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

RANKS = 2


class ZeROOrderedDict(OrderedDict):
    """Gathers a parameter that is looked up in a forward, which all ranks must do together."""

    in_forward = False

    def __getitem__(self, key: str) -> Any:
        parameter = super().__getitem__(key)
        if self.in_forward and parameter is not None and parameter.numel() == 0:
            raise AssertionError(f"{key} was gathered on this rank alone")
        return parameter


class _PostBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients


def partition(module: nn.Module) -> nn.Module:
    """Takes the parameters away, as ZeRO-3 does, and gathers them around each forward."""
    for number, parameter in enumerate(dict.fromkeys(module.parameters())):
        parameter.ds_id = number
        parameter.ds_status = "NOT_AVAILABLE"
        parameter.ds_shape = parameter.shape
        parameter.ds_numel = parameter.numel()
        size = -(-parameter.numel() // RANKS)
        parameter.ds_tensor = parameter.detach().flatten()[:size].clone()
        parameter.whole = parameter.detach().clone()
        free(parameter)
    for part in module.modules():
        part._parameters = ZeROOrderedDict(part._parameters)
        part.register_forward_pre_hook(gather)
        part.register_forward_pre_hook(mark_inputs)
        part.register_forward_hook(release)
    return module


def free(parameter: nn.Parameter) -> None:
    parameter.data = torch.empty(0, dtype=parameter.dtype)


def gather(module: nn.Module, args: Any) -> None:
    for parameter in module._parameters.values():
        if parameter is not None:
            parameter.data = parameter.whole


def mark_inputs(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_PostBackward.apply(value) for value in args)


def release(module: nn.Module, args: Any, output: Any) -> None:
    # Autograd has saved what it needs; DeepSpeed gathers again in the backward pass.
    for parameter in module._parameters.values():
        if parameter is not None:
            free(parameter)


for _hook in (gather, mark_inputs, release):
    _hook.__module__ = "deepspeed.runtime.zero.parameter_offload"


class DeepSpeedEngine(nn.Module):
    """Wraps the client's model, whose attributes it passes on."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._modules["module"] = model
        self.__dict__["module"] = model

    def __getattr__(self, name: str) -> Any:
        modules = self.__dict__.get("_modules", {})
        if name in modules:
            return modules[name]
        return getattr(modules["module"], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self._in_forward(True)
        try:
            # What the engine does itself is no part of the model.
            loss = self.module(*(value * 1 for value in args), **kwargs)
        finally:
            self._in_forward(False)
        return loss

    def _in_forward(self, there: bool) -> None:
        for part in self.module.modules():
            if isinstance(part._parameters, ZeROOrderedDict):
                part._parameters.in_forward = there
