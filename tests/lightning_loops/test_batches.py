"""Where the first batch comes from: every way of feeding a fit is as without us."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.lightning_loops.both_ways import (
    QUICK,
    Data,
    Fit,
    Rows,
    Stream,
    batches,
    both_ways,
    logging_module,
    net,
    problems,
)
from tests.models import lightning_package, lit


def iterator_module(flavour: str) -> Any:
    class TakesIterator(lightning_package(flavour).LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.losses = net(), []

        def training_step(self, dataloader_iter: Iterator[Any]) -> Tensor:
            (x, labels), _batch_idx, _dataloader_idx = next(dataloader_iter)
            loss = nn.functional.cross_entropy(self.net(x), labels)
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 1e-2)

    return TakesIterator()


def test_a_step_that_takes_the_iterator_draws_its_own_batches(flavour, tmp_path) -> None:
    """Not one batch is drawn for us; the input of the record is that of the network's call."""
    manifest = both_ways(lambda fit: fit.run(iterator_module(fit.flavour)), tmp_path, flavour)
    assert problems(manifest) == {}
    assert manifest["model"]["roots"] == ["net"]
    assert manifest["root_calls"][0]["inputs"]["input"]["shape"] == [4, 8]
    assert [spec["shape"] for spec in manifest["input"].values()] == [[4, 8]]


def combined(mode: str, flavour: str) -> Callable[[list[int]], Any]:
    from importlib import import_module

    loader = import_module(f"{flavour}.utilities").CombinedLoader
    return lambda drawn: loader({"small": batches(drawn, 8, 2), "large": batches(drawn, 12)}, mode)


LOADERS: dict[str, Any] = {
    "a dict": lambda _f: lambda drawn: {"small": batches(drawn, 8, 2), "large": batches(drawn)},
    "a list": lambda _f: lambda drawn: [batches(drawn, 8, 2), batches(drawn, 12)],
    "min_size": lambda f: combined("min_size", f),
    "max_size": lambda f: combined("max_size", f),
    "max_size_cycle": lambda f: combined("max_size_cycle", f),
}


@pytest.mark.parametrize("kind", LOADERS)
def test_several_loaders_are_as_without_us(kind, flavour, tmp_path) -> None:
    """A batch of batches: each part is in the input, under its loader's name."""

    def work(fit: Fit) -> dict[str, Any]:
        def step(self: Any, batch: Any) -> Tensor:
            parts = batch.values() if isinstance(batch, dict) else batch
            losses = [self.loss(self(part[0]), part[1]) for part in parts if part is not None]
            return torch.stack(losses).sum()

        module = lit(net(), fit.flavour, step)
        return fit.run(module, LOADERS[kind](fit.flavour)(fit.drawn))

    manifest = both_ways(work, tmp_path, flavour, QUICK)
    assert problems(manifest) == {}
    named = kind != "a list"
    first, second = ("small[0]", "large[0]") if named else ("[0][0]", "[1][0]")
    assert manifest["input"][first]["shape"] == [2, 8]
    assert manifest["input"][second]["shape"] == [4, 8]


def test_loaders_one_after_the_other_are_refused_as_without_us(tmp_path) -> None:
    """Lightning has no `sequential` mode for training; the record tells why there was no step."""

    def work(fit: Fit) -> dict[str, Any]:
        module = lit(net(), fit.flavour)
        with pytest.raises(ValueError, match="sequential"):
            fit.run(module, combined("sequential", fit.flavour)(fit.drawn))
        return fit.left(module)

    manifest = both_ways(work, tmp_path, settings=QUICK)
    assert manifest["status"] == "failed_step"
    assert "before its first batch" in manifest["notes"][0]


def test_a_stream_without_a_length_is_drawn_as_without_us(flavour, tmp_path) -> None:
    """An IterableDataset; nothing is drawn ahead."""

    def work(fit: Fit) -> dict[str, Any]:
        stream = Data(Stream(Rows(16, fit.drawn)), 4)
        return fit.run(logging_module(fit.flavour), stream)

    manifest = both_ways(work, tmp_path, flavour, QUICK, lambda: {"limit_train_batches": 2})
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [4, 8]


