"""More models that change themselves while they run, each trained with us and without."""

import itertools
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from modelviz_callbacks import ModelVizCallback, ModelVizHook, ModelVizWarning
from tests.conftest import ALL_OK, find_record, statuses
from tests.models import HostileNet, TakesTensor, digits, lit, loader, trainer
from tests.test_untouched import (
    TRAIN,
    assert_same,
    break_torchinfo,
    break_torchview,
    break_torchviz,
    fingerprint,
    hostile_state,
    reset,
)


class InnerTraining(TakesTensor):
    """Runs a backward pass of its own inside its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            self.inner(x.detach()).pow(2).mean().backward()
        return self.layer(x)


class Metrics(TakesTensor):
    """Updates torchmetrics, whose states are plain attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.all = torchmetrics.MeanMetric(), torchmetrics.CatMetric()

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        self.mean.update(y.detach())
        return y + 0 * self.all(y.detach()).mean()

    def look(self) -> Any:
        return self.mean.compute(), self.mean._update_count, self.all.compute()


class Codebook(TakesTensor):
    """Moves a codebook with index_add_ and `.data`."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("book", torch.randn(5, 4))
        self.register_buffer("sizes", torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        z = self.layer(x)
        nearest = torch.cdist(z.detach(), self.book).argmin(1)
        self.sizes.data.mul_(0.9).add_(F.one_hot(nearest, 5).sum(0), alpha=0.1)
        self.book.index_add_(0, nearest, z.detach(), alpha=0.01)
        return z + (self.book[nearest] - z).detach()


class Growing(TakesTensor):
    """Rebinds, resizes and swaps the storage of its buffers."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("queue", "resized", "swapped"):
            self.register_buffer(name, torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        self.queue = torch.cat([self.queue, x.detach()[0]])
        self.resized.resize_(self.resized.numel() + 2).fill_(1.0)
        self.swapped.data = torch.ones(self.swapped.numel() + 1)
        return self.layer(x)


class Writes(TakesTensor):
    """Writes plain tensors through out=, views and foreach operations."""

    def __init__(self) -> None:
        super().__init__()
        self.out, self.table = torch.zeros(16, 8), torch.zeros(3)
        self.several = [torch.zeros(2), torch.zeros(2)]

    def forward(self, x: Tensor) -> Tensor:
        torch.mul(x.detach(), 2, out=self.out)
        self.table[1:].add_(1)
        torch._foreach_add_(self.several, 1.0)
        return self.layer(x)

    def look(self) -> Any:
        return self.out, self.table, self.several


class Parametrized(TakesTensor):
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


class Checkpointed(TakesTensor):
    """Runs a part again in the backward pass."""

    reentrant = False

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(checkpoint(self.body, x, use_reentrant=self.reentrant))


class CheckpointedReentrantly(Checkpointed):
    reentrant = True


class Energy(TakesTensor):
    """Differentiates inside its forward, as force fields and PINNs do."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.layer(x).tanh().sum()
            (force,) = torch.autograd.grad(energy, x, create_graph=True)
        return force


class Dice(TakesTensor):
    """Owns numpy generators."""

    def __init__(self) -> None:
        super().__init__()
        self.new, self.old = np.random.default_rng(0), np.random.RandomState(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * self.new.random() * self.old.rand()


class Recurrent(TakesTensor):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 8, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.rnn(x.unsqueeze(1))[0].squeeze(1))


MODELS = [
    Metrics,
    Codebook,
    Growing,
    Writes,
    Parametrized,
    Checkpointed,
    CheckpointedReentrantly,
    Energy,
    Dice,
    Recurrent,
    InnerTraining,
]


def train(net: nn.Module, steps: int = 3) -> dict[str, Any]:
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(steps):
        # Not cleared before the first step, so that gradients are there already.
        loss = net(digits().requires_grad_()).pow(2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    looks = {"look": net.look()} if hasattr(net, "look") else {}
    return fingerprint(net) | looks | {"losses": losses, "adam": optimizer.state_dict()}


@pytest.mark.parametrize("model", MODELS)
def test_models_that_change_themselves_train_the_same(model, tmp_path) -> None:
    """Their states, gradients and random numbers are as without us."""
    results = []
    for ours in (False, True):
        reset()
        net = model()
        net(digits()).sum().backward()
        if ours:
            ModelVizHook(net, tmp_path, formats=())
        results.append(train(net))
    assert_same(*results)
    assert set(statuses(find_record(tmp_path)).values()) == {"ok"}


@TRAIN
@pytest.mark.parametrize("sabotage", [break_torchinfo, break_torchview, break_torchviz])
def test_a_visualizer_that_raises_midway_under_autocast(
    train, sabotage, tmp_path, monkeypatch
) -> None:
    """The weight casts of a broken replay are not found by the training."""
    without = train(tmp_path / "without", ours=False, bf16=True)
    sabotage(monkeypatch)
    with pytest.warns(ModelVizWarning, match="SabotageError"):
        with_us = train(tmp_path / "with", ours=True, bf16=True)
    assert_same(without, with_us)


CALLS = itertools.count()


def next_call() -> int:
    """Counts where no isolation reaches, so that a forward knows a replay."""
    return next(CALLS)


class DiesInReplay(HostileNet):
    """Ruins itself and raises, in its first call only."""

    deadly = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.deadly or next_call() > 0:
            return super().forward(x)
        self.register_buffer("evil", torch.zeros(1))
        self.head.register_forward_hook(lambda *_a: None)
        self.norm.weight.data.zero_()
        self.eval()
        super().forward(x)
        raise RuntimeError("ruined")


@pytest.mark.parametrize("visualizer", ["torchinfo", "torchview"])
def test_a_model_that_raises_only_in_a_replay_is_put_back(
    visualizer, tmp_path, monkeypatch
) -> None:
    """Whatever it did before it raised is undone, and the training never hears of it."""
    monkeypatch.setattr("tests.test_hostile_models.CALLS", itertools.count())
    results = []
    for ours in (False, True):
        reset()
        net = DiesInReplay()
        if ours:
            net.deadly = True
            ModelVizHook(net, tmp_path, visualizers=(visualizer,), formats=())
            with pytest.warns(ModelVizWarning, match="ruined"):
                net(digits()).sum().backward()
        else:
            net(digits()).sum().backward()
        results.append(train(net) | hostile_state(net))
    assert_same(*results)
    assert list(statuses(find_record(tmp_path)).values()) == ["failed"]


@dataclass
class Output:
    logits: Tensor
    hidden: Any = None


Two = namedtuple("Two", ["a", "b"])  # noqa: PYI024 - as users still write them

OUTPUTS = {
    "dict": lambda y: {"a": y, "text": "x", "nothing": None},
    "list": lambda y: [y, y],
    "tuple with None": lambda y: (None, y),
    "named tuple": lambda y: Two(y, None),
    "nested": lambda y: {"a": [(y,), {"b": y}]},
}


class Returns(TakesTensor):
    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Any:
        return self.shape(self.layer(x))


@pytest.mark.parametrize("shape", OUTPUTS.values(), ids=OUTPUTS)
def test_outputs_of_every_shape_are_shown(shape, tmp_path) -> None:
    """The autograd graph finds the tensors in them, the others take them as they are."""
    net = Returns(shape)
    hook = ModelVizHook(net, tmp_path, formats=())
    net(digits())
    assert statuses(hook.directory) == ALL_OK


@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_a_dataclass_output_has_an_autograd_graph(tmp_path) -> None:
    """Torchinfo refuses it; that costs its own artifact alone."""
    net = Returns(Output)
    hook = ModelVizHook(net, tmp_path, formats=())
    net(digits())
    assert statuses(hook.directory) == ALL_OK | {"summary": "failed"}


@pytest.mark.parametrize(
    "options",
    [
        {"max_steps": 1, "max_epochs": -1},
        {"accumulate_grad_batches": 2},
        {"overfit_batches": 1, "limit_train_batches": None},
        {"gradient_clip_val": 1.0},
        {"detect_anomaly": True},
        {"profiler": "simple"},
        {"precision": "64-true"},
        {"precision": "bf16-true"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error::modelviz_callbacks.ModelVizWarning")
def test_the_trainers_options_change_nothing(options, tmp_path) -> None:
    """Every artifact is there, and no warning of ours."""
    callback = ModelVizCallback(formats=())
    trainer(tmp_path, callback, **options).fit(lit(TakesTensor()), loader())
    assert statuses(callback.directory) == ALL_OK


def test_a_closure_that_steps_many_times_is_recorded_once(tmp_path) -> None:
    """LBFGS runs the training step several times for one batch."""
    module = lit(TakesTensor())
    type(module).configure_optimizers = lambda self: torch.optim.LBFGS(self.parameters())
    callback = ModelVizCallback(formats=())
    trainer(tmp_path, callback).fit(module, loader())
    assert len(module.losses) > 3
    assert statuses(callback.directory) == ALL_OK


def test_fabrics_wrapper_is_recorded(tmp_path) -> None:
    """A loop with Lightning Fabric calls its own wrapper, in its precision."""
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    net = TakesTensor()
    model, _ = fabric.setup(net, torch.optim.SGD(net.parameters(), 0.1))
    hook = ModelVizHook(model, tmp_path, formats=())
    fabric.backward(model(digits()).mean())
    assert statuses(hook.directory) == ALL_OK
    assert not any("_call_impl" in vars(part) for part in model.modules())


def test_a_users_exception_has_no_context_of_ours(tmp_path) -> None:
    """The traceback that the user reads ends where it does without us."""

    class Raises(TakesTensor):
        def forward(self, x: Tensor) -> Tensor:
            raise ZeroDivisionError

    net = Raises()
    ModelVizHook(net, tmp_path, formats=())
    with (
        pytest.warns(ModelVizWarning),
        pytest.raises(ZeroDivisionError) as caught,
    ):
        net(digits())
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
