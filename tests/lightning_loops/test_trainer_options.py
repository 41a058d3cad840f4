"""What a Trainer does around the training steps: it does the same with us."""

import contextlib
from typing import Any

import pytest
from torch import Tensor

from modelviz_callbacks import ModelVizCallback
from tests.conftest import read_manifest
from tests.lightning_loops.both_ways import (
    QUICK,
    Fit,
    batches,
    both_ways,
    logging_module,
    net,
    problems,
)
from tests.models import TakesTensor, digits, lightning_package, lit, loader, trainer


def plain(fit: Fit) -> dict[str, Any]:
    return fit.run(logging_module(fit.flavour))


def stop_at_once(flavour: str) -> Any:
    """The loss can never be below nothing: patience ends with the first epoch."""
    return lightning_package(flavour).callbacks.EarlyStopping(
        "loss_epoch", patience=1, stopping_threshold=1e9, check_on_train_epoch_end=True
    )


def keep_every_step(flavour: str) -> Any:
    return lightning_package(flavour).callbacks.ModelCheckpoint(
        every_n_train_steps=1, save_top_k=-1
    )


OPTIONS: dict[str, Any] = {
    "one step": lambda _f: {"max_steps": 1},
    "stopped in the first epoch": lambda f: {"callbacks": [stop_at_once(f)], "max_epochs": 5},
    "a checkpoint a step": lambda f: {"callbacks": [keep_every_step(f)]},
    "inference mode": lambda _f: {"inference_mode": True},
    "no inference mode": lambda _f: {"inference_mode": False},
    "simple profiler": lambda _f: {"profiler": "simple"},
    "advanced profiler": lambda _f: {"profiler": "advanced"},
    "pytorch profiler": lambda _f: {"profiler": "pytorch"},
    "bars and summary": lambda _f: {"enable_progress_bar": True, "enable_model_summary": True},
    "deterministic": lambda _f: {"deterministic": True},
}


@contextlib.contextmanager
def global_settings_put_back() -> Any:
    """Some of the Trainer's options stay switched on in the process."""
    import torch

    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = benchmark


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.filterwarnings("ignore::UserWarning:torch.profiler")
def test_the_trainers_options_are_as_without_us(name, flavour, tmp_path) -> None:
    """Parameters, optimizer, logged values, random numbers; the record is whole."""
    with global_settings_put_back():
        manifest = both_ways(plain, tmp_path, flavour, make_options=lambda: OPTIONS[name](flavour))
    assert problems(manifest) == {}
    assert manifest["model"]["roots"] == [""]
    assert manifest["input"]["[0]"]["shape"] == [4, 8]


@pytest.mark.parametrize("steps", [0, 2, -1])
def test_sanity_checks_are_as_without_us(steps, flavour, tmp_path) -> None:
    """Validation runs first, in whole or in part; the record is of the training."""

    def work(fit: Fit) -> dict[str, Any]:
        validation = batches(fit.drawn, 9, 3)
        return fit.run(logging_module(fit.flavour), val_dataloaders=validation)

    manifest = both_ways(
        work, tmp_path, flavour, QUICK, lambda: {"num_sanity_val_steps": steps, "max_epochs": 2}
    )
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [4, 8]
    assert manifest["root_calls"][0]["training"] is True


def test_validation_in_the_middle_of_an_epoch_is_as_without_us(tmp_path) -> None:
    """`val_check_interval=1`: after each batch, the first one included."""

    def work(fit: Fit) -> dict[str, Any]:
        validation = batches(fit.drawn, 9, 3)
        return fit.run(logging_module(fit.flavour), val_dataloaders=validation)

    manifest = both_ways(
        work,
        tmp_path,
        settings=QUICK,
        make_options=lambda: {
            "val_check_interval": 1,
            "limit_train_batches": 3,
        },
    )
    assert problems(manifest) == {}


