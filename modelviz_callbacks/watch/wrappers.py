"""The wrappers around a user's module, seen through without importing what made them."""

from typing import Any

from torch import distributed, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from modelviz_callbacks.errors import SettingsError
from modelviz_callbacks.watch.forced_eager import is_forced_eager


def unwrap(module: nn.Module) -> nn.Module:
    """Gives the user's own module inside compilers' and data-parallel wrappers.

    Args:
        module: Any module.

    Returns:
        The innermost module that is no wrapper.
    """
    while (inner := _inner(module)) is not None:
        module = inner
    return module


def is_compiled(module: nn.Module) -> bool:
    """Whether calls of `module` run compiled.

    By `torch.compile(module)`, `module.compile()`, or a `forward` that was compiled.
    """
    if is_compiler_wrapper(module) or runs_compiled_call(module):
        return True
    return not is_forced_eager() and _is_compiled_function(getattr(module, "forward", None))


def runs_compiled_call(module: nn.Module) -> bool:
    """Whether `module.compile()` was called: its calls then bypass `_call_impl`."""
    return getattr(module, "_compiled_call_impl", None) is not None


def is_compiler_wrapper(module: nn.Module) -> bool:
    """Whether `torch.compile(module)` made `module`."""
    # OptimizedModule lives in torch._dynamo, whose import takes seconds.
    return type(module).__name__ == "OptimizedModule"


def inside_distributed(module: nn.Module) -> nn.Module:
    """Gives the module that DistributedDataParallel calls, with inputs already on its device."""
    while isinstance(module, DistributedDataParallel):
        module = module.module
    return module


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
    return _compiled_inner(module)


def _compiled_inner(module: nn.Module) -> nn.Module | None:
    if not is_compiler_wrapper(module):
        return None
    inner = module._modules.get("_orig_mod")
    return inner if isinstance(inner, nn.Module) else None


def _is_compiled_function(function: object) -> bool:
    if getattr(function, "_torchdynamo_orig_callable", None) is None:
        return False
    # What is kept from being compiled looks the same otherwise.
    return not getattr(function, "_torchdynamo_disable", False)
