"""What shards, gathers and checkpoints runs unseen in the watched step, and data is followed on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from modelviz_callbacks.watch.bookkeeping import Bookkeeping
from modelviz_callbacks.watch.call_arguments import named_by_position
from modelviz_callbacks.watch.draft import Draft
from modelviz_callbacks.watch.graph_builder import GraphBuilder
from modelviz_callbacks.watch.method_watch import MethodShadow
from modelviz_callbacks.watch.operation_mode import OperationMode
from modelviz_callbacks.watch.parallel_hooks import HookCover, cover_hooks
from modelviz_callbacks.watch.shadow import Shadow, Watch
from modelviz_callbacks.watch.sharding import fsdp2_state
from modelviz_callbacks.watch.wrappers import is_closed, see_through, unwrap


@dataclass(frozen=True)
class Watching:
    """What the machinery needs of the watching that it belongs to.

    Attributes:
        mode: Sees the operations.
        builder: Follows the tensors.
        is_on: Whether what this thread does belongs to the step.
        is_seen: Whether it is also looked at: it is not inside of a leaf.
        current: Gives the module call that is running.
        bookkeeping: Contains what goes wrong in the watching.
    """

    mode: OperationMode
    builder: GraphBuilder
    is_on: Callable[[], bool]
    is_seen: Callable[[], bool]
    current: Callable[[], Draft | None]
    bookkeeping: Callable[[], Bookkeeping]


@dataclass
class _Passage:
    """A call on its way through a wrapper.

    Attributes:
        given: What the wrapper was called with.
        inside: Whether it has reached what is wrapped.
        result: What that returned.
    """

    given: Any
    inside: bool = False
    result: Any = None


class Machinery:
    """Hides what libraries do around modules: wrappers' own code and sharding libraries' hooks.

    Gathering, casting and redistributing are no part of an architecture. The tensors that come out
    of it stand for those that went in.
    """

    def __init__(self, watching: Watching) -> None:
        """Is attached to nothing yet."""
        self._watching = watching
        self._passages: list[_Passage] = []
        self._watches: list[tuple[Shadow, Watch]] = []
        self._covers: list[HookCover | MethodShadow] = []

    def attach(self, modules: Iterable[tuple[str, nn.Module]]) -> None:
        """Attaches to wrappers, after the watches of the modules themselves.

        Args:
            modules: Paths and modules; a wrapper before what it wraps.
        """
        for _, module in modules:
            wrapped = see_through(module)
            if wrapped is not None:
                self._watch(module, self._through)
                if see_through(wrapped) is None:
                    self._watch(wrapped, self._reached)

    def cover(self, modules: Iterable[tuple[str, nn.Module]]) -> None:
        """Covers the libraries' hooks right before the step: an armed model may be sharded yet.

        Args:
            modules: Paths and modules.
        """
        for path, module in modules:
            is_wrapper = see_through(module) is not None or unwrap(module) is not module
            if not is_wrapper and not is_closed(module):
                self._cover(path, module)

    def detach(self) -> None:
        """Takes everything off; may be called again."""
        while self._covers:
            self._covers.pop().remove()
        while self._watches:
            shadow, watch = self._watches.pop()
            shadow.drop(watch)

    def _watch(self, module: nn.Module, observe: Callable[..., Any]) -> None:
        shadow, watch = Shadow.of(module), Watch(observe)
        shadow.watches.append(watch)
        self._watches.append((shadow, watch))

    def _cover(self, path: str, module: nn.Module) -> None:
        before = partial(self._before_forward, path)
        after = partial(self._after_forward, path)
        self._covers += cover_hooks(module, before, after)
        if (state := fsdp2_state(module)) is not None:
            # `register_fsdp_forward_method` calls them around other methods than forward.
            self._covers += [
                MethodShadow(state, "_pre_forward", self._before_method),
                MethodShadow(state, "_post_forward", self._after_method),
            ]

    # Wrappers.

    def _through(
        self, _module: nn.Module, proceed: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        on_its_way = bool(self._passages) and not self._passages[-1].inside
        if on_its_way or not self._watching.is_seen():
            return proceed(*args, **kwargs)
        passage = _Passage((args, kwargs))
        self._passages.append(passage)
        try:
            with self._watching.mode.lifted():
                result = proceed(*args, **kwargs)
        finally:
            self._passages.pop()
        self._follow(passage.result, result)
        return result

    def _reached(
        self, _module: nn.Module, proceed: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        passage = self._passages[-1] if self._passages else None
        if passage is None or passage.inside or not self._watching.is_seen():
            return proceed(*args, **kwargs)
        passage.inside = True
        self._follow(passage.given, (args, kwargs))
        self._watching.mode.put_on()
        try:
            passage.result = proceed(*args, **kwargs)
        finally:
            self._watching.mode.take_off()
        return passage.result

    # Hooks.

    def _before_forward(
        self, path: str, hook: Callable[..., Any], module: nn.Module, args: Any, *kwargs: Any
    ) -> Any:
        """Runs a hook before a forward; it is given keyword arguments only if it takes them."""
        result = self._unseen(hook, module, args, *kwargs)
        if result is None or not self._watching.is_on():
            return result
        with self._watching.bookkeeping():
            new_args, new_kwargs = result if kwargs else (result, {})
            if not isinstance(new_args, tuple):
                new_args = (new_args,)
            self._watching.builder.note_twins((args, *kwargs), (new_args, new_kwargs))
            if (draft := self._call_of(path)) is not None:
                named = named_by_position(module, new_args, new_kwargs)
                self._watching.builder.take_inputs(draft, named)
        return result

    def _after_forward(
        self, path: str, hook: Callable[..., Any], module: nn.Module, *given: Any
    ) -> Any:
        """Runs a hook after a forward; the output is the last of what it is given."""
        output = given[-1]
        result = self._unseen(hook, module, *given)
        if result is None or result is output or not self._watching.is_on():
            return result
        with self._watching.bookkeeping():
            self._watching.builder.note_twins(output, result)
            if (draft := self._call_of(path)) is not None:
                self._watching.builder.take_outputs(draft, output)
        return result

    def _before_method(
        self, original: Callable[..., Any], /, module: nn.Module, args: Any, kwargs: Any
    ) -> Any:
        result = self._unseen(original, module, args, kwargs)
        self._follow((args, kwargs), result)
        return result

    def _after_method(
        self, original: Callable[..., Any], /, module: nn.Module, args: Any, output: Any
    ) -> Any:
        result = self._unseen(original, module, args, output)
        self._follow(output, result)
        return result

    def _unseen(self, run: Callable[..., Any], *given: Any) -> Any:
        if not self._watching.is_on():
            return run(*given)
        with self._watching.mode.lifted():
            return run(*given)

    def _follow(self, originals: Any, twins: Any) -> None:
        if self._watching.is_on():
            with self._watching.bookkeeping():
                self._watching.builder.note_twins(originals, twins)

    def _call_of(self, path: str) -> Draft | None:
        draft = self._watching.current()
        return draft if draft is not None and draft.path == path else None
