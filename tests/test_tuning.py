"""Searches for a batch size or a learning rate run trial fits: none of them is the record's."""

from pathlib import Path
from typing import Any

import pytest

from tests.lightning_loops.both_ways import (
    QUICK,
    Fit,
    batches,
    both_ways,
    net,
    problems,
)
from tests.models import lightning_package, lit

pytestmark = pytest.mark.filterwarnings("ignore:.*jsonargparse:UserWarning")


def tunable(fit: Fit) -> Any:
    """Makes a module with the attributes that the searches set, and its own data."""
    import torch

    class Tunable(type(lit(net(), fit.flavour))):
        batch_size, lr = 2, 1e-3

        def train_dataloader(self) -> Any:
            return batches(fit.drawn, 32, self.batch_size)

        def val_dataloader(self) -> Any:
            return batches(fit.drawn, 8, self.batch_size)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), self.lr)

    return Tunable()


def searched(fit: Fit, module: Any) -> dict[str, Any]:
    return fit.left(module) | {"found": (module.batch_size, module.lr)}


def folders(run: Path) -> list[str]:
    return sorted(f.name for f in run.rglob("architecture*") if f.is_dir())


def batch_size_finder(flavour: str) -> Any:
    return lightning_package(flavour).callbacks.BatchSizeFinder(
        init_val=2, max_trials=2, steps_per_trial=2
    )


def learning_rate_finder(flavour: str) -> Any:
    return lightning_package(flavour).callbacks.LearningRateFinder(num_training_steps=15)


FINDERS: dict[str, Any] = {
    "batch size": lambda f: [batch_size_finder(f)],
    "learning rate": lambda f: [learning_rate_finder(f)],
    "both": lambda f: [batch_size_finder(f), learning_rate_finder(f)],
}
# Lightning 2.5 goes on to the size at which there is a single batch.
FOUND = {"learning rate": [[2, 8]], "batch size": [[4, 8], [8, 8]], "both": [[4, 8], [8, 8]]}


@pytest.mark.parametrize(
    ("name", "flavour"),
    [
        ("batch size", "lightning.pytorch"),
        ("learning rate", "lightning.pytorch"),
        ("both", "lightning.pytorch"),
        ("both", "pytorch_lightning"),
    ],
)
def test_the_record_is_of_the_training_after_the_search(name, flavour, tmp_path) -> None:
    """The finders find the same, and the first batch has the size that was found."""

    def work(fit: Fit) -> dict[str, Any]:
        module = tunable(fit)
        fit.trainer.fit(module)
        return searched(fit, module)

    manifest = both_ways(
        work, tmp_path, flavour, make_options=lambda: {"callbacks": FINDERS[name](flavour)}
    )
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] in FOUND[name]
    assert folders(tmp_path / "with") == ["architecture"]


def search(fit: Fit, what: str, module: Any) -> None:
    from importlib import import_module

    tuner = import_module(f"{fit.flavour}.tuner").Tuner(fit.trainer)
    if what == "batch size":
        tuner.scale_batch_size(module, init_val=2, max_trials=2, steps_per_trial=2)
    else:
        tuner.lr_find(module, num_training=15)


@pytest.mark.parametrize("what", ["batch size", "learning rate"])
def test_a_search_alone_leaves_no_record(what, tmp_path) -> None:
    """`Tuner(trainer)` with our callback among the Trainer's: nothing was trained."""

    def work(fit: Fit) -> dict[str, Any]:
        module = tunable(fit)
        search(fit, what, module)
        return searched(fit, module)

    assert both_ways(work, tmp_path, settings=QUICK) == {}
    assert folders(tmp_path / "with") == []


@pytest.mark.parametrize("what", ["batch size", "learning rate"])
def test_the_fit_after_a_search_is_the_record(what, tmp_path) -> None:
    """The search's trials claim no folder."""

    def work(fit: Fit) -> dict[str, Any]:
        module = tunable(fit)
        search(fit, what, module)
        fit.trainer.fit(module)
        return searched(fit, module)

    manifest = both_ways(work, tmp_path)
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] in FOUND[what]
    assert folders(tmp_path / "with") == ["architecture"]


def test_a_search_after_a_fit_leaves_its_record_alone(tmp_path) -> None:
    """The trials restore a checkpoint that has our state in it; the record stays as it was."""

    def work(fit: Fit) -> dict[str, Any]:
        module = tunable(fit)
        fit.trainer.fit(module)
        search(fit, "learning rate", module)
        fit.trainer.fit_loop.max_epochs = 2
        fit.trainer.fit(module)
        return searched(fit, module)

    manifest = both_ways(work, tmp_path, settings=QUICK)
    assert problems(manifest) == {}


def test_a_search_in_validation_leaves_no_record(tmp_path) -> None:
    """`Tuner.scale_batch_size(method="validate")`."""

    def work(fit: Fit) -> dict[str, Any]:
        from lightning.pytorch.tuner import Tuner

        module = tunable(fit)
        tuner = Tuner(fit.trainer)
        tuner.scale_batch_size(
            module, method="validate", init_val=2, max_trials=2, steps_per_trial=1
        )
        return searched(fit, module)

    assert both_ways(work, tmp_path, settings=QUICK) == {}


def test_a_learning_rate_search_in_a_second_fit_is_as_without_us(tmp_path) -> None:
    """A finder that searches again at a later epoch: training is under way, the record made."""

    def work(fit: Fit) -> dict[str, Any]:
        class Again(lightning_package(fit.flavour).callbacks.LearningRateFinder):
            def on_fit_start(self, *_args: Any) -> None:
                return

            def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
                if trainer.current_epoch in (0, 1):
                    self.lr_find(trainer, module)

        fit.trainer.callbacks.insert(0, Again(num_training_steps=15))
        module = tunable(fit)
        fit.trainer.fit(module)
        return searched(fit, module)

    manifest = both_ways(work, tmp_path, settings=QUICK, make_options=lambda: {"max_epochs": 3})
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [2, 8]
