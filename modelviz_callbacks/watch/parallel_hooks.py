"""Forward hooks by which libraries shard a model: found, and covered while a step is watched."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from modelviz_callbacks.watch.quiet import is_traced

# FSDP2, tensor parallelism, composable DDP; ZeRO-3.
_LIBRARIES = ("torch.distributed.", "deepspeed.")

# Called with a hook, the module, and what the hook is given.
Around = Callable[..., Any]


class HookCover:
    """Stands in the place of one forward hook, under its key, until it is removed."""

    def __init__(self, hooks: dict[int, Any], key: int, around: Around) -> None:
        """Covers a hook.

        Args:
            hooks: A module's hooks.
            key: The hook's key.
            around: Runs the hook; gives its result.
        """
        self._hooks = hooks
        self._key = key
        self._around = around
        self.original: Callable[..., Any] = hooks[key]
        hooks[key] = self

    def __call__(self, *args: Any) -> Any:
        """Runs the hook."""
        if is_traced():
            return self.original(*args)
        return self._around(self.original, *args)

    def remove(self) -> None:
        """Puts the hook back, unless it was removed meanwhile; may be called again."""
        if self._hooks.get(self._key) is self:
            self._hooks[self._key] = self.original

    # A copy of the module gets the plain hook.

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self.original, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self.original,)


def cover_hooks(module: nn.Module, before: Around, after: Around) -> Iterator[HookCover]:
    """Covers a module's own hooks that are a library's.

    Args:
        module: The module.
        before: Runs the hooks before its forward.
        after: Runs those after it.

    Yields:
        Each cover, in place.
    """
    for hooks, around in ((module._forward_pre_hooks, before), (module._forward_hooks, after)):
        for key in [key for key, hook in hooks.items() if _is_parallel(hook)]:
            yield HookCover(hooks, key, around)


def has_parallel_hooks(module: nn.Module) -> bool:
    """Whether a module or a part of it has hooks that may wait for other ranks."""
    return any(
        _is_parallel(hook)
        for part in module.modules()
        for hook in (*part._forward_pre_hooks.values(), *part._forward_hooks.values())
    )


def _is_parallel(hook: Any) -> bool:
    if isinstance(hook, HookCover):
        return True
    return f"{getattr(hook, '__module__', '')}.".startswith(_LIBRARIES)


def _itself(hook: Any) -> Any:
    return hook
