"""A node of the graph while it is being seen."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from modelviz_callbacks.graph.model import Node, NodeKind, TensorSpec
from modelviz_callbacks.watch.flops import FlopCount
from modelviz_callbacks.watch.provenance import Source
from modelviz_callbacks.watch.tensor_specs import tensor_spec


@dataclass
class Draft:
    """A node that is being seen.

    Attributes:
        sources: What made each input, by the input's place.
        is_leaf: Whether nothing was seen in it.
        is_blind: Whether operations in it cannot be seen.
        is_rehearsed: Whether what runs in it was seen in an eager rehearsal.
        is_unseen: Whether it was not seen itself, but concluded.
        computed: What it computed that FLOPs are counted of.
        entered: The versions of the tensors that went in, by identity.
    """

    id: int
    kind: NodeKind
    name: str
    path: str | None = None
    parent: "Draft | None" = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    sources: list[tuple[int, Source]] = field(default_factory=list)
    is_leaf: bool = True
    is_blind: bool = False
    is_rehearsed: bool = False
    is_unseen: bool = False
    computed: list[Any] = field(default_factory=list)
    entered: dict[int, int | None] = field(default_factory=dict)

    def is_within(self, call: "Draft") -> bool:
        """Whether the node is a module call or happened in it."""
        current: Draft | None = self
        while current is not None and current is not call:
            current = current.parent
        return current is not None

    def to_node(self, count: FlopCount) -> Node:
        """Gives the node as plain data.

        Args:
            count: Counts its FLOPs.
        """
        return Node(
            self.id,
            self.kind,
            self.name,
            self.path,
            None if self.parent is None else self.parent.id,
            self.inputs,
            self.outputs,
            self._flops(count),
        )

    def _flops(self, count: FlopCount) -> int | None:
        if self.kind not in {"module", "op"} or self.is_unseen:
            return None
        if self.is_leaf and not self.computed and self._is_in_the_dark():
            return None
        return count.of(self.computed)

    def _is_in_the_dark(self) -> bool:
        """Whether what it computes could not be seen: in a compiled, scripted or fused call."""
        current: Draft | None = self
        while current is not None:
            if current.is_blind and not current.is_rehearsed:
                return True
            current = current.parent
        return False


def output_specs(named: Iterable[tuple[str, torch.Tensor]]) -> tuple[TensorSpec, ...]:
    """Describes what a module call gave out, with names."""
    return tuple(tensor_spec(tensor, "" if name == "tensor" else name) for name, tensor in named)


def specs(tensors: Iterable[torch.Tensor]) -> tuple[TensorSpec, ...]:
    """Describes tensors, in order."""
    return tuple(map(tensor_spec, tensors))
