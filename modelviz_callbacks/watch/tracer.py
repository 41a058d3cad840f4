"""Watching one training step: every module call and every operation between modules. Passive."""

import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from modelviz_callbacks.errors import one_line
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry
from modelviz_callbacks.watch.bookkeeping import Bookkeeping
from modelviz_callbacks.watch.call_arguments import named_by_position
from modelviz_callbacks.watch.compiled_code import on_entry
from modelviz_callbacks.watch.compiled_notes import CompiledNotes
from modelviz_callbacks.watch.draft import Draft
from modelviz_callbacks.watch.flops import describe_call, describe_recurrence
from modelviz_callbacks.watch.graph_builder import MOST_NODES, GraphBuilder
from modelviz_callbacks.watch.machinery import Machinery, Watching
from modelviz_callbacks.watch.module_kinds import is_blind, is_leaf
from modelviz_callbacks.watch.module_paths import modules_below, walk
from modelviz_callbacks.watch.operation_mode import OperationMode
from modelviz_callbacks.watch.operations import (
    BACKWARD,
    COMPUTING,
    changes_nothing,
    operation_name,
    version_of,
    written_tensor,
)
from modelviz_callbacks.watch.provenance import Source
from modelviz_callbacks.watch.quiet import quiet_depth
from modelviz_callbacks.watch.root_calls import watchable_modules
from modelviz_callbacks.watch.shadow import Shadow, Watch, all_set_aside, set_all_aside
from modelviz_callbacks.watch.tensor_walk import walk_tensors
from modelviz_callbacks.watch.wrappers import as_fabric_calls, is_compiled, unwrap, users_class

# Lets a call run once more, eagerly, and gives clones of its arguments.
Rehearsal = Callable[..., AbstractContextManager[tuple[tuple[Any, ...], dict[str, Any]]]]

# A watched module call takes two frames more than a plain one.
_MORE_FRAMES = 3


