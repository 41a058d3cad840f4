"""graphviz + torchviz: the autograd graph of the forward, with parameter names."""

import re
import sys
from typing import Any

import torch
from torch import nn

from modelviz_callbacks.errors import NotApplicableError
from modelviz_callbacks.replay.rehearsal import Rehearsal
from modelviz_callbacks.visualizers.base import Dot, require_edges
from modelviz_callbacks.watch.root_calls import RootCall
from modelviz_callbacks.watch.tensor_tree import named_tensors

_STATEMENT = re.compile(r"(?m)^(\t+)(\d+)(?: -> (\d+))?")
_RECURSION_MARGIN = 200


class TorchvizAutograd:
    """torchviz' picture of what autograd recorded in a root call."""

    name = "torchviz"
    artifact = "autograd"

    def show(self, rehearsal: Rehearsal) -> Dot:
        """Runs the call with gradients as in the training, and torchviz on its outputs.

        Args:
            rehearsal: The call, inside an isolation.

        Returns:
            The graph.

        Raises:
            NotApplicableError: If autograd recorded nothing.
        """
        inputs = dict(zip(rehearsal.names, rehearsal.tensors, strict=False))
        return autograd_graph(rehearsal.run(), rehearsal.module, inputs)

    def show_output(self, call: RootCall, output: Any) -> Dot:
        """Runs torchviz on what the training's own call gave: autograd's graph is there already.

        Args:
            call: The call.
            output: Its output, of whatever shape.

        Returns:
            The graph.

        Raises:
            NotApplicableError: If autograd recorded nothing.
        """
        return autograd_graph(output, call.module, dict(named_tensors(call.named_arguments())))


def autograd_graph(output: Any, module: nn.Module, inputs: dict[str, torch.Tensor]) -> Dot:
    """Draws what autograd recorded for an output.

    Args:
        output: Nested data with tensors.
        module: The module whose parameters are named in the graph.
        inputs: Tensors that went in, by name.

    Returns:
        The graph.

    Raises:
        NotApplicableError: If autograd recorded nothing.
    """
    if not torch.is_grad_enabled():
        raise NotApplicableError("the call runs without gradients, so autograd records nothing")
    outputs = tuple(t for _, t in named_tensors(output, "output") if t.grad_fn is not None)
    if not outputs:
        raise NotApplicableError("no output of the call requires a gradient")
    names: dict[str, torch.Tensor] = dict(module.named_parameters())
    names |= {f"input {name}": tensor for name, tensor in inputs.items() if tensor.requires_grad}
    return Dot(require_edges(_stable_names(_make_dot(outputs, names))))


class _Lent:
    """What torchviz reads of a tensor, and keeps in a reference cycle.

    torch 2.4 empties the slots of a tensor of another class, such as a collective's, when such a
    cycle is collected, although the training's backward needs it still.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self.grad_fn = tensor.grad_fn
        self._size = tensor.size()

    def size(self) -> torch.Size:
        return self._size

    def _is_view(self) -> bool:
        return False


def _lent(tensor: torch.Tensor) -> "torch.Tensor | _Lent":
    return tensor if type(tensor) is torch.Tensor else _Lent(tensor)


def _make_dot(outputs: tuple[torch.Tensor, ...], names: dict[str, Any]) -> str:
    import torchviz

    # torchviz 0.0.3 walks the graph by recursion, one or two frames a node.
    needed = 3 * _count_nodes(outputs) + _RECURSION_MARGIN
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + needed)
    try:
        return str(torchviz.make_dot(tuple(map(_lent, outputs)), params=names).source)
    finally:
        sys.setrecursionlimit(limit)


def _count_nodes(outputs: tuple[torch.Tensor, ...]) -> int:
    seen: set[Any] = set()
    waiting: list[Any] = [output.grad_fn for output in outputs]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(following for following, _ in node.next_functions)
    return len(seen)


def _stable_names(source: str) -> str:
    """Numbers the nodes in order; torchviz names them by memory address."""
    numbers: dict[str, int] = {}

    def renamed(match: re.Match[str]) -> str:
        indent, node, following = match.groups()
        first = f"n{numbers.setdefault(node, len(numbers))}"
        if following is None:
            return f"{indent}{first}"
        return f"{indent}{first} -> n{numbers.setdefault(following, len(numbers))}"

    return _STATEMENT.sub(renamed, source)
