"""The wrappers around a user's module, seen through without importing what made them."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import distributed, nn
from torch.jit import ScriptModule
from torch.nn.parallel import DataParallel, DistributedDataParallel

from modelviz_callbacks.errors import SettingsError
from modelviz_callbacks.watch.forced_eager import is_forced_eager

# Known by name: to import what makes them takes seconds. By the name under which the wrapped
# module stands in its wrapper, the wrapper's class.
_COMPILER = {"_orig_mod": "OptimizedModule"}
_SEE_THROUGH = {
    "_fsdp_wrapped_module": "FullyShardedDataParallel",
    "_checkpoint_wrapped_module": "ActivationWrapper",
    "module": "DeepSpeedEngine",
}
# It calls what it holds in the training's precision, under the training's autocast.
_FABRIC = {"_forward_module": "_FabricModule"}
# The parts of a path that only wrappers make; `module` may well be a user's own name.
WRAPPED_NAMES = frozenset({*_COMPILER, *_SEE_THROUGH, *_FABRIC}) - {"module"}


def unwrap(module: nn.Module) -> nn.Module:
    """Gives the user's own module inside the wrappers of compilers and of parallel training.

    Args:
        module: Any module.

    Returns:
        The innermost module that is no wrapper.
    """
    while (inner := _inner(module)) is not None:
        module = inner
    return module


def see_through(module: nn.Module) -> nn.Module | None:
    """Gives what a wrapper holds whose inside is watched as if the wrapper were not there.

    Args:
        module: Any module.

    Returns:
        What FSDP, activation checkpointing or DeepSpeed's engine wrapped, which may be a wrapper
        again; None for any other module.
    """
    return _wrapped_by(module, _SEE_THROUGH)


def without_compilers(module: nn.Module) -> nn.Module:
    """Gives a model without the outermost wrappers, up to the one that knows how it is sharded."""
    while see_through(module) is None and (inner := _inner(module)) is not None:
        module = inner
    return module


def users_class(module: nn.Module) -> type[nn.Module]:
    """Gives a module's class, behind the one that FSDP2 has made of it."""
    kind = type(module)
    first, *others = kind.__bases__
    if others and any(base.__name__ == "FSDPModule" for base in first.__mro__):
        return others[0]
    return kind


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
    # By its class alone: it is asked for while the wrapper is being made.
    return _is_a(module, _COMPILER["_orig_mod"])


def is_closed(module: nn.Module) -> bool:
    """Whether nothing is attached in a module: it is scripted, or was compiled in place."""
    # Scripted modules refuse it; in compiled code nothing can be seen.
    return isinstance(module, ScriptModule) or runs_compiled_call(module)


def inside_distributed(module: nn.Module) -> nn.Module:
    """Gives the module that DistributedDataParallel and Fabric call.

    Its inputs are on its device already and in the training's precision, and it runs under the
    training's autocast.
    """
    while True:
        if isinstance(module, DistributedDataParallel):
            module = module.module
        elif (inner := _wrapped_by(module, _FABRIC)) is not None:
            module = inner
        else:
            return module


def fabric_wrapper(module: nn.Module) -> nn.Module | None:
    """Gives the wrapper of `Fabric.setup` that a module is, or holds inside its wrappers."""
    within: nn.Module | None = module
    while within is not None and _wrapped_by(within, _FABRIC) is None:
        within = _inner(within)
    return within


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


@contextlib.contextmanager
def as_fabric_calls(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Gives the arguments as a wrapper of Fabric's in a compiled module hands them on.

    In its body the training's precision is in force, as the wrapper will have it.
    """
    wrapper = fabric_wrapper(module)
    if wrapper is None:
        yield args, kwargs
        return
    precision: Any = vars(wrapper)["_strategy"].precision
    # These casts are none of the step's operations.
    with torch._C.DisableTorchFunction():
        args, kwargs = precision.convert_input((args, kwargs))
    with precision.forward_context():
        yield args, kwargs


def _inner(module: nn.Module) -> nn.Module | None:
    if isinstance(module, (DistributedDataParallel, DataParallel)):
        inner: nn.Module = module.module
        return inner
    return _wrapped_by(module, _COMPILER | _SEE_THROUGH | _FABRIC)


def _wrapped_by(module: nn.Module, wrappers: dict[str, str]) -> nn.Module | None:
    for name, wrapper in wrappers.items():
        # Not `get`, which scripted modules' parts do not have.
        if name in module._modules and _is_a(module, wrapper):
            return module._modules[name]
    return None


def _is_a(module: nn.Module, name: str) -> bool:
    return any(base.__name__ == name for base in type(module).__mro__)


def _is_compiled_function(function: object) -> bool:
    if getattr(function, "_torchdynamo_orig_callable", None) is None:
        return False
    # What is kept from being compiled looks the same otherwise.
    return not getattr(function, "_torchdynamo_disable", False)
