"""The wrappers around a user's module, seen through without importing what made them."""

import os
from typing import Any

from torch import distributed, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from modelviz_callbacks.errors import SettingsError


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
    """Whether calls of `module` run compiled (`torch.compile(module)`, `module.compile()`)."""
    return _compiled_inner(module) is not None or runs_compiled_call(module)


def runs_compiled_call(module: nn.Module) -> bool:
    """Whether `module.compile()` was called: its calls then bypass `_call_impl`."""
    return getattr(module, "_compiled_call_impl", None) is not None


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


def data_parallel_wrapper(module: nn.Module) -> str | None:
    """Names the wrapper that spreads a module's batches, if it has one or runs inside one."""
    # DDP keeps the wrapper whose forward runs: a hook may have been made before it.
    wrapper: nn.Module | None = getattr(DistributedDataParallel, "_active_ddp_module", None)
    wrapper = wrapper or module
    while wrapper is not None:
        if isinstance(wrapper, (DistributedDataParallel, DataParallel)):
            return type(wrapper).__name__
        wrapper = _inner(wrapper)
    return None


def is_first_rank() -> bool:
    """Whether this process is the one that records: the only one, or rank 0."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    # Before init_process_group a launcher's word counts: torchrun gives both of these.
    return "WORLD_SIZE" not in os.environ or os.environ.get("RANK", "0") == "0"


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
    # OptimizedModule lives in torch._dynamo, whose import takes seconds.
    if type(module).__name__ != "OptimizedModule":
        return None
    inner = module._modules.get("_orig_mod")
    return inner if isinstance(inner, nn.Module) else None
