"""Whether an extra forward is safe here, and if not, why."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import distributed, nn
from torch.jit import ScriptModule
from torch.nn.parameter import is_lazy

from modelviz_callbacks.watch.parallel_hooks import has_parallel_hooks
from modelviz_callbacks.watch.sharding import is_sharded
from modelviz_callbacks.watch.tensor_tree import holds


def replay_refusal(module: nn.Module, arguments: Any = ()) -> str | None:
    """Tells why a module's call must not be repeated.

    Args:
        module: The module that would run once more, without wrappers.
        arguments: What it is called with, nested in whatever way.

    Returns:
        The reason in words, or None where a replay is safe.
    """
    for applies, reason in _REFUSALS:
        if applies(module):
            return f"no extra forward: {reason}"
    if holds(arguments, Iterator):
        return "no extra forward: the call is given an iterator, which can be used only once"
    return None


def _is_scripted(module: nn.Module) -> bool:
    return any(isinstance(part, ScriptModule) for part in module.modules())


def _is_uninitialized(module: nn.Module) -> bool:
    return any(is_lazy(p) for p in (*module.parameters(), *module.buffers()))


def _is_zero_partitioned(module: nn.Module) -> bool:
    # DeepSpeed marks each parameter that ZeRO-3 has partitioned.
    return any(hasattr(p, "ds_id") for p in module.parameters())


def _synchronizes_batch_norm(module: nn.Module) -> bool:
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    return any(
        isinstance(part, nn.SyncBatchNorm)
        and part.training
        and distributed.get_world_size(part.process_group) > 1
        for part in module.modules()
    )


_REFUSALS: tuple[tuple[Callable[[nn.Module], bool], str], ...] = (
    (_is_scripted, "scripted code keeps values that cannot be put back"),
    (_is_uninitialized, "lazy parameters get their shapes in the real forward"),
    (is_sharded, "sharded parameters are gathered by all ranks together"),
    (_is_zero_partitioned, "ZeRO-3 gathers parameters on all ranks together"),
    (has_parallel_hooks, "the hooks that a library put on it may wait for the other ranks"),
    (_synchronizes_batch_norm, "SyncBatchNorm in train mode waits for the other ranks"),
)