def test_a_barebones_trainer_is_served(flavour, tmp_path) -> None:
    """It has no logger and no checkpoints, and takes callbacks: the record lies in the root."""

    def work(fit: Fit) -> dict[str, Any]:
        return fit.run(lit(net(), fit.flavour))

    def options() -> dict[str, Any]:
        return {"barebones": True, "logger": None, "log_every_n_steps": None} | dict.fromkeys(
            ("enable_progress_bar", "enable_model_summary")
        )

    manifest = both_ways(work, tmp_path, flavour, make_options=options)
    assert problems(manifest) == {}
    assert (tmp_path / "with" / "architecture" / "manifest.json").is_file()


@pytest.mark.parametrize("when", ["before the fit", "on_train_start", "on_train_batch_start"])
def test_a_fit_that_is_told_to_stop_trains_as_far_as_without_us(when, flavour, tmp_path) -> None:
    """`trainer.should_stop`: where no batch was run the record says so, of every artifact."""

    def work(fit: Fit) -> dict[str, Any]:
        def stop(_self: Any, trainer: Any, *_args: Any) -> None:
            trainer.should_stop = True

        base = lightning_package(fit.flavour).callbacks.Callback
        fit.trainer.should_stop = when == "before the fit"
        fit.trainer.callbacks.insert(0, type("Stops", (base,), {when: stop})())
        return fit.run(logging_module(fit.flavour))

    manifest = both_ways(work, tmp_path, flavour, QUICK, lambda: {"max_epochs": 3})
    reason = "no training batch was run"
    if when == "on_train_start":
        assert (manifest["status"], manifest["notes"]) == ("partial", [reason])
        assert {a["error"] for a in manifest["artifacts"]} == {None, reason}
    else:
        assert problems(manifest) == {}


@pytest.mark.parametrize("same_module", [True, False])
def test_a_second_fit_is_as_without_us(same_module, flavour, tmp_path) -> None:
    """The same Trainer goes on; its record stays as the first fit made it."""

    def work(fit: Fit) -> dict[str, Any]:
        module = logging_module(fit.flavour)
        fit.run(module)
        fit.trainer.fit_loop.max_epochs = 2
        return fit.run(module if same_module else logging_module(fit.flavour))

    manifest = both_ways(work, tmp_path, flavour, QUICK)
    assert problems(manifest) == {}


@pytest.mark.parametrize("stage", ["validate", "test", "predict"])
def test_other_stages_around_a_fit_are_as_without_us(stage, flavour, tmp_path) -> None:
    """Before it and after it: the record is of the fit."""

    def work(fit: Fit) -> dict[str, Any]:
        module = logging_module(fit.flavour)
        run = getattr(fit.trainer, stage)
        run(module, batches(fit.drawn, 6, 2))
        fit.run(module)
        run(module, batches(fit.drawn, 6, 2))
        return fit.left(module)

    manifest = both_ways(work, tmp_path, flavour, QUICK)
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [4, 8]


@pytest.mark.parametrize("stage", ["validate", "test", "predict"])
def test_other_stages_alone_have_no_record(stage, flavour, tmp_path) -> None:
    """And run as without us."""

    def work(fit: Fit) -> dict[str, Any]:
        module = logging_module(fit.flavour)
        getattr(fit.trainer, stage)(module, batches(fit.drawn))
        return fit.left(module)

    assert both_ways(work, tmp_path, flavour) == {}


def test_what_hooks_call_around_the_step_is_no_root(tmp_path) -> None:
    """A root is what the training step calls; the other hooks' calls are not shown."""

    class Around(type(lit(TakesTensor()))):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.after = TakesTensor(), TakesTensor()

        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            self.before(batch[0])

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return self.loss(self.net(batch[0]), batch[1])

        def on_before_optimizer_step(self, _optimizer: Any) -> None:
            self.after(digits())

    callback = ModelVizCallback(formats=())
    trainer(tmp_path, callback).fit(Around(), loader())
    assert read_manifest(str(callback.directory))["model"]["roots"] == ["net"]
