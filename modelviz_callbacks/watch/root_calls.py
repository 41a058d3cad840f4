"""Which modules a training step calls itself, and with what."""

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

from torch import nn
from torch.nn.parallel import DataParallel

from modelviz_callbacks.errors import ModelVizError
from modelviz_callbacks.watch.module_paths import walk
from modelviz_callbacks.watch.wrappers import (
    first_replica_call,
    is_compiled,
    runs_compiled_call,
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
    """

    path: str
    module: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    compiled: bool = False

    def named_arguments(self) -> dict[str, Any]:
        """Gives the arguments under the names that the module's `forward` has for them."""
        try:
            signature = inspect.signature(self.module.forward)
            return dict(signature.bind_partial(*self.args, **self.kwargs).arguments)
        except (TypeError, ValueError):
            positional = {f"args[{index}]": value for index, value in enumerate(self.args)}
            return {**positional, **self.kwargs}


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
    seen before any hook changes them, keyword arguments included.
    """

    def __init__(self, modules: dict[str, nn.Module], observer: CallObserver) -> None:
        """Prepares the watching of `modules`, keyed by path; nothing is attached yet."""
        self._modules = modules
        self._observer = observer
        self._shadows: list[_Shadow] = []
        self._thread = threading.local()

    def arm(self) -> None:
        """Attaches the watcher.

        Raises:
            ModelVizError: If one of the modules is watched already.
        """
        for path, module in self._modules.items():
            if isinstance(vars(module).get(_slot(module)), _Shadow):
                self.disarm()
                raise ModelVizError(
                    f"{type(module).__name__} is watched already: close() the other hook first."
                )
            self._shadows.append(_Shadow(path, module, self._observe))

    def disarm(self) -> None:
        """Takes everything off the modules; may be called again."""
        while self._shadows:
            self._shadows.pop().remove()

    def _observe(self, shadow: "_Shadow", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if getattr(self._thread, "nested", False) or self._observer.passes(shadow.module):
            return shadow.original(*args, **kwargs)
        call = _true_call(shadow, args, kwargs)
        # Set for the observer too, which may run the module again.
        self._thread.nested = True
        try:
            self._observer.entered(call)
            result = shadow.original(*args, **kwargs)
        except BaseException as error:
            self._thread.nested = False
            self._observer.left(call, None, error)
            raise
        self._thread.nested = False
        self._observer.left(call, result, None)
        return result


def watchable_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Gives the modules that may be watched, by path: none inside compiled or scripted code."""
    return dict(walk(model, into_compiled=False))


def _true_call(shadow: "_Shadow", args: tuple[Any, ...], kwargs: dict[str, Any]) -> RootCall:
    module = shadow.module
    if isinstance(module, DataParallel):
        args, kwargs = first_replica_call(module, args, kwargs)
    return RootCall(shadow.path, unwrap(module), args, kwargs, is_compiled(module))


def _slot(module: nn.Module) -> str:
    return "_compiled_call_impl" if runs_compiled_call(module) else "_call_impl"


class _Shadow:
    """Stands in a module's `__dict__` where its calls pass through."""

    def __init__(
        self,
        path: str,
        module: nn.Module,
        observe: Callable[["_Shadow", tuple[Any, ...], dict[str, Any]], Any],
    ) -> None:
        self.path = path
        self.module = module
        self._observe = observe
        self._slot = _slot(module)
        self._before = {key: vars(module)[key] for key in [self._slot] if key in vars(module)}
        self.original: Callable[..., Any] = getattr(module, self._slot)
        # Past every __setattr__: wrappers redirect attributes to the module they wrap.
        vars(module)[self._slot] = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._observe(self, args, kwargs)

    def remove(self) -> None:
        if vars(self.module).get(self._slot) is self:
            del vars(self.module)[self._slot]
            vars(self.module).update(self._before)

    # A model may be copied or pickled while it is watched. The copy gets the plain method.

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo.get(id(self.module), self.module)
        return MethodType(type(self.module)._call_impl, copied)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.module, "_call_impl")


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
