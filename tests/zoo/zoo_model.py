"""What a model of the zoo is, and its real training step."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def distance_from_one(output: Any) -> Tensor:
    """Gives a loss of an output of any shape: how far its tensors are from one.

    One and not zero: many heads start with zero weights, and would never learn anything.
    """
    numbers = [t for t in tensors(output) if t.is_floating_point() or t.is_complex()]
    return torch.stack([(t - 1).abs().float().square().mean() for t in numbers]).sum()


def own_loss(output: Any) -> Tensor:
    """Takes the loss that a model computed of its labels."""
    return output.loss


def sum_of_losses(output: dict[str, Tensor]) -> Tensor:
    """Adds the losses that a detector gives in train mode."""
    return torch.stack(list(output.values())).sum()


def tensors(output: Any) -> Iterator[Tensor]:
    """Finds the tensors in nested containers and dataclasses."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        yield from tensors(list(output.values()))
    elif isinstance(output, (list, tuple)):
        for part in output:
            yield from tensors(part)
    elif dataclasses.is_dataclass(output):
        yield from tensors(list(vars(output).values()))


def call_with(*args: Any, **kwargs: Any) -> Arguments:
    """Collects the arguments of one call."""
    return args, kwargs


@dataclass(frozen=True)
class ZooModel:
    """A model, how it is called, and what is minimised.

    Attributes:
        name: Its name, the only one of its kind in the zoo.
        family: Where it comes from.
        construct: Makes the module; heavy libraries are imported here and not before.
        call: Makes the arguments of one call, random ones from the global generators.
        loss: Makes a scalar of what the call gives.
        quick: Whether it is one of the few that run in every test run.
    """

    name: str
    family: str
    construct: Callable[[], nn.Module]
    call: Callable[[], Arguments]
    loss: Callable[[Any], Tensor] = distance_from_one
    quick: bool = False

    def build(self) -> nn.Module:
        """Makes the module, the same at every call, in train mode."""
        torch.manual_seed(0)
        return self.construct().train()

    def step(self, module: nn.Module) -> Tensor:
        """Runs forward and backward once.

        Args:
            module: What `build` gave.

        Returns:
            The loss, without its graph.
        """
        args, kwargs = self.call()
        loss = self.loss(module(*args, **kwargs))
        loss.backward()
        return loss.detach()
