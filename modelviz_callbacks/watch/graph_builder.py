"""Collects what is seen in a step, and makes the architecture graph of it."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch

from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Edge,
    Failure,
    ModuleEntry,
    NodeKind,
)
from modelviz_callbacks.watch.draft import Draft, output_specs, specs
from modelviz_callbacks.watch.flops import FlopCount
from modelviz_callbacks.watch.operations import tensors_in, version_of
from modelviz_callbacks.watch.provenance import CONSTANT, Provenance, Source
from modelviz_callbacks.watch.stop import Stop, Stops
from modelviz_callbacks.watch.tensor_specs import tensor_spec
from modelviz_callbacks.watch.tensor_walk import walk_tensors

# Code whose operations cannot be seen: compiled kernels, numpy, C++ extensions.
UNWATCHED = "unwatched code"
# A module call with more tensors (a model's whole cache, say) is described by its first ones.
_MOST_TENSORS = 64
_MOST_OPERANDS = 1_000
# A list that grows and is stacked in every round has a square of edges: some are enough.
_MANY_OPERANDS_IN_ALL = 30_000
_FEW_OPERANDS = 16
# Where a step goes on beyond this (a loop over single elements), the graph would help nobody.
MOST_NODES = 20_000


class GraphBuilder:
    """Collects nodes and follows tensors between them."""

    def __init__(self) -> None:
        """Has seen nothing yet."""
        self._drafts: list[Draft] = []
        self._provenance = Provenance()
        self._stops = Stops()
        self._operands = 0
        self._left_out = 0

    @property
    def is_full(self) -> bool:
        """Whether there are as many nodes as one graph should have."""
        return len(self._drafts) >= MOST_NODES

    # The ends of the graph.

    def add_inputs(self, tree: Any, name: str = "") -> None:
        """Makes an input node of each tensor in a batch, or in a call's arguments."""
        for tensor_name, tensor in walk_tensors(tree, name):
            draft = self._new("input", tensor_name, None)
            draft.outputs = (tensor_spec(tensor),)
            self._provenance.note(tensor, (draft.id, 0))

    def add_outputs(self, tree: Any, name: str) -> None:
        """Makes an output node of each tensor that the step returned."""
        for tensor_name, tensor in walk_tensors(tree, name):
            self._add_output(tensor, tensor_name)

    def add_backward(self, tensors: Any) -> None:
        """Makes an output node of each tensor that backward was called on."""
        for tensor in tensors_in(tensors):
            self._add_output(tensor, "backward")

    def add_constants(self, tensors: Iterable[torch.Tensor]) -> None:
        """Says of parameters and buffers that nothing in the step made them."""
        for tensor in tensors:
            self._provenance.note(tensor, CONSTANT)

    # Operations.

    def add_operation(
        self,
        name: str,
        parent: Draft | None,
        arguments: Any,
        result: Any,
        written: torch.Tensor | None,
    ) -> Draft | None:
        """Adds an operation if any of its arguments descends from an input or a module.

        Args:
            name: Its name.
            parent: The module call that it ran in.
            arguments: Its arguments.
            result: Its result, or nested results.
            written: The tensor that it wrote in place.

        Returns:
            The node, or None where the operation is none of the step's data flow.
        """
        given = self._limited(tensors_in(arguments))
        outputs = tensors_in(result)[:_MOST_OPERANDS] if written is None else [written]
        if not outputs:
            return None
        note = self._provenance.note
        if written is not None:
            # An assignment to a part is none to every view.
            note = partial(self._provenance.note_written, whole=name != "setitem")
        sources = self._sources(given, parent)
        if not sources:
            if all(self._provenance.of(tensor) == CONSTANT for tensor in given):
                for tensor in outputs:
                    note(tensor, CONSTANT)
            return None
        draft = self._new("op", name, parent)
        draft.inputs = specs(given)
        draft.sources = sources
        draft.outputs = specs(outputs)
        for place, tensor in enumerate(outputs):
            note(tensor, (draft.id, place))
        return draft

    def _limited(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        most = _MOST_OPERANDS if self._operands < _MANY_OPERANDS_IN_ALL else _FEW_OPERANDS
        self._operands += min(len(tensors), most)
        self._left_out += max(0, len(tensors) - most)
        return tensors[:most]

    # Module calls.

    def begin_call(self, name: str, path: str, parent: Draft | None, arguments: Any) -> Draft:
        """Adds a module call that is about to run."""
        named = list(walk_tensors(arguments, most=_MOST_TENSORS))
        tensors = [tensor for _, tensor in named]
        sources = [] if parent is None or parent.is_blind else self._sources(tensors, parent)
        if parent is not None and not sources:
            # In the dark, or out of another thread: it can only come from what went in.
            self._connect_unseen(tensors, parent)
        draft = self._new("module", name, parent)
        draft.path = path
        draft.inputs = tuple(tensor_spec(tensor, name) for name, tensor in named)
        draft.sources = sources or self._sources(tensors, parent)
        draft.entered = {id(tensor): version_of(tensor) for tensor in tensors}
        return draft

    def take_inputs(self, draft: Draft, arguments: Any) -> None:
        """Says what a call's forward is really given: a library's hook made it of the arguments."""
        named = list(walk_tensors(arguments, most=_MOST_TENSORS))
        tensors = [tensor for _, tensor in named]
        draft.inputs = tuple(tensor_spec(tensor, name) for name, tensor in named)
        draft.sources = self._sources(tensors, draft.parent)
        draft.entered = {id(tensor): version_of(tensor) for tensor in tensors}

    def take_outputs(self, draft: Draft, output: Any) -> None:
        """Says what a call's forward itself gave, of which a library's hook made something else."""
        draft.outputs = draft.outputs or output_specs(walk_tensors(output, most=_MOST_TENSORS))

    def end_call(self, draft: Draft, output: Any) -> None:
        """Completes a module call: a leaf made its outputs, else what ran in it did."""
        self._stops.forget_within(draft)
        named = list(walk_tensors(output, most=_MOST_TENSORS))
        if len(draft.outputs) != len(named):
            draft.outputs = output_specs(named)
        if draft.is_leaf:
            for place, (_, tensor) in enumerate(named):
                if not self._is_given_back(tensor, draft):
                    self._provenance.note(tensor, (draft.id, place))
            return
        self._connect_unseen([tensor for _, tensor in named], draft)

    def _is_given_back(self, tensor: torch.Tensor, draft: Draft) -> bool:
        """Whether a call gave back, as it was, a tensor that something else had made.

        What reads it afterwards may well have had it from there: `nn.Identity` in a shortcut.
        """
        version = draft.entered.get(id(tensor))
        if version is None or version != version_of(tensor):
            return False
        return self._provenance.of(tensor) not in {None, CONSTANT}

    # What stands for other tensors: a rehearsal's clones, what a sharding library passes on.

    def note_twins(self, originals: Any, twins: Any) -> None:
        """Says that tensors stand for those in the same places, which they were made of."""
        for original, twin in _in_same_places(originals, twins):
            if twin is not original and (source := self.source(original)) is not None:
                self._provenance.note(twin, source)

    def note_sources(self, tree: Any, sources: list[Source | None]) -> None:
        """Says what made the tensors of an output."""
        for (_, tensor), source in zip(walk_tensors(tree), sources, strict=False):
            if source is not None:
                self._provenance.note(tensor, source)

    def source(self, tensor: torch.Tensor) -> Source | None:
        """Gives what made a tensor, if that was seen."""
        return self._provenance.of(tensor)

    # The end of the step.

    def failed(self, error: BaseException, draft: Draft) -> None:
        """Notes where an exception was first seen; whether it ends the step shows later."""
        self._stops.note(error, Stop(draft, None, draft.inputs))

    def failed_in_leaf(self, error: BaseException, name: str, leaf: Draft, arguments: Any) -> None:
        """Notes an operation that raised in one of torch's own modules."""
        given = specs(tensors_in(arguments))
        self._stops.note(error, Stop(leaf, name, given))

    def failed_operation(
        self, error: BaseException, name: str, parent: Draft | None, arguments: Any
    ) -> None:
        """Notes an operation that raised."""
        given = tensors_in(arguments)
        draft = Draft(len(self._drafts), "op", name, None, parent)
        draft.inputs = specs(given)
        draft.sources = self._sources(given, parent)
        draft.is_unseen = True
        self._stops.note(error, Stop(draft, name, draft.inputs))

    def build(
        self,
        modules: Iterable[ModuleEntry],
        error: BaseException | None,
        notes: Iterable[str] = (),
    ) -> ArchitectureGraph:
        """Makes the graph, and forgets the step.

        Args:
            modules: The model's modules.
            error: What ended the step, if it raised.
            notes: What could not be seen.

        Returns:
            The graph.
        """
        failure = self._failure(error)
        count = FlopCount()
        leaves = {draft.id for draft in self._drafts if draft.is_leaf}
        nodes = tuple(draft.to_node(count) for draft in self._drafts)
        edges = sorted(
            (d.id, place, source, output)
            for d in self._drafts
            if d.is_leaf
            for place, (source, output) in d.sources
            if source in leaves
        )
        self._drafts, self._provenance, self._stops = [], Provenance(), Stops()
        return ArchitectureGraph(
            tuple(modules),
            nodes,
            tuple(Edge(source, target, output, place) for target, place, source, output in edges),
            failure,
            (*notes, *self._omissions()),
        )

    def _omissions(self) -> Iterator[str]:
        if self._left_out:
            yield f"{self._left_out:,} tensors of operations with very many are left out"

    def _failure(self, error: BaseException | None) -> Failure | None:
        if error is None:
            return None
        raised = type(error).__name__, str(error)
        stop = self._stops.of(error)
        if stop is None:
            return Failure(None, None, None, (), *raised)
        draft, path = stop.draft, stop.draft.path
        if draft.kind == "op":
            # Only now is it sure that the operation belongs to the graph.
            draft.id = len(self._drafts)
            self._drafts.append(draft)
            if draft.parent is not None:
                draft.parent.is_leaf = False
                path = draft.parent.path
        return Failure(draft.id, path, stop.operation, stop.inputs, *raised)

    def _new(self, kind: NodeKind, name: str, parent: Draft | None) -> Draft:
        draft = Draft(len(self._drafts), kind, name, None, parent)
        self._drafts.append(draft)
        if parent is not None:
            parent.is_leaf = False
        return draft

    def _add_output(self, tensor: torch.Tensor, name: str) -> None:
        source = self._source(tensor, None)
        draft = self._new("output", name, None)
        draft.inputs = (tensor_spec(tensor),)
        draft.sources = [] if source in (None, CONSTANT) else [(0, source)]

    def _connect_unseen(self, tensors: list[torch.Tensor], parent: Draft) -> None:
        """Gives tensors that came out of nowhere in a call a node between them and its inputs."""
        tensors = [tensor for tensor in tensors if self._source(tensor, parent) is None]
        if not tensors or not parent.sources:
            return
        draft = self._new("op", UNWATCHED, parent)
        draft.is_unseen = True
        draft.inputs, draft.sources = parent.inputs, parent.sources
        draft.outputs = specs(tensors)
        for place, tensor in enumerate(tensors):
            self._provenance.note(tensor, (draft.id, place))

    def _sources(
        self, tensors: list[torch.Tensor], parent: Draft | None
    ) -> list[tuple[int, Source]]:
        found = []
        for place, tensor in enumerate(tensors):
            source = self._source(tensor, parent)
            if source is not None and source != CONSTANT:
                found.append((place, source))
        return found

    def _source(self, tensor: torch.Tensor, parent: Draft | None) -> Source | None:
        source = self._provenance.of(tensor) or self._provenance.of_view(tensor)
        if source is not None:
            return source
        ancestors = self._provenance.ancestors(tensor)
        if not ancestors:
            return None
        # What made it ran unseen, in a C++ extension or a custom autograd function.
        draft = self._new("op", _autograd_name(tensor), parent)
        draft.is_unseen = True
        draft.sources = list(enumerate(ancestors))
        draft.outputs = (tensor_spec(tensor),)
        self._provenance.note(tensor, (draft.id, 0))
        return draft.id, 0


def _in_same_places(originals: Any, twins: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    given = dict(walk_tensors(originals))
    for name, twin in walk_tensors(twins):
        if (original := given.get(name)) is not None:
            yield original, twin
    # By name each tensor comes once; one that was given twice may have become two.
    listed, made = tensors_in(originals), tensors_in(twins)
    if len(listed) == len(made):
        yield from zip(listed, made, strict=True)


def _autograd_name(tensor: torch.Tensor) -> str:
    name = tensor.grad_fn.name() if tensor.grad_fn is not None else UNWATCHED
    return name.rstrip("0123456789").removesuffix("Backward") or UNWATCHED
