"""How a fit steps its optimizers: whatever it does, it does the same with us."""

import contextlib
import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import ModelVizWarning
from tests.lightning_loops.both_ways import (
    QUICK,
    Fit,
    both_ways,
    logging_module,
    net,
    problems,
)
from tests.models import gan, lightning_package, lit


def plain(fit: Fit) -> dict[str, Any]:
    return fit.run(logging_module(fit.flavour))


def scheduled_accumulation(flavour: str) -> list[Any]:
    callbacks = lightning_package(flavour).callbacks
    return [callbacks.GradientAccumulationScheduler({0: 2, 1: 3})]


def averaging(flavour: str) -> list[Any]:
    return [lightning_package(flavour).callbacks.StochasticWeightAveraging(1e-2, 1)]


OPTIONS: dict[str, Any] = {
    "plain": lambda _f: {},
    "accumulated gradients": lambda _f: {"accumulate_grad_batches": 2},
    "scheduled accumulation": lambda f: {"callbacks": scheduled_accumulation(f), "max_epochs": 2},
    "clipping by norm": lambda _f: {"gradient_clip_val": 0.1},
    "clipping by value": lambda _f: {
        "gradient_clip_val": 0.01,
        "gradient_clip_algorithm": "value",
    },
    "weight averaging": lambda f: {"callbacks": averaging(f), "max_epochs": 3},
    "anomaly detection": lambda _f: {"detect_anomaly": True},
    "bf16": lambda _f: {"precision": "bf16-mixed"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_trainers_ways_to_step_are_as_without_us(name, flavour, tmp_path) -> None:
    """Parameters, optimizer, logged values and drawn samples; the record shows the first batch."""
    manifest = both_ways(plain, tmp_path, flavour, make_options=lambda: OPTIONS[name](flavour))
    assert problems(manifest) == {}
    assert manifest["model"]["roots"] == [""]
    assert manifest["input"]["[0]"]["shape"] == [4, 8]


def test_manual_optimization_of_two_networks_is_as_without_us(flavour, tmp_path) -> None:
    """A GAN: both are roots, each optimizer steps as it would."""
    manifest = both_ways(lambda fit: fit.run(gan(flavour)), tmp_path, flavour)
    assert problems(manifest) == {}
    assert manifest["model"]["roots"] == ["generator", "discriminator"]


def test_toggled_optimizers_are_seen_as_they_are_toggled(tmp_path) -> None:
    """`toggle_optimizer` freezes the other network's parameters while the step runs."""

    def work(fit: Fit) -> dict[str, Any]:
        module = gan()
        step = type(module).training_step

        def toggled(self: Any, batch: Any, batch_idx: int) -> None:
            first = self.optimizers()[0]
            self.toggle_optimizer(first)
            frozen.append([p.requires_grad for p in self.discriminator.parameters()])
            self.untoggle_optimizer(first)
            step(self, batch, batch_idx)

        type(module).training_step = toggled
        return fit.run(module)

    frozen: list[list[bool]] = []
    assert problems(both_ways(work, tmp_path)) == {}
    assert not any(any(flags) for flags in frozen)


def test_accumulation_by_hand_is_as_without_us(tmp_path) -> None:
    """Manual optimization that steps on every second batch alone."""

    def work(fit: Fit) -> dict[str, Any]:
        class ByHand(lightning_package(fit.flavour).LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.automatic_optimization = False
                self.net = net()

            def training_step(self, batch: Any, batch_idx: int) -> None:
                optimizer = self.optimizers()
                self.manual_backward(nn.functional.cross_entropy(self.net(batch[0]), batch[1]))
                if batch_idx % 2:
                    self.clip_gradients(optimizer, 0.1, "norm")
                    optimizer.step()
                    optimizer.zero_grad()

            def configure_optimizers(self) -> Any:
                return torch.optim.AdamW(self.parameters(), 1e-2)

        return fit.run(ByHand())

    manifest = both_ways(work, tmp_path)
    assert problems(manifest) == {}
    assert manifest["model"]["roots"] == ["net"]


def test_lbfgs_runs_its_closure_as_often_as_without_us(flavour, tmp_path) -> None:
    """The step runs many times in one batch; the first time is the record's."""

    def work(fit: Fit) -> dict[str, Any]:
        module = logging_module(fit.flavour)
        module.configure_optimizers = lambda: torch.optim.LBFGS(module.parameters(), 0.1, 5)
        return fit.run(module)

    manifest = both_ways(work, tmp_path, flavour)
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [4, 8]


def test_a_batch_that_is_left_out_is_the_record_all_the_same(flavour, tmp_path) -> None:
    """`training_step` gives None: no backward, no step; the network was seen."""

    def skip(self: Any, batch: Any, batch_idx: int) -> Tensor | None:
        loss = self.loss(self(batch[0]), batch[1])
        return None if batch_idx == 0 else loss

    def work(fit: Fit) -> dict[str, Any]:
        module = lit(net(), fit.flavour)
        type(module).training_step = skip
        return fit.run(module)

    manifest = both_ways(work, tmp_path, flavour)
    assert problems(manifest) == {}
    assert manifest["model"]["roots"] == [""]


def test_a_step_that_does_nothing_is_told_without_a_warning(tmp_path, recwarn) -> None:
    """It leaves a bad batch out before it calls the network: nothing has failed."""

    def skip(self: Any, batch: Any, batch_idx: int) -> Tensor | None:
        return None if batch_idx == 0 else self.loss(self(batch[0]), batch[1])

    def work(fit: Fit) -> dict[str, Any]:
        module = lit(net(), fit.flavour)
        type(module).training_step = skip
        return fit.run(module)

    manifest = both_ways(work, tmp_path)
    assert not [w for w in recwarn if isinstance(w.message, ModelVizWarning)]
    found = {a["name"]: a["error"] for a in manifest["artifacts"]}
    assert found["architecture"] == "no data flow was seen in the step"
    assert "called no module with parameters" in manifest["notes"][0]


def test_a_closure_that_calls_the_step_twice_shows_the_first(tmp_path) -> None:
    """Sharpness-aware minimisation runs the step again in `optimizer_step`."""

    def work(fit: Fit) -> dict[str, Any]:
        module = logging_module(fit.flavour)

        def optimizer_step(epoch: int, batch_idx: int, optimizer: Any, closure: Any) -> None:
            closure()
            optimizer.step(closure)

        module.optimizer_step = optimizer_step
        return fit.run(module)

    assert problems(both_ways(work, tmp_path, settings=QUICK)) == {}


def test_a_step_that_fails_is_tried_again_with_its_memory_freed(tmp_path) -> None:
    """Out of memory, caught in `optimizer_step`: nothing of the first try is kept by us."""

    def work(fit: Fit) -> dict[str, Any]:
        alive: list[bool] = []

        class Retries(type(logging_module(fit.flavour))):
            activation: Any = None

            def training_step(self, batch: Any, batch_idx: int) -> Tensor:
                if self.activation is None:
                    activation = torch.zeros(8)
                    self.activation = weakref.ref(activation)
                    self(batch[0])
                    raise torch.OutOfMemoryError("CUDA out of memory")
                return super().training_step(batch, batch_idx)

            def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, run: Any) -> None:
                with contextlib.suppress(torch.OutOfMemoryError):
                    return optimizer.step(run)
                gc.collect()
                alive.append(self.activation() is not None)
                return optimizer.step(run)

        module = Retries()
        state = fit.run(module)
        module.activation = None
        return state | {"alive": alive}

    manifest = both_ways(work, tmp_path, settings=QUICK)
    assert manifest["status"] == "partial"
    assert (
        "step raised OutOfMemoryError: CUDA out of memory; the training caught"
        in manifest["notes"][0]
    )
    assert manifest["model"]["roots"] == [""]