class StepTracer:
    """Sees what happens in one step, from `begin` to `end`.

    Modules are watched through shadows of their `_call_impl`, operations through a
    `TorchFunctionMode`. Whatever goes wrong in the watching ends the watching, never the step.

    Attributes:
        error: What went wrong in the watching.
        began: Whether a step was watched at all.
    """

    def __init__(self, model: nn.Module, rehearsal: Rehearsal) -> None:
        """Prepares the watching; nothing is attached yet.

        Args:
            model: What the step calls: the model, or a wrapper around it.
            rehearsal: Called with a module, args and kwargs; a context that leaves no mark, in
                which a compiled module's call may be repeated eagerly with what it gives. It
                raises where that is not safe.
        """
        self._rehearsal = rehearsal
        self._notes: list[str] = []
        self._compiled = CompiledNotes()
        self.error: Exception | None = None
        self.began = False
        self._model: nn.Module | None = model
        self._armed: list[tuple[Shadow, Watch]] = []
        self._mode = OperationMode(self._operation)
        self._thread = 0
        self._quiet_depth = 0
        self._recursion_limit = 0
        self._entries: list[Callable[[], None]] = []
        self._calls: list[Draft] = []
        self._inside_leaf: Draft | None = None
        self._builder = GraphBuilder()
        self._machinery = Machinery(
            Watching(
                self._mode,
                self._builder,
                self._is_on,
                self._is_watching,
                self._current,
                self._bookkeeping,
            )
        )

    def arm(self) -> None:
        """Attaches to every module that may be watched; nothing is seen before `begin`."""
        if self._model is not None:
            self._armed += self._attached(watchable_modules(self._model))
            self._machinery.attach(walk(self._model, into_compiled=False))

    def _attached(self, modules: dict[str, nn.Module]) -> list[tuple[Shadow, Watch]]:
        armed = []
        for path, module in modules.items():
            watch = Watch(partial(self._call, path))
            armed.append((Shadow.of(module), watch))
            armed[-1][0].watches.append(watch)
        return armed

    def disarm(self) -> None:
        """Takes everything off the model and forgets it; may be called again."""
        self._model = None
        self._machinery.detach()
        _detach(self._armed)

    def begin(self, inputs: Any) -> None:
        """Begins to watch what this thread runs.

        Args:
            inputs: What goes into the step, with names; nested data with tensors.
        """
        self.began = True
        with self._bookkeeping():
            if self._model is not None:
                self._machinery.cover(walk(self._model, into_compiled=False))
                self._builder.add_constants(self._model.parameters())
                self._builder.add_constants(self._model.buffers())
            self._builder.add_inputs(inputs)
        self._quiet_depth = quiet_depth()
        self._recursion_limit = sys.getrecursionlimit()
        sys.setrecursionlimit(_MORE_FRAMES * self._recursion_limit)
        self._mode.put_on()
        # The shadows too: the step may run in another thread than the one that armed.
        self._entries = [on_entry(self._compiled_code), on_entry(set_all_aside)]
        self._thread = 0 if self.error else threading.get_ident()

    def note_backward(self, tensors: Any) -> None:
        """Says that backward is called on tensors, where the call itself is not watched."""
        if self._is_watching():
            with self._bookkeeping():
                self._builder.add_backward(tensors)

    def end(self, output: Any, name: str) -> None:
        """Ends the watching.

        Args:
            output: What the step returned, of whatever shape; None if it raised.
            name: What to call it.
        """
        self._thread = 0
        if not self._recursion_limit:
            return
        while self._entries:
            self._entries.pop()()
        self._mode.take_off()
        if sys.getrecursionlimit() == _MORE_FRAMES * self._recursion_limit:
            # Not where the step set a limit of its own.
            sys.setrecursionlimit(self._recursion_limit)
        self._recursion_limit = 0
        if self.error is None:
            with self._bookkeeping():
                self._builder.add_outputs(output, name)

    def graph(
        self, modules: Iterable[ModuleEntry], error: BaseException | None
    ) -> ArchitectureGraph:
        """Makes the graph of what was seen.

        Args:
            modules: The model's modules.
            error: What the step raised.

        Returns:
            The graph.
        """
        if self.error is not None:
            self._notes.append(f"the watching broke off: {one_line(self.error)}")
        notes = [*self._notes, *self._compiled.lines()]
        return self._builder.build(self._compiled.marked(modules), error, notes)

    # Module calls.

    def _call(
        self,
        path: str,
        module: nn.Module,
        proceed: Callable[..., Any],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if not self._is_watching():
            self._note_elsewhere(path)
            return proceed(*args, **kwargs)
        draft = self._begin_call(path, module, args, kwargs)
        if draft is None:
            return proceed(*args, **kwargs)
        made = self._look_inside(draft, module, args, kwargs) if is_compiled(module) else []
        try:
            with self._mode.lifted() if draft.is_blind else nullcontext():
                result = proceed(*args, **kwargs)
        except BaseException as error:
            self._end_call(draft, None, error)
            raise
        self._match(made, result)
        self._end_call(draft, result, None)
        return result

    def _begin_call(
        self, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Draft | None:
        draft = None
        with self._bookkeeping():
            inner = unwrap(module)
            named = named_by_position(inner, args, kwargs)
            draft = self._builder.begin_call(
                users_class(inner).__name__, path, self._current(), named
            )
            draft.is_blind = is_blind(module)
            self._calls.append(draft)
            draft.computed += describe_recurrence(module, draft.inputs)
            if is_leaf(module) and not draft.is_blind:
                self._inside_leaf = draft
        return draft

    def _note_elsewhere(self, path: str) -> None:
        if self._thread not in {0, threading.get_ident()}:
            note = f"{path or 'the model'} was called in another thread, which is not watched"
            if note not in self._notes:
                self._notes.append(note)

    def _end_call(self, draft: Draft, result: Any, error: BaseException | None) -> None:
        with self._bookkeeping():
            self._inside_leaf = None
            self._calls.pop()
            if error is None:
                self._builder.end_call(draft, result)
            else:
                self._builder.failed(error, draft)

    # Compiled code.

    def _compiled_code(self) -> Callable[[], object]:
        """Keeps the mode off while a compiled function runs."""
        if not self._mode.take_off():
            return _nothing
        if self._is_watching():
            self._compiled.function_called()
        return self._mode.put_on

    def _look_inside(
        self, draft: Draft, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[Source | None]:
        """Watches an eager rehearsal of a compiled call.

        Returns:
            What made each tensor of its output.
        """
        inner = unwrap(module)
        # Past `module.compile()`, which shadows the call of the module itself.
        run: Callable[..., Any] = type(inner)._call_impl
        made: list[Source | None] = []
        depth = self._quiet_depth
        try:
            with (
                all_set_aside(),
                as_fabric_calls(module, args, kwargs) as (given, keywords),
                self._rehearsal(inner, given, keywords) as (twin_args, twin_kwargs),
            ):
                self._builder.note_twins((args, kwargs), (twin_args, twin_kwargs))
                armed = self._attached(modules_below(draft.path or "", inner))
                self._quiet_depth = quiet_depth()
                self._mode.put_on()
                try:
                    output = run(inner, *twin_args, **twin_kwargs)
                finally:
                    self._mode.take_off()
                    _detach(armed)
                made = [self._builder.source(tensor) for _, tensor in walk_tensors(output)]
            draft.is_rehearsed = True
            self._compiled.looked_into(draft.path or "")
        except Exception as error:  # noqa: BLE001 - the compiled call itself stays a leaf
            self._compiled.not_looked_into(draft.path or "", error)
        self._quiet_depth = depth
        return made

    def _match(self, made: list[Source | None], result: Any) -> None:
        if made:
            with self._bookkeeping():
                self._builder.note_sources(result, made)

    # Operations.

    def _operation(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self._inside_leaf is not None:
            return self._operation_in_leaf(self._inside_leaf, function, args, kwargs)
        if not self._is_watching():
            return function(*args, **kwargs)
        if function in BACKWARD:
            with self._bookkeeping():
                self._builder.add_backward(args[:1])
            return function(*args, **kwargs)
        before = version_of(args[0]) if args else None
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            with self._bookkeeping():
                self._builder.failed_operation(
                    error, operation_name(function), self._current(), (args, kwargs)
                )
            raise
        self._seen(function, args, kwargs, result, before)
        return result

    def _operation_in_leaf(
        self,
        leaf: Draft,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if function in COMPUTING:
            with self._bookkeeping():
                leaf.computed.append(describe_call(function, args, kwargs))
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            with self._bookkeeping():
                self._builder.failed_in_leaf(error, operation_name(function), leaf, (args, kwargs))
            raise

    def _seen(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        before: int | None,
    ) -> None:
        with self._bookkeeping():
            name = operation_name(function)
            if changes_nothing(name, args, before, result):
                return
            written = written_tensor(function, args, kwargs, result)
            draft = self._builder.add_operation(
                name, self._current(), (args, kwargs), result, written
            )
            if draft is not None and function in COMPUTING:
                draft.computed.append(describe_call(function, args, kwargs))

    def _current(self) -> Draft | None:
        return self._calls[-1] if self._calls else None

    def _is_watching(self) -> bool:
        if self._builder.is_full and self._thread:
            self._thread = 0
            self._notes.append(f"only the first {MOST_NODES:,} calls and operations were watched")
        return self._inside_leaf is None and self._is_on()

    def _is_on(self) -> bool:
        return (
            self._thread == threading.get_ident()
            and quiet_depth() == self._quiet_depth
            # Gradient checkpointing runs forwards again in the backward pass.
            and torch._C._current_graph_task_id() == -1
        )

    def _bookkeeping(self) -> Bookkeeping:
        return Bookkeeping(self._break_off)

    def _break_off(self, error: Exception) -> None:
        """Ends the watching; the step goes on unwatched."""
        self._thread = 0
        self._inside_leaf = None
        self.error = error


def _detach(armed: list[tuple[Shadow, Watch]]) -> None:
    while armed:
        shadow, watch = armed.pop()
        shadow.drop(watch)


def _nothing() -> None:
    return None
