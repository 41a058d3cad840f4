"""`torchview.draw_graph()`: a block diagram of modules and functions, as nested boxes."""

import contextlib
import gc
import importlib
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from modelviz_callbacks.replay.rehearsal import Rehearsal
from modelviz_callbacks.visualizers.base import Dot, require_edges


class TorchviewDiagram:
    """torchview's diagram of a root call, at a depth."""

    name = "torchview"
    artifact = "torchview"

    def __init__(self, depth: int) -> None:
        """Makes diagrams that show `depth` levels of modules."""
        self._depth = depth

    def show(
        self, rehearsal: Rehearsal, within: Callable[[Callable[[], Any]], Any] | None = None
    ) -> Dot:
        """Runs torchview on the call.

        Args:
            rehearsal: The call, inside an isolation.
            within: As in `Rehearsal.lend`.

        Returns:
            The diagram.

        Raises:
            ValueError: If torchview could not follow the model.
        """
        import torchview

        try:
            with _only_in_this_thread(), _subclassing_outside_modes():
                # By keyword, inputs stay on their devices and names never meet torchview's own.
                draw_graph: Any = torchview.draw_graph
                graph = draw_graph(
                    rehearsal.lend(within),
                    input_data=[],
                    device="cpu",  # not used: `lend` keeps every parameter's own device
                    mode="train",
                    depth=self._depth,
                    expand_nested=True,
                    **{f"tensor_{i}": tensor for i, tensor in enumerate(rehearsal.tensors)},
                )
            source = str(graph.visual_graph.source)
            del graph
        finally:
            _release_recorder_tensors()
        return Dot(require_edges(source))


@contextlib.contextmanager
def _only_in_this_thread() -> Iterator[None]:
    """Keeps torchview's replacement of torch's creation functions from other threads.

    torchview 0.2.7 replaces 28 functions like `torch.zeros` process-wide: without this, a data
    pipeline in another thread would get tensors of torchview's own class.
    """
    module: Any = importlib.import_module("torchview.recorder_tensor")
    owner = threading.get_ident()
    wrap_creation = module.creation_ops_wrapper

    def wrap(original: Callable[..., Any], graph: Any) -> Callable[..., Any]:
        recording = wrap_creation(original, graph)

        def create(*args: Any, **kwargs: Any) -> Any:
            mine = threading.get_ident() == owner
            return (recording if mine else original)(*args, **kwargs)

        return create

    module.creation_ops_wrapper = wrap
    try:
        yield
    finally:
        module.creation_ops_wrapper = wrap_creation


@contextlib.contextmanager
def _subclassing_outside_modes() -> Iterator[None]:
    """Lets RecorderTensors be made under a dispatch mode, like that of an isolation.

    Later versions of torch leave the modes themselves in `as_subclass`; torch 2.4 raises there.
    """
    if _subclasses_under_modes():
        yield
        return
    owner = threading.get_ident()
    original = torch.Tensor.as_subclass

    def as_subclass(tensor: torch.Tensor, kind: Any) -> Any:
        mine = threading.get_ident() == owner
        with _disable_current_modes() if mine else contextlib.nullcontext():
            return original(tensor, kind)

    torch.Tensor.as_subclass = as_subclass  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        # It is inherited from the C base class.
        del torch.Tensor.as_subclass


class _Passing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


@cache
def _subclasses_under_modes() -> bool:
    with _Passing():  # type: ignore[no-untyped-call]
        try:
            torch.empty(0).as_subclass(torch.nn.Parameter)
        except RuntimeError:
            return False
    return True


def _release_recorder_tensors() -> None:
    """Makes plain tensors of those that outlive the diagram, in a model's global cache say."""
    recorder_class: Any = importlib.import_module("torchview.recorder_tensor").RecorderTensor
    for candidate in gc.get_objects():
        if type(candidate) is recorder_class:
            vars(candidate).pop("tensor_nodes", None)
            candidate.__class__ = torch.Tensor
