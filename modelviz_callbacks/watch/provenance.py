"""Which node of the graph made which tensor."""

import weakref
from typing import Any

import torch

# (node id, place among the node's outputs)
Source = tuple[int, int]
# Of a tensor that is seen to be made of parameters and constants alone.
CONSTANT: Source = (-1, 0)

# Finding a tensor's makers through autograd's graph is slow: it is for what no one saw being made.
_MOST_STEPS = 64
_MOST_SEARCHES = 500

_is_wrapped: Any = torch._C._functorch.is_functorch_wrapped_tensor


class Provenance:
    """Remembers tensors by identity, through weak references: none is kept alive."""

    def __init__(self) -> None:
        """Knows no tensor yet."""
        self._made: dict[int, tuple[weakref.ref[torch.Tensor], Source]] = {}
        self._overwritten: dict[int, tuple[weakref.ref[torch.Tensor], Source]] = {}
        self._searches = _MOST_SEARCHES

    def note(self, tensor: torch.Tensor, source: Source) -> None:
        """Says that `source` made `tensor`, or wrote it last."""
        self._made[id(tensor)] = (weakref.ref(tensor), source)
        if (inner := _inner(tensor)) is not None:
            self.note(inner, source)

    def note_written(self, tensor: torch.Tensor, source: Source, *, whole: bool = True) -> None:
        """Says that `source` wrote into `tensor`, and so into what it is a view of.

        Args:
            tensor: The tensor.
            source: What wrote.
            whole: Whether all of the tensor was written, which views of it show.
        """
        self.note(tensor, source)
        base = _base(tensor)
        if base is not None:
            self.note(base, source)
        elif whole:
            self._overwritten[id(tensor)] = (weakref.ref(tensor), source)

    def of(self, tensor: torch.Tensor) -> Source | None:
        """Gives what made a tensor, or None if that is not known."""
        entry = self._made.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            # Asked for every tensor, and hardly any step overwrites one.
            return max(entry[1], self._overwriter(tensor)) if self._overwritten else entry[1]
        if (inner := _inner(tensor)) is not None:
            return self.of(inner)
        return None

    def of_view(self, tensor: torch.Tensor) -> Source | None:
        """Gives what made the tensor that `tensor` is a view of, if that is known."""
        base = _base(tensor)
        return None if base is None else self.of(base)

    def ancestors(self, tensor: torch.Tensor) -> list[Source]:
        """Finds the known tensors that an unseen one was computed from, in autograd's graph.

        Args:
            tensor: A tensor that no watched operation made.

        Returns:
            Their sources, nearest first; empty if autograd does not tell.
        """
        if tensor.grad_fn is None or self._searches == 0:
            return []
        self._searches -= 1
        known = self._by_grad_fn()
        found: list[Source] = []
        waiting: list[Any] = [tensor.grad_fn]
        seen: set[Any] = set()
        while waiting and len(seen) < _MOST_STEPS:
            node = waiting.pop(0)
            if node is None or node in seen:
                continue
            seen.add(node)
            if node in known:
                found.append(known[node])
            else:
                waiting += [following for following, _ in node.next_functions]
        return list(dict.fromkeys(found))

    def _overwriter(self, tensor: torch.Tensor) -> Source:
        """Gives what wrote all of the tensor that `tensor` is a view of; it may be older."""
        base = _base(tensor)
        entry = self._overwritten.get(id(base))
        return entry[1] if entry is not None and entry[0]() is base else CONSTANT

    def _by_grad_fn(self) -> dict[Any, Source]:
        known = {}
        for reference, source in self._made.values():
            tensor = reference()
            if tensor is not None and tensor.grad_fn is not None:
                known[tensor.grad_fn] = source
        return known


def _inner(tensor: torch.Tensor) -> torch.Tensor | None:
    """Gives what a tensor of `torch.func` (vmap, grad) wraps."""
    if not _is_wrapped(tensor):
        return None
    functorch: Any = torch._C._functorch
    inner: torch.Tensor = functorch.get_unwrapped(tensor)
    return inner


def _base(tensor: torch.Tensor) -> torch.Tensor | None:
    return tensor._base if tensor._is_view() else None
