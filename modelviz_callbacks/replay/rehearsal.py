"""One root call made ready to be repeated by a library that brings its own way of calling."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from modelviz_callbacks.watch.root_calls import RootCall
from modelviz_callbacks.watch.tensor_tree import clone_tensor, map_tensors, named_tensors
from modelviz_callbacks.watch.wrappers import is_compiler_wrapper, unwrap


class Rehearsal:
    """A root call on clones of its arguments, inside an isolation that the caller has entered.

    torchinfo and torchview understand few kinds of input and call `train()`, `eval()` and `to()`
    on the whole model. Here they hand over the call's tensors, flat, in order; the module puts
    them in their places in the real arguments, and keeps each submodule's own mode and device.

    Attributes:
        module: The module that is called.
        tensors: Clones of the call's tensors, of their original shapes, in order.
        names: Their names, like `"x"` or `"batch.mask"`.
    """

    def __init__(self, call: RootCall) -> None:
        """Clones the arguments of `call`."""
        self.module = call.module
        self._args, self._kwargs = map_tensors((call.args, call.kwargs), clone_tensor)
        self.tensors = [tensor for _, tensor in named_tensors((self._args, self._kwargs))]
        self.names = [name for name, _ in named_tensors(call.named_arguments())]

    def run(self) -> Any:
        """Runs the call on the clones.

        Returns:
            The module's output, of whatever shape.
        """
        return self.module(*self._args, **self._kwargs)

    def lend(self, within: Callable[[Callable[[], Any]], Any] | None = None) -> nn.Module:
        """Prepares the module for a library; the isolation takes the preparation back.

        Args:
            within: Runs the call that it is given and returns its output: for a second library
                that watches the same forward.

        Returns:
            The module. It may be called once with the call's tensors, each as it is in
            `tensors` or in a library's own subclass, by position or by keyword, in order.
        """
        original: Callable[..., Any] = self.module._call_impl

        def call_with(*tensors: Any, **named: Any) -> Any:
            args, kwargs = self._filled([*tensors, *named.values()])
            forward = partial(original, *args, **kwargs)
            return forward() if within is None else within(forward)

        return self.lend_as(call_with)

    def lend_as(self, call: Callable[..., Any]) -> nn.Module:
        """Prepares the module so that its next call is `call`, whatever it is called with."""
        attributes = vars(self.module)
        before = attributes.get("_call_impl")

        def call_once(*args: Any, **kwargs: Any) -> Any:
            # The module may call itself again from inside: that call is its own.
            attributes.pop("_call_impl", None)
            if before is not None:
                attributes["_call_impl"] = before
            return call(*args, **kwargs)

        attributes.pop("_compiled_call_impl", None)
        self._take_compilers_off()
        attributes.update(
            _call_impl=call_once, train=self._unchanged, eval=self._unchanged, to=self._unchanged
        )
        return self.module

    def _take_compilers_off(self) -> None:
        # Libraries ask modules for their truth and their length, which a wrapper does not have;
        # here it would only run what it wraps.
        for parent in list(self.module.modules()):
            for name, child in parent._modules.items():
                if child is not None and is_compiler_wrapper(child):
                    parent._modules[name] = unwrap(child)

    def _filled(self, given: list[Any]) -> Any:
        supply = iter(given)

        def place(_name: str, tensor: torch.Tensor) -> Any:
            lent = next(supply)
            # A library may have moved all its inputs to one device.
            return lent if lent.device == tensor.device else lent.to(tensor.device)

        return map_tensors((self._args, self._kwargs), place)

    def _unchanged(self, *_args: Any, **_kwargs: Any) -> nn.Module:
        return self.module
