"""Toy models that do what real models do, and Lightning modules around them."""

import functools
import importlib
import random
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

SEEN_BY_GLOBAL_HOOK: list[Tensor] = []


@functools.lru_cache
def position_table(length: int) -> Tensor:
    """A module-level cache: torchview's tensors must not stay in it."""
    return torch.arange(length).float() / length


def remember_globally(_module: nn.Module, _args: Any, output: Tensor) -> None:
    SEEN_BY_GLOBAL_HOOK.append(output.detach())


class ActNorm(nn.Module):
    """Initialises its parameters from the first batch."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))
        self.initialized = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.initialized:
            self.scale.data.copy_(1 / (x.detach().float().std(0) + 1))
            with torch.no_grad():
                self.shift.sub_(x.detach().float().mean(0))
            self.initialized = True
        return x * self.scale + self.shift


class MomentumEncoder(nn.Module):
    """Moves a slow copy of its parameters in every forward."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.fast = nn.Linear(features, features)
        self.slow = nn.Linear(features, features).requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        for slow, fast in zip(self.slow.parameters(), self.fast.parameters(), strict=True):
            slow.data.mul_(0.9).add_(fast.data, alpha=0.1)
        return self.fast(x) + self.slow(x)


class KeyValueCache:
    """A plain object with state, as transformers keep it."""

    def __init__(self) -> None:
        self.keys: list[Tensor] = []
        self.length = 0


class HostileNet(nn.Module):
    """A network of `[N, 8]` → `[N, 4]` that keeps state in every way that there is."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
        self.frozen = nn.BatchNorm1d(8).eval()
        self.spectral = spectral_norm(nn.Linear(8, 8))
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.3)
        self.momentum = MomentumEncoder(8)
        self.actnorm = ActNorm(8)
        self.head = nn.Linear(8, 4)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.statistics = torch.zeros(8)  # a tensor that is neither parameter nor buffer
        self.table: Tensor | None = None
        self.history: list[Any] = []
        self.by_name: dict[str, Any] = {}
        self.cache = KeyValueCache()
        self.generator = torch.Generator().manual_seed(3)
        self.dice = random.Random(4)
        self.calls = 0
        self.seen_by_closure: list[Tensor] = []
        seen = self.seen_by_closure
        self.head.register_forward_hook(lambda _m, _a, output: seen.append(output.detach()))
        self.norm.register_forward_hook(remember_globally)

    def train(self, mode: bool = True) -> "HostileNet":
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.steps += 1
        self.statistics.add_(x.detach().float().mean(0).cpu())
        self.table = (position_table(8) * 1).to(x.device)
        torch.set_default_dtype(torch.float64 if self.calls % 2 else torch.float32)
        torch.set_default_dtype(torch.float32)
        noise = torch.rand(8, generator=self.generator).to(x.device) * self.dice.random()
        x = self.frozen(self.norm(x + 0.01 * noise + self.table))
        x = self.dropout(self.relu(self.spectral(x)))
        x = self.actnorm(self.momentum(x))
        self.history.append(x)
        self.by_name["last"] = x.detach()
        self.cache.keys.append(x.detach())
        self.cache.length += 1
        return self.head(x)


@dataclass
class Batch:
    """A dataclass batch with text and nothing in it."""

    image: Tensor
    caption: str = "a digit"
    mask: Tensor | None = None


Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024 - as users still write them


class TakesTensor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class TakesDict(TakesTensor):
    def forward(self, batch: dict[str, Any]) -> dict[str, Any]:
        assert (batch["caption"], batch["mask"]) == ("a digit", None)
        return {"logits": self.layer(batch["image"]), "caption": batch["caption"]}


class TakesDataclass(TakesTensor):
    def forward(self, batch: Batch) -> Tensor:
        return self.layer(batch.image)


class TakesPair(TakesTensor):
    def forward(self, pair: Pair) -> Tensor:
        return self.layer(pair.left + pair.right)


class TakesSeveral(TakesTensor):
    def forward(self, a: Tensor, b: Tensor, c: list[Tensor]) -> Tensor:
        return self.layer(a + b + c[0])


class TakesKeywords(TakesTensor):
    def forward(self, *, x: Tensor, depth: int, mode: str | None = None) -> Tensor:
        assert (depth, mode) == (7, "train")
        return self.layer(x)


class WritesInput(TakesTensor):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mul_(2))


def calls_of_every_kind() -> list[Any]:
    """Models with the arguments of one call: `(name, model, args, kwargs)`."""
    x = torch.randn(5, 8)
    return [
        ("tensor", TakesTensor(), (x,), {}),
        (
            "dict with text and None",
            TakesDict(),
            ({"image": x, "caption": "a digit", "mask": None},),
            {},
        ),
        ("dataclass", TakesDataclass(), (Batch(x),), {}),
        ("named tuple", TakesPair(), (Pair(x, x),), {}),
        ("several tensors", TakesSeveral(), (x, x + 1), {"c": [x]}),
        ("keyword-only", TakesKeywords(), (), {"x": x, "depth": 7, "mode": "train"}),
        ("writes its input", WritesInput(), (x,), {}),
    ]


def digits(count: int = 16) -> Tensor:
    """Random inputs `[count, 8]`, the same for every caller."""
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(1))


def lightning_package(flavour: str) -> Any:
    return importlib.import_module(flavour)


def loader(batch_size: int = 4, count: int = 16) -> torch.utils.data.DataLoader:
    labels = torch.arange(count) % 4
    dataset = torch.utils.data.TensorDataset(digits(count), labels)
    return torch.utils.data.DataLoader(dataset, batch_size)


def lit(net: nn.Module, flavour: str = "lightning.pytorch", step: Any = None) -> Any:
    """Makes a LightningModule that classifies with `net`, or does `step(self, batch)`."""
    package = lightning_package(flavour)

    class Lit(package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.loss = nn.CrossEntropyLoss()
            self.losses: list[float] = []

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            loss = step(self, batch) if step else self.loss(self(batch[0]), batch[1])
            self.losses.append(loss.item())
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self(batch[0])

        test_step = predict_step = validation_step

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 1e-2)

    return Lit()


def gan(flavour: str = "lightning.pytorch") -> Any:
    """Makes a GAN: manual optimization, two networks, two optimizers."""
    package = lightning_package(flavour)

    class Gan(package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.generator = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8))
            self.discriminator = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))

        def training_step(self, batch: Any, batch_idx: int) -> None:
            for_generator, for_discriminator = self.optimizers()
            fake = self.generator(torch.randn(len(batch[0]), 3))
            for_generator.zero_grad()
            self.manual_backward(F.softplus(-self.discriminator(fake)).mean())
            for_generator.step()
            for_discriminator.zero_grad()
            real = F.softplus(-self.discriminator(batch[0])).mean()
            self.manual_backward(real + F.softplus(self.discriminator(fake.detach())).mean())
            for_discriminator.step()

        def configure_optimizers(self) -> Any:
            return [
                torch.optim.Adam(n.parameters(), 1e-2) for n in (self.generator, self.discriminator)
            ]

    return Gan()


def trainer(
    folder: Any, *callbacks: Any, flavour: str = "lightning.pytorch", **options: Any
) -> Any:
    """Makes a quiet Trainer of three batches."""
    defaults = {
        "max_epochs": 1,
        "limit_train_batches": 3,
        "default_root_dir": str(folder),
        "callbacks": list(callbacks),
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
    }
    return lightning_package(flavour).Trainer(**(defaults | options))
