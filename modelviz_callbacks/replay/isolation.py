"""Everything that a replay may change on a model and around it, put back in one place."""

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from modelviz_callbacks.replay.ambient import accelerators, ambient_restorers
from modelviz_callbacks.replay.collectives import collectives_refused, forward_alone
from modelviz_callbacks.replay.snapshot import Snapshot, global_hooks
from modelviz_callbacks.replay.user_modes import outside_user_modes
from modelviz_callbacks.replay.write_guard import WriteGuard
from modelviz_callbacks.watch.quiet import quiet


class Isolation:
    """Lets forwards of a model run without leaving a mark on it.

    One isolation serves several replays: its snapshot is taken once, and put back after each.

    Example:
        >>> isolation = Isolation(model)
        >>> with isolation.replay():
        ...     model(inputs)
    """

    def __init__(
        self, model: nn.Module, extra: tuple[nn.Module, ...] = (), arguments: Any = ()
    ) -> None:
        """Takes the snapshot.

        Args:
            model: The module whose whole tree is kept, with all that hangs on it.
            extra: Further modules that a replay may run.
            arguments: What the replayed call was made with, nested in whatever way. A replay gets
                clones of the tensors; random generators and what cannot be copied are the real
                ones.
        """
        modules = [*model.modules(), *(part for module in extra for part in module.modules())]
        self._modules = list({id(module): module for module in modules}.values())
        with outside_user_modes():
            self._restorers = [
                *Snapshot([*self._modules, arguments, *global_hooks()]).restorers(),
                *ambient_restorers(accelerators(model)),
            ]

    @contextlib.contextmanager
    def replay(self) -> Iterator[None]:
        """Runs its body, then puts everything back, also when the body raises.

        Raises:
            ReplayRefusedError: If the body was about to communicate with other ranks.
            Exception: What the body raised, or the first error met while putting things back;
                the rest is put back all the same.
        """
        guard = WriteGuard()
        with outside_user_modes(), contextlib.ExitStack() as undo:
            undo.callback(_run_all, [guard.restore, *self._restorers])
            undo.callback(_forget_autocast_casts, guard)
            undo.callback(torch.set_autocast_cache_enabled, torch.is_autocast_cache_enabled())
            # Casts made here must not be found by the training, nor the training's by us.
            torch.set_autocast_cache_enabled(False)
            self._keep_quiet()
            undo.enter_context(quiet())
            undo.enter_context(_forced_eager())
            undo.enter_context(guard)
            undo.enter_context(collectives_refused())
            yield

    def _keep_quiet(self) -> None:
        """Keeps forwards from logging and from preparing a backward; undone by the snapshot."""
        for module in self._modules:
            if isinstance(module, DistributedDataParallel):
                vars(module)["forward"] = partial(forward_alone, module)
            # Lightning's `self.log`.
            if hasattr(module, "log_dict") and hasattr(module, "training_step"):
                vars(module).update(log=_ignore, log_dict=_ignore)


def free_memory() -> None:
    """Gives back the memory of a replay that ran out of it."""
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()


def _forget_autocast_casts(guard: WriteGuard) -> None:
    # Only an autocast region inside the forward turns the cache on again; its casts were made
    # without gradients and would starve the training's. Cleared whether or not this version of
    # torch keeps them.
    if guard.autocast_cache_used:
        torch.clear_autocast_cache()


def _forced_eager() -> contextlib.AbstractContextManager[Any]:
    # Without torch._dynamo in memory nothing can be compiled; importing it takes seconds.
    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    context: contextlib.AbstractContextManager[Any]
    if hasattr(torch.compiler, "set_stance"):
        context = torch.compiler.set_stance("force_eager")
    else:  # torch < 2.6
        context = sys.modules["torch._dynamo"].config.patch(disable=True)
    return context


def _run_all(restorers: list[Callable[[], object]]) -> None:
    errors = []
    for restorer in restorers:
        try:
            restorer()
        except Exception as error:  # noqa: BLE001 - the rest must be put back first
            errors.append(error)
    if errors:
        raise errors[0]


def _ignore(*_args: Any, **_kwargs: Any) -> None:
    return None
