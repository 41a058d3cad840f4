"""Small models that do unusual things with autograd and functional transforms."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from tests.models import ActNorm, HostileNet, MomentumEncoder, digits
from tests.zoo.hostile_calls import Layer, one_tensor
from tests.zoo.zoo_model import Arguments, ZooModel, call_with

FAMILY = "hostile autograd"


class Checkpointed(Layer):
    """Runs its body a second time in the backward pass."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.body = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))

    def forward(self, x: Tensor) -> Tensor:
        # The reentrant way needs an input that is differentiated.
        x = x.requires_grad_()
        return self.layer(checkpoint(self.body, x, use_reentrant=self.reentrant))


class Reverse(torch.autograd.Function):
    """Turns gradients around, as domain-adversarial training does."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return -ctx.strength * gradient, None


class DomainAdversarial(Layer):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(8, 8)
        self.domain = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x).relu()
        return self.layer(features), self.domain(Reverse.apply(features, 0.5))


class Spectral(nn.Module):
    """A Fourier layer with complex weights for signals `[N, C, L]`."""

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Conv1d(2, 4, 1)
        self.weights = nn.Parameter(torch.randn(4, 4, 5, dtype=torch.cfloat) / 4)
        self.project = nn.Conv1d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        modes = torch.fft.rfft(self.lift(x))[..., :5]
        mixed = torch.einsum("nil,iol->nol", modes, self.weights)
        return self.project(torch.fft.irfft(mixed, n=x.shape[-1]))


class GivesComplex(Layer):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft(self.layer(x))


class ForceField(nn.Module):
    """Differentiates an energy by positions `[N, 3]` inside its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        positions = positions.requires_grad_()
        energy = self.energy(positions).sum()
        (gradient,) = torch.autograd.grad(energy, positions, create_graph=True)
        return energy, -gradient


class Jacobian(nn.Module):
    """Maps a Jacobian over the batch with `vmap` and `jacrev`."""

    def __init__(self) -> None:
        super().__init__()
        self.field = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.vmap(torch.func.jacrev(self.field))(x)


class VmappedLayer(Layer):
    """Calls a submodule under `vmap`."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.vmap(self.layer)(x)


class Ensemble(nn.Module):
    """Evaluates three networks at once with stacked parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(nn.Linear(8, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        # Not stack_module_state: it detaches, and gradients must reach the members.
        names = [name for name, _ in self.members[0].named_parameters()]
        stacked = {n: torch.stack([m.get_parameter(n) for m in self.members]) for n in names}

        def member(parameters: dict[str, Tensor]) -> Tensor:
            return functional_call(self.members[0], parameters, (x,))

        return torch.vmap(member)(stacked)


class HyperNetwork(nn.Module):
    """Makes the weights of a network that it calls by `functional_call`."""

    def __init__(self) -> None:
        super().__init__()
        self.target = nn.Linear(8, 4).requires_grad_(requires_grad=False)
        self.weights = nn.Linear(8, 32)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weights(x.mean(0)).view(4, 8)
        return functional_call(self.target, {"weight": weight, "bias": torch.zeros(4)}, (x,))


class InnerLoop(Layer):
    """Takes a gradient step on itself before it answers, as MAML does."""

    def forward(self, x: Tensor) -> Tensor:
        names, values = zip(*self.layer.named_parameters(), strict=True)
        loss = self.layer(x).square().mean()
        gradients = torch.autograd.grad(loss, values, create_graph=True)
        adapted = {n: v - 0.1 * g for n, v, g in zip(names, values, gradients, strict=True)}
        return functional_call(self.layer, adapted, (x,))


class StraightThrough(Layer):
    """Quantises to a codebook and lets the gradient pass."""

    def __init__(self) -> None:
        super().__init__()
        self.book = nn.Embedding(16, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.layer(x)
        nearest = torch.cdist(z, self.book.weight).argmin(1)
        quantised = self.book(nearest)
        return z + (quantised - z).detach(), (quantised - z.detach()).square()


class GradientHooks(Layer):
    """Clips gradients with hooks on tensors and parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layer.weight.register_hook(lambda gradient: gradient.clamp(-0.1, 0.1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        y.register_hook(lambda gradient: gradient * 0.5)
        return y


class PartlyWithoutGradient(Layer):
    """Computes features under `no_grad` and masks under `inference_mode`."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.features(x)
        with torch.inference_mode():
            mask = (features > 0).clone()
        return self.layer(features * mask.clone())


class InnerAutocast(Layer):
    """Runs a part in bfloat16 whatever the training does."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            x = self.narrow(x)
        return self.layer(x.float())


def signals() -> Arguments:
    return call_with(torch.randn(3, 2, 16))


def positions() -> Arguments:
    return call_with(torch.randn(6, 3))


def hostile(name: str, construct: Any, call: Any = one_tensor, *, quick: bool = False) -> ZooModel:
    return ZooModel(name, FAMILY, construct, call, quick=quick)


MODELS = (
    hostile("checkpointed", lambda: Checkpointed(reentrant=False), quick=True),
    hostile("checkpointed reentrantly", lambda: Checkpointed(reentrant=True)),
    hostile("custom autograd function", DomainAdversarial),
    hostile("complex weights", Spectral, signals),
    hostile("complex out", GivesComplex),
    hostile("grad inside forward", ForceField, positions),
    hostile("vmap of jacrev", Jacobian, positions),
    hostile("vmap of a layer", VmappedLayer),
    hostile("vmapped ensemble", Ensemble),
    hostile("functional_call of made weights", HyperNetwork),
    hostile("inner gradient step", InnerLoop),
    hostile("straight-through codebook", StraightThrough),
    hostile("gradient hooks", GradientHooks),
    hostile("partly without gradient", PartlyWithoutGradient),
    hostile("autocast inside", InnerAutocast),
    hostile("momentum encoder", lambda: nn.Sequential(MomentumEncoder(8), nn.Linear(8, 4))),
    hostile("data-dependent initialisation", lambda: nn.Sequential(ActNorm(8), nn.Linear(8, 4))),
    hostile("state of every kind", HostileNet, lambda: call_with(digits()), quick=True),
)