LIMITS: dict[str, Any] = {
    "one batch again and again": {"overfit_batches": 1, "max_epochs": 3},
    "a part of the data": {"overfit_batches": 0.5, "max_epochs": 2},
    "one batch": {"limit_train_batches": 1},
    "a share of the batches": {"limit_train_batches": 0.5},
    "no sampler for ranks": {"use_distributed_sampler": False},
    "loaders anew in each epoch": {"reload_dataloaders_every_n_epochs": 1, "max_epochs": 2},
}


@pytest.mark.filterwarnings("ignore:.*overfit_batches.*:UserWarning")
@pytest.mark.parametrize("name", LIMITS)
def test_limits_of_the_data_are_as_without_us(name, flavour, tmp_path) -> None:
    """The loaders of a module's own are asked as often, for the same samples."""

    def work(fit: Fit) -> dict[str, Any]:
        module = logging_module(fit.flavour)
        asked: list[int] = []

        def train_dataloader() -> Any:
            asked.append(1)
            return batches(fit.drawn)

        type(module).train_dataloader = staticmethod(train_dataloader)
        fit.trainer.fit(module)
        return fit.left(module) | {"asked": asked}

    manifest = both_ways(work, tmp_path, flavour, QUICK, lambda: dict(LIMITS[name]))
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [4, 8]


