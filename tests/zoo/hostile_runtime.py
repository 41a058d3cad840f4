"""Small models that are compiled, scripted, lazy, or change what they hold while they run."""

import threading
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from tests.zoo.hostile_calls import Layer, one_tensor
from tests.zoo.zoo_model import Arguments, ZooModel, call_with

FAMILY = "hostile runtime"


class CompiledPart(Layer):
    """Holds a submodule that was compiled."""

    def __init__(self) -> None:
        super().__init__()
        body = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.body = torch.compile(body, backend="eager")

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.body(x))


class CompiledInPlace(Layer):
    """Holds a submodule whose own call was compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.body.compile(backend="eager")

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.body(x))


class ScriptedPart(Layer):
    """Holds a scripted submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.ReLU()))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.body(x))


class TracedPart(Layer):
    """Holds a traced submodule."""

    def __init__(self) -> None:
        super().__init__()
        body = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.body = torch.jit.trace(body, torch.zeros(5, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.body(x))


class FrozenNorm(nn.Module):
    """Keeps its batch normalisation in eval mode while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
        self.stem.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> "FrozenNorm":
        super().train(mode)
        self.stem.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stem(x)).mean((2, 3))


class InPlace(nn.Module):
    """Writes into views and activations in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.LeakyReLU(0.1, inplace=True)
        self.drop = nn.Dropout2d(0.2, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.conv(self.drop(x.clone()))).add(1)
        y[:, :2] *= 2
        y[:, 2:].sub_(0.5)
        y.transpose(1, 2)[0].mul_(0.5)
        return y.masked_fill_(y > 3, 0.0)


class WritesItsInput(Layer):
    """Normalises its input in place."""

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.sub_(x.mean()).div_(x.std()))


class Caches(Layer):
    """Counts its calls, and keeps tensors between them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.keys: list[Tensor] = []
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("queue", torch.zeros(4, 4), persistent=False)
        self.table: dict[int, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.steps += 1
        if len(x) not in self.table:
            self.table[len(x)] = torch.linspace(0, 1, len(x)).unsqueeze(1)
        y = self.layer(x + self.table[len(x)])
        self.queue = torch.cat([self.queue, y.detach()])[-4:]
        self.keys.append(y.detach())
        return y * self.calls + self.queue.mean()


class Parametrized(Layer):
    """Computes its weights anew in every forward."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            parametrizations.weight_norm(nn.Linear(8, 8)),
            parametrizations.spectral_norm(nn.Linear(8, 8)),
            parametrizations.orthogonal(nn.Linear(8, 8)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.body(x))


class GrowsItself(Layer):
    """Makes a submodule in its first forward."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "late"):
            self.late = nn.Linear(8, 8)
        return self.layer(self.late(x))


class Threaded(Layer):
    """Runs its two parts in threads."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])

    def forward(self, x: Tensor) -> Tensor:
        results: dict[int, Tensor] = {}

        def run(index: int) -> None:
            results[index] = self.parts[index](x)

        threads = [threading.Thread(target=run, args=(index,)) for index in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.layer(results[0] + results[1])


class ReplacesOutput(Layer):
    """Changes what its parts take and give with hooks of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(8, 8)
        self.body.register_forward_pre_hook(lambda _m, args: (args[0] * 2,))
        self.body.register_forward_hook(lambda _m, _a, output: output.relu())

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.body(x))


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(3))


def images() -> Arguments:
    return call_with(torch.randn(2, 3, 8, 8))


def hostile(name: str, construct: Any, call: Any = one_tensor, *, quick: bool = False) -> ZooModel:
    return ZooModel(name, FAMILY, construct, call, quick=quick)


MODELS = (
    hostile("compiled part", CompiledPart),
    hostile("part compiled in place", CompiledInPlace),
    hostile("scripted part", ScriptedPart),
    hostile("traced part", TracedPart),
    hostile("lazy modules", lazy, images, quick=True),
    hostile("frozen BatchNorm", FrozenNorm, images),
    hostile("in-place operations and views", InPlace, images),
    hostile("writes its input", WritesItsInput),
    hostile("counters and caches", Caches),
    hostile("parametrized weights", Parametrized),
    hostile("makes a part while it runs", GrowsItself),
    hostile("parts in threads", Threaded),
    hostile("hooks that replace", ReplacesOutput),
)
