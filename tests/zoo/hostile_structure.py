"""Small models whose modules are shared, deep, unused, tied or called many times."""

from typing import Any

import torch
from torch import Tensor, nn

from tests.zoo.hostile_calls import Layer, one_tensor
from tests.zoo.zoo_model import Arguments, ZooModel, call_with

FAMILY = "hostile structure"


class CalledThrice(Layer):
    """Calls one module three times."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.block(self.block(self.block(x))))


class TwoPaths(Layer):
    """Holds one module under two names and calls it by both."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(8, 8)
        self.right = self.left

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.left(x) * self.right(x.flip(0)))


class Siamese(nn.Module):
    """Embeds two images with one encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return nn.functional.cosine_similarity(self.encoder(left), self.encoder(right))


class Branches(Layer):
    """Chooses a branch by the data; the other one's module never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.usual = nn.Linear(8, 8)
        self.never = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.usual if x.abs().sum() > 0 else self.never
        return self.layer(branch(x))


class Containers(nn.Module):
    """Keeps its parts in every container that there is."""

    def __init__(self) -> None:
        super().__init__()
        self.list = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.dict = nn.ModuleDict({"relu": nn.ReLU(), "out": nn.Linear(8, 4)})
        self.scales = nn.ParameterList([torch.ones(8), torch.ones(8)])
        self.shifts = nn.ParameterDict({"first": torch.zeros(8)})

    def forward(self, x: Tensor) -> Tensor:
        for layer, scale in zip(self.list, self.scales, strict=True):
            x = self.dict["relu"](layer(x)) * scale
        return self.dict["out"](x + self.shifts["first"])


class Tied(nn.Module):
    """A language model whose head has the weights of its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.rnn = nn.LSTM(8, 8, batch_first=True)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, words: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, states = self.rnn(self.embed(words))
        return self.head(hidden), states


class Deep(Layer):
    """Has 600 layers, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(600))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + 0.01 * layer(x)
        return self.layer(x)


class DeeplyNested(Layer):
    """Has a layer within 12 levels of modules."""

    def __init__(self) -> None:
        super().__init__()
        inner: nn.Module = nn.Linear(8, 8)
        for _ in range(12):
            inner = nn.Sequential(inner)
        self.nest = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.nest(x))


class Recurrence(Layer):
    """Steps a cell 50 times, writing in place what it collects."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(8, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        states, state = [], torch.zeros_like(x)
        for _ in range(50):
            state = self.cell(x, state)
            states.append(state)
        return self.layer(state), torch.stack(states, 1)


class Lstm(Layer):
    """Gives an LSTM's output and both of its states."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 8, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, x: Tensor, states: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, states = self.rnn(x, states)
        return self.layer(hidden), states


class OneModule(nn.Linear):
    """Is a single module without children."""


class CallsByMethod(Layer):
    """Reaches its parts by methods and attributes instead of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.scorer = nn.Bilinear(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.linear(self.norm.forward(x), self.scorer.weight[0])
        return nn.functional.linear(x, self.layer.weight, self.layer.bias)


class HostileNames(Layer):
    """Has module names that break markup, paths and format strings."""

    def __init__(self) -> None:
        super().__init__()
        for name in ('<b>"quoted"</b>', "/etc/passwd", "{0}%s", "weiß ☃", "line\nbreak"):
            self.add_module(name, nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        for name, module in self._modules.items():
            if name != "layer":
                x = module(x).tanh()
        return self.layer(x)


def words() -> Arguments:
    return call_with(torch.randint(0, 20, (2, 7)))


def sequences() -> Arguments:
    return call_with(torch.randn(2, 6, 8))


def two_images() -> Arguments:
    return call_with(torch.randn(5, 8), torch.randn(5, 8))


def hostile(name: str, construct: Any, call: Any = one_tensor, *, quick: bool = False) -> ZooModel:
    return ZooModel(name, FAMILY, construct, call, quick=quick)


MODELS = (
    hostile("one module called thrice", CalledThrice, quick=True),
    hostile("one module under two names", TwoPaths),
    hostile("siamese", Siamese, two_images),
    hostile("branch by the data", Branches),
    hostile("containers", Containers),
    hostile("tied weights", Tied, words),
    hostile("600 layers deep", Deep),
    hostile("12 levels nested", DeeplyNested),
    hostile("50 steps of a cell", Recurrence),
    hostile("LSTM with states out", Lstm, sequences, quick=True),
    hostile("a single module", lambda: OneModule(8, 4)),
    hostile("parts reached without a call", CallsByMethod),
    hostile("names that break markup", HostileNames),
)
