"""Which modules a training step calls itself, and with what."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import nn
from torch.nn.parallel import DataParallel

from modelviz_callbacks.errors import ModelVizError
from modelviz_callbacks.watch.autocast import Autocast
from modelviz_callbacks.watch.call_arguments import named_arguments
from modelviz_callbacks.watch.module_paths import walk
from modelviz_callbacks.watch.quiet import is_called_by_tracer, quiet_depth
from modelviz_callbacks.watch.shadow import Shadow, Watch
from modelviz_callbacks.watch.wrappers import (
    as_fabric_calls,
    first_replica_call,
    is_compiled,
    unwrap,
)


@dataclass(frozen=True)
class RootCall:
    """A module call made by the training step itself, as it was made.

    Attributes:
        path: The module's path in the observed model; `""` is the model itself.
        module: The module, without wrappers.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        compiled: Whether the real call runs compiled.
        autocast: The autocast around it.
    """

    path: str
    module: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    compiled: bool = False
    autocast: Autocast = field(default_factory=Autocast.here)

    def named_arguments(self) -> dict[str, Any]:
        """Gives the arguments under the names that the module's `forward` has for them."""
        return named_arguments(self.module.forward, self.args, self.kwargs)


@dataclass(frozen=True)
class CallObserver:
    """What a watcher tells.

    Attributes:
        entered: Called right before an outermost call runs.
        left: Called right after it, with its output, or None and the exception that ended it.
        passes: Whether a call is only a wrapper's and its inner calls are the outermost ones.
    """

    entered: Callable[[RootCall], None]
    left: Callable[[RootCall, Any, BaseException | None], None] = lambda *_end: None
    passes: Callable[[nn.Module], bool] = lambda _module: False


class CallWatcher:
    """Sees the outermost calls of chosen modules, from arming to disarming.

    A module's `_call_impl` is shadowed on the instance, below its hooks' registry: the forward
    hooks stay as they are, so that code which looks for hooks (the fast path of
    `nn.TransformerEncoder`, for one) decides as it does without us. The call's arguments are
    seen before any hook changes them, keyword arguments included. Several watchers may watch one
    module; none sees the calls of another one's replay.
    """

    def __init__(
        self, modules: dict[str, nn.Module], observer: CallObserver, *, alone: bool = False
    ) -> None:
        """Prepares the watching; nothing is attached yet.

        Args:
            modules: What is watched, keyed by path.
            observer: Who is told.
            alone: Whether no other watcher of this kind may be on the modules.
        """
        self._modules = modules
        self._observer = observer
        self._alone = alone
        self._attached: list[tuple[Shadow, Watch]] = []
        self._armed = False
        self._quiet_depth = 0
        self._thread = threading.local()

    def arm(self) -> None:
        """Attaches the watcher.

        Raises:
            ModelVizError: If it must be alone on a module and is not.
        """
        self._armed, self._quiet_depth = True, quiet_depth()
        try:
            for path, module in self._modules.items():
                self._attach(path, module)
        except BaseException:
            self.disarm()
            raise

    def disarm(self) -> None:
        """Takes everything off the modules; may be called again."""
        # Whatever should be left somewhere sees no more.
        self._armed = False
        while self._attached:
            shadow, watch = self._attached.pop()
            shadow.drop(watch)

    def _attach(self, path: str, module: nn.Module) -> None:
        shadow = Shadow.of(module)
        if self._alone and any(watch.alone for watch in shadow.watches):
            raise ModelVizError(
                f"{type(module).__name__} is watched already: close() the other hook first."
            )
        watch = Watch(partial(self._observe, path), self._alone)
        shadow.watches.append(watch)
        self._attached.append((shadow, watch))

    def _observe(
        self,
        path: str,
        module: nn.Module,
        proceed: Callable[..., Any],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if self._overlooks(module):
            return proceed(*args, **kwargs)
        call = _true_call(path, module, args, kwargs)
        # Set for the observer too, which may run the module again.
        self._thread.nested = True
        try:
            self._observer.entered(call)
            result = proceed(*args, **kwargs)
        except BaseException as error:
            self._thread.nested = False
            self._observer.left(call, None, error)
            raise
        self._thread.nested = False
        self._observer.left(call, result, None)
        return result

    def _overlooks(self, module: nn.Module) -> bool:
        nested = getattr(self._thread, "nested", False)
        if nested or not self._armed or quiet_depth() > self._quiet_depth:
            return True
        return self._observer.passes(module) or is_called_by_tracer()


def watchable_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Gives the modules that may be watched, by path: none inside compiled or scripted code."""
    return dict(walk(model, into_compiled=False))


def _true_call(
    path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> RootCall:
    if isinstance(module, DataParallel):
        # Where scattering fails, the real call will fail in its own way.
        with contextlib.suppress(Exception):
            args, kwargs = first_replica_call(module, args, kwargs)
    with as_fabric_calls(module, args, kwargs) as (given, keywords):
        return RootCall(path, unwrap(module), given, keywords, is_compiled(module))


def chosen_call(path: str, module: nn.Module, chosen: Any) -> RootCall:
    """Makes a call of what a user's `input_fn` chose.

    Args:
        path: The module's path.
        module: The module to call.
        chosen: A tuple of positional arguments, a dict of keyword arguments, or the only argument.

    Returns:
        The call.
    """
    if isinstance(chosen, tuple):
        return RootCall(path, module, chosen)
    if isinstance(chosen, dict):
        return RootCall(path, module, (), chosen)
    return RootCall(path, module, (chosen,))