NOTHING: dict[str, Any] = {
    "no batches": {"limit_train_batches": 0},
    "no share of the batches": {"limit_train_batches": 0.0},
    "no steps": {"max_steps": 0},
    "no epochs": {"max_epochs": 0},
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_fit_that_trains_nothing_has_a_partial_record(name, flavour, tmp_path) -> None:
    """The module tree and its parameters are there, and why there is no more."""

    def work(fit: Fit) -> dict[str, Any]:
        return fit.run(logging_module(fit.flavour))

    manifest = both_ways(work, tmp_path, flavour, QUICK, lambda: dict(NOTHING[name]))
    assert (manifest["status"], manifest["notes"]) == ("partial", ["no training batch was run"])
    assert manifest["totals"]["parameters"] == 124
    assert manifest["input"] == {}


def skip_the_epoch(fit: Fit, until: int, *, logs: bool = True) -> Any:
    """Makes a module that leaves out its first epochs, and feeds another batch size in each."""

    class Skips(type(logging_module(fit.flavour) if logs else lit(net(), fit.flavour))):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
            return -1 if self.current_epoch < until else None

        def train_dataloader(self) -> Any:
            return batches(fit.drawn, batch_size=4 + self.trainer.current_epoch)

    return Skips()


SKIPPING: dict[str, Any] = {
    "quick": QUICK,
    "every visualizer": {"formats": ()},
    "input_fn": {"formats": (), "target": "net", "input_fn": lambda batch: batch[0]},
}


@pytest.mark.parametrize("name", SKIPPING)
def test_a_batch_that_the_module_skips_is_not_the_record(name, flavour, tmp_path) -> None:
    """`on_train_batch_start` gives -1: the record is of the first batch that is trained on."""
    manifest = both_ways(
        lambda fit: run_own(fit, skip_the_epoch(fit, until=2)),
        tmp_path,
        flavour,
        SKIPPING[name],
        lambda: {"max_epochs": 4, "reload_dataloaders_every_n_epochs": 1},
    )
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [6, 8]
    (call,) = manifest["root_calls"]
    assert [spec["shape"] for spec in call["inputs"].values()] == [[6, 8]]


def test_a_skipped_batch_of_a_compiled_module_is_rehearsed_in_vain(tmp_path) -> None:
    """What its rehearsal showed is forgotten; the batch that is trained on is rehearsed anew."""
    torch._dynamo.reset()

    def work(fit: Fit) -> dict[str, Any]:
        module = skip_the_epoch(fit, until=2, logs=False)
        fit.trainer.fit(torch.compile(module, backend="eager"))
        return fit.left(module)

    manifest = both_ways(
        work,
        tmp_path,
        make_options=lambda: {"max_epochs": 3, "reload_dataloaders_every_n_epochs": 1},
    )
    assert {a["status"] for a in manifest["artifacts"]} == {"ok"}
    assert len(manifest["notes"]) == 1
    assert manifest["input"]["[0]"]["shape"] == [6, 8]
    (call,) = manifest["root_calls"]
    assert [spec["shape"] for spec in call["inputs"].values()] == [[6, 8]]


def run_own(fit: Fit, module: Any) -> dict[str, Any]:
    fit.trainer.fit(module)
    return fit.left(module)


def test_a_fit_that_skips_every_batch_has_a_partial_record(tmp_path) -> None:
    """No step was run, and the record claims no input."""
    manifest = both_ways(
        lambda fit: run_own(fit, skip_the_epoch(fit, until=9)),
        tmp_path,
        settings=QUICK,
        make_options=lambda: {"max_epochs": 2},
    )
    assert (manifest["status"], manifest["notes"]) == ("partial", ["no training batch was run"])
    assert manifest["input"] == {}


@pytest.mark.parametrize("first", [True, False], ids=["before ours", "after ours"])
def test_what_another_callback_says_skips_nothing(first, tmp_path) -> None:
    """Lightning listens to the module alone; -1 from a callback changes nothing."""

    def work(fit: Fit) -> dict[str, Any]:
        class Skips(lightning_package(fit.flavour).callbacks.Callback):
            def on_train_batch_start(self, *_args: Any) -> int:
                return -1

        fit.trainer.callbacks.insert(0 if first else len(fit.trainer.callbacks), Skips())
        return fit.run(logging_module(fit.flavour))

    assert problems(both_ways(work, tmp_path, settings=QUICK)) == {}


@dataclass
class Sample:
    """A batch of the user's own type."""

    values: Tensor
    labels: Tensor
    names: list[str]


class Opaque:
    """A batch that tells nobody what it holds."""

    __slots__ = ("_values", "labels")

    def __init__(self, values: Tensor, labels: Tensor) -> None:
        self._values, self.labels = values, labels


@pytest.mark.parametrize("kind", ["dataclass", "opaque"])
def test_a_batch_of_the_users_own_type_is_moved_once(kind, flavour, tmp_path) -> None:
    """`transfer_batch_to_device` is the user's; it is called as often as without us."""

    def work(fit: Fit) -> dict[str, Any]:
        moved: list[str] = []

        class Moves(type(logging_module(fit.flavour))):
            def transfer_batch_to_device(self, batch: Any, device: Any, index: int) -> Any:
                moved.append(type(batch).__name__)
                if isinstance(batch, Sample):
                    return Sample(batch.values.to(device) * 2, batch.labels, batch.names)
                return Opaque(batch._values.to(device) * 2, batch.labels)

            def training_step(self, batch: Any, batch_idx: int) -> Tensor:
                values = batch.values if isinstance(batch, Sample) else batch._values
                return self.loss(self(values), batch.labels)

        def collate(rows: Any) -> Any:
            values = torch.stack([row[0] for row in rows])
            labels = torch.tensor([row[1] for row in rows])
            return Sample(values, labels, ["x"]) if kind == "dataclass" else Opaque(values, labels)

        module = Moves()
        data = Data(Rows(16, fit.drawn), 4, collate_fn=collate)
        return fit.run(module, data) | {"moved": moved}

    manifest = both_ways(work, tmp_path, flavour)
    assert problems(manifest) == {}
    assert manifest["root_calls"][0]["inputs"]["x"]["shape"] == [4, 8]
    if kind == "dataclass":
        assert set(manifest["input"]) == {"values", "labels"}
    else:
        assert next(spec["shape"] for spec in manifest["input"].values()) == [4, 8]


def test_a_loader_that_gives_none_first_is_recorded_at_its_first_batch(tmp_path) -> None:
    """Lightning passes over `None`; so do we."""

    def work(fit: Fit) -> dict[str, Any]:
        def collate(rows: Any) -> Any:
            first = len(fit.drawn) <= 4
            return None if first else torch.utils.data.default_collate(rows)

        data = Data(Rows(16, fit.drawn), 4, collate_fn=collate)
        return fit.run(logging_module(fit.flavour), data)

    manifest = both_ways(work, tmp_path, settings=QUICK)
    assert problems(manifest) == {}
    assert manifest["input"]["[0]"]["shape"] == [4, 8]


def test_worker_processes_draw_as_without_us(tmp_path) -> None:
    """Persistent workers keep nothing of ours; the order of the samples is the same."""

    def work(fit: Fit) -> dict[str, Any]:
        data = Data(Rows(16), 4, shuffle=True, num_workers=1, persistent_workers=True)
        return fit.run(logging_module(fit.flavour), data)

    assert problems(both_ways(work, tmp_path, settings=QUICK)) == {}
