"""What is attached to a watched module: a shadow of its calls, which several watchers share."""

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from modelviz_callbacks.watch.compiled_code import attach, on_entry
from modelviz_callbacks.watch.quiet import is_traced
from modelviz_callbacks.watch.wrappers import is_compiler_wrapper, runs_compiled_call, unwrap


@dataclass(frozen=True, eq=False)
class Watch:
    """One watcher's interest in a module.

    Attributes:
        observe: Called with the module, the call that goes on, and its arguments; returns its
            output. The module is the one that it was attached to, or what `torch.compile` made
            of that.
        alone: Whether it bears no other watch of this kind on the module.
    """

    observe: Callable[..., Any]
    alone: bool = False


class Shadow:
    """Stands in a module's `__dict__` where its calls pass through.

    Watches may come and go in any order; the shadow goes with the last one. A call that PyTorch
    only traces passes straight through. Where compiled code runs, no shadow is on any module.
    A module that is compiled while it is watched stays watched: its compiled calls are seen.
    """

    def __init__(self, module: nn.Module) -> None:
        """Attaches a shadow that nobody watches yet; `of` finds one that is there."""
        self.module = module
        self.watches: list[Watch] = []
        self._followers: list[Shadow] = []
        self._step_in()
        _ALL.add(self)

    @classmethod
    def of(cls, module: nn.Module) -> "Shadow":
        """Gives the module's shadow; attaches one if there is none."""
        there = vars(module).get(_slot(module))
        return there if isinstance(there, Shadow) else cls(module)

    def drop(self, watch: Watch) -> None:
        """Takes a watch off, and with the last one all that was attached to the module."""
        if watch in self.watches:
            self.watches.remove(watch)
        for follower in self._followers:
            follower.drop(watch)
        if not self.watches:
            self.step_aside()
            _ALL.remove(self)

    def follow(self, wrapper: nn.Module) -> None:
        """Watches what `torch.compile` made of the module, too."""
        follower = Shadow.of(wrapper)
        follower.watches += [watch for watch in self.watches if watch not in follower.watches]
        self._followers.append(follower)

    def step_aside(self) -> bool:
        """Takes the shadow off the module for a while; says whether it was there."""
        there = vars(self.module).get(self._slot) is self
        _take_back(self.module, self._slot, self, self._before)
        if not _is_watched(self.module):
            for name in _COMPANIONS:
                companion = vars(self.module).get(name)
                if isinstance(companion, _Companion):
                    _take_back(self.module, name, companion, companion.before)
        return there

    def come_back(self) -> None:
        """Attaches the shadow again, unless its last watch is gone."""
        if self.watches:
            self._step_in()

    def _step_in(self) -> None:
        # The module may have been compiled in place meanwhile.
        self._slot = _slot(self.module)
        self.original: Callable[..., Any] = getattr(self.module, self._slot)
        self._before = _put(self.module, self._slot, self)
        for name, make in _COMPANIONS.items():
            if not isinstance(vars(self.module).get(name), _Companion):
                _Companion(self.module, name, make)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the module's call, through the watches; the latest one is the outermost."""
        if is_traced():
            return self.original(*args, **kwargs)
        proceed = self.original
        for watch in tuple(self.watches):
            proceed = partial(watch.observe, self.module, proceed)
        return proceed(*args, **kwargs)

    # For classes that copy and pickle themselves in their own way: the copy gets the plain method.

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo.get(id(self.module), self.module)
        return MethodType(type(self.module)._call_impl, copied)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.module, "_call_impl")


class _All:
    """Every shadow that is on a module, and what follows their modules into compiled code."""

    def __init__(self) -> None:
        # Weak: a model may go while it is watched.
        self._shadows: weakref.WeakSet[Shadow] = weakref.WeakSet()
        self._ends: list[Callable[[], None]] = []

    def add(self, shadow: Shadow) -> None:
        self._shadows.add(shadow)
        if not self._ends:
            registered = register_module_module_registration_hook(_follow_into_wrapper)
            self._ends += [registered.remove, on_entry(self.set_aside)]

    def remove(self, shadow: Shadow) -> None:
        self._shadows.discard(shadow)
        while self._ends and not self._shadows:
            self._ends.pop()()

    def set_aside(self) -> Callable[[], None]:
        taken = [shadow for shadow in tuple(self._shadows) if shadow.step_aside()]

        def put_back() -> None:
            for shadow in taken:
                shadow.come_back()

        return put_back


_ALL = _All()


def set_all_aside() -> Callable[[], None]:
    """Takes all shadows off their modules; gives what puts them back."""
    return _ALL.set_aside()


@contextlib.contextmanager
def all_set_aside() -> Iterator[None]:
    """Runs its body as if no module were watched; modules that it watches itself are."""
    put_back = set_all_aside()
    try:
        yield
    finally:
        put_back()


def _follow_into_wrapper(wrapper: nn.Module, name: str, inner: object) -> None:
    # Called for every module that becomes a part of another one.
    if name != "_orig_mod" or not isinstance(inner, nn.Module) or not is_compiler_wrapper(wrapper):
        return
    # The compiler is in memory now, if it was not when the first shadow was attached.
    attach()
    user_module = unwrap(inner)
    there = vars(user_module).get(_slot(user_module))
    if isinstance(there, Shadow):
        # What the user compiles is there, whether or not we can see it.
        with contextlib.suppress(Exception):
            there.follow(wrapper)


class _Companion:
    """Stands in for a method that must not meet the shadow.

    A shadow in a copy's `__dict__` would run the original module, and one that is compiled would
    stay in the compiled call.
    """

    def __init__(self, module: nn.Module, name: str, make: Callable[..., Any]) -> None:
        self._module = module
        self._make = make
        self.before = _put(module, name, self)
        self._original = self.before.get(name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._make(self._module, self._original, *args, **kwargs)


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


def _compile(module: nn.Module, own: Callable[..., Any] | None, *args: Any, **kwargs: Any) -> Any:
    compile_in_place = own or MethodType(type(module).compile, module)
    with all_set_aside():
        result = compile_in_place(*args, **kwargs)
    attach()
    return result


_COMPANIONS: dict[str, Callable[..., Any]] = {
    "compile": _compile,
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
