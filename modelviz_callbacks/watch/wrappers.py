"""The wrappers around a user's module, seen through without importing what made them."""

from typing import Any

from torch import distributed, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from modelviz_callbacks.errors import SettingsError


def unwrap(module: nn.Module) -> nn.Module:
    """Gives the user's own module inside the wrappers of compilers, data parallelism and Fabric.

    Args:
        module: Any module.

    Returns:
        The innermost module that is no wrapper.
    """
    while (inner := _inner(module)) is not None:
        module = inner
    return module


def is_compiled(module: nn.Module) -> bool:
    """Whether calls of `module` run compiled (`torch.compile(module)`, `module.compile()`)."""
    return _compiled_inner(module) is not None or runs_compiled_call(module)


def runs_compiled_call(module: nn.Module) -> bool:
    """Whether `module.compile()` was called: its calls then bypass `_call_impl`."""
    return getattr(module, "_compiled_call_impl", None) is not None


def inside_distributed(module: nn.Module) -> nn.Module:
    """Gives the module that DistributedDataParallel and Fabric call.

    Its inputs are on its device already and in the training's precision, and it runs under the
    training's autocast.
    """
    while True:
        if isinstance(module, DistributedDataParallel):
            module = module.module
        elif (inner := _fabric_inner(module)) is not None:
            module = inner
        else:
            return module


def is_fabric_wrapper(module: nn.Module) -> bool:
    """Whether `Fabric.setup` made `module`, of `lightning` or of `lightning_fabric`."""
    # Known by name: to import Lightning takes seconds.
    return any(base.__name__ == "_FabricModule" for base in type(module).__mro__)


def require_module(model: object) -> nn.Module:
    """Checks that a model is one.

    Raises:
        SettingsError: If it is not a `torch.nn.Module`.
    """
    if not isinstance(model, nn.Module):
        raise SettingsError(f"model={model!r} is no torch.nn.Module. Give the network itself.")
    return model


def is_first_rank() -> bool:
    """Whether this process is the one that records: the only one, or rank 0."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    return True


def first_replica_call(
    module: DataParallel[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Gives the arguments that DataParallel hands to its first replica."""
    if not module.device_ids:
        return args, kwargs
    inputs, keywords = module.scatter(args, kwargs, module.device_ids)
    return tuple(inputs[0]), dict(keywords[0])


def _inner(module: nn.Module) -> nn.Module | None:
    if isinstance(module, (DistributedDataParallel, DataParallel)):
        inner: nn.Module = module.module
        return inner
    return _fabric_inner(module) or _compiled_inner(module)


def _fabric_inner(module: nn.Module) -> nn.Module | None:
    # What the wrapper calls: the user's module, or another wrapper around it.
    return module._modules["_forward_module"] if is_fabric_wrapper(module) else None


def _compiled_inner(module: nn.Module) -> nn.Module | None:
    # OptimizedModule lives in torch._dynamo, whose import takes seconds.
    if type(module).__name__ != "OptimizedModule":
        return None
    inner = module._modules.get("_orig_mod")
    return inner if isinstance(inner, nn.Module) else None
