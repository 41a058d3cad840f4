"""What is attached to a watched module: a shadow of its calls, which several watchers share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any

from torch import nn

from modelviz_callbacks.watch.quiet import is_traced
from modelviz_callbacks.watch.wrappers import runs_compiled_call


@dataclass(frozen=True, eq=False)
class Watch:
    """One watcher's interest in a module.

    Attributes:
        observe: Called with the call that goes on, and its arguments; returns its output.
        alone: Whether it bears no other watch of this kind on the module.
    """

    observe: Callable[..., Any]
    alone: bool = False


class Shadow:
    """Stands in a module's `__dict__` where its calls pass through.

    Watches may come and go in any order; the shadow goes with the last one. A call that PyTorch
    only traces or compiles passes straight through.
    """

    def __init__(self, module: nn.Module) -> None:
        """Attaches a shadow that nobody watches yet; `of` finds one that is there."""
        self.module = module
        self.watches: list[Watch] = []
        self._slot = _slot(module)
        self.original: Callable[..., Any] = getattr(module, self._slot)
        self._before = _put(module, self._slot, self)
        for name, make in _COMPANIONS.items():
            if not isinstance(vars(module).get(name), _Companion):
                _Companion(module, name, make)

    @classmethod
    def of(cls, module: nn.Module) -> "Shadow":
        """Gives the module's shadow; attaches one if there is none."""
        there = vars(module).get(_slot(module))
        return there if isinstance(there, Shadow) else cls(module)

    def drop(self, watch: Watch) -> None:
        """Takes a watch off, and with the last one all that was attached to the module."""
        if watch in self.watches:
            self.watches.remove(watch)
        if not self.watches:
            _take_back(self.module, self._slot, self, self._before)
            if not _is_watched(self.module):
                for name in _COMPANIONS:
                    there = vars(self.module).get(name)
                    if isinstance(there, _Companion):
                        _take_back(self.module, name, there, there.before)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the module's call, through the watches; the latest one is the outermost."""
        if is_traced():
            return self.original(*args, **kwargs)
        proceed = self.original
        for watch in tuple(self.watches):
            proceed = partial(watch.observe, proceed)
        return proceed(*args, **kwargs)

    # For classes that copy and pickle themselves in their own way: the copy gets the plain method.

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo.get(id(self.module), self.module)
        return MethodType(type(self.module)._call_impl, copied)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.module, "_call_impl")


class _Companion:
    """Stands in for a method that hands out the module's `__dict__`: copies get nothing of ours.

    A shadow in a copy's `__dict__` would run the original module.
    """

    def __init__(self, module: nn.Module, name: str, make: Callable[..., Any]) -> None:
        self._module = module
        self._make = make
        self.before = _put(module, name, self)
        self._original = self.before.get(name)

    def __call__(self) -> Any:
        return self._make(self._module, self._original)


def _state(module: nn.Module, own: Callable[[], Any] | None) -> Any:
    if own is None and (inherited := getattr(type(module), "__getstate__", None)) is not None:
        own = MethodType(inherited, module)
    # Before Python 3.11 a class without a __getstate__ of its own has none.
    return _without_ours(vars(module) if own is None else own())


def _replica(module: nn.Module, own: Callable[[], nn.Module] | None) -> nn.Module:
    make = own or MethodType(type(module)._replicate_for_data_parallel, module)
    replica: nn.Module = make()
    replica.__dict__ = _without_ours(vars(replica))
    return replica


_COMPANIONS: dict[str, Callable[..., Any]] = {
    "__getstate__": _state,
    "_replicate_for_data_parallel": _replica,
}


def _without_ours(state: Any) -> Any:
    if isinstance(state, tuple):  # a class with __slots__: its __dict__ and its slots
        return tuple(_without_ours(part) for part in state)
    if not isinstance(state, dict):
        return state
    plain: dict[Any, Any] = {}
    for key, value in state.items():
        if isinstance(value, Shadow):
            plain |= value._before
        elif isinstance(value, _Companion):
            plain |= value.before
        else:
            plain[key] = value
    return plain


# What a call passes through: plain, and after `module.compile()`.
_SLOTS = ("_call_impl", "_compiled_call_impl")


def _slot(module: nn.Module) -> str:
    return _SLOTS[runs_compiled_call(module)]


def _put(module: nn.Module, name: str, value: object) -> dict[str, Any]:
    before = {name: vars(module)[name]} if name in vars(module) else {}
    # Past every __setattr__: wrappers redirect attributes to the module they wrap.
    vars(module)[name] = value
    return before


def _take_back(module: nn.Module, name: str, value: object, before: dict[str, Any]) -> None:
    if vars(module).get(name) is value:
        del vars(module)[name]
        vars(module).update(before)


def _is_watched(module: nn.Module) -> bool:
    return any(isinstance(vars(module).get(slot), Shadow) for slot in _SLOTS)
