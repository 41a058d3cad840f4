"""Trains without us and with us, and compares everything that a training leaves."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modelviz_callbacks import ModelVizCallback
from tests.conftest import find_record, read_manifest
from tests.models import digits, lit, trainer
from tests.test_untouched import assert_same, fingerprint, reset

EVERY_VISUALIZER: Any = {"formats": ()}
QUICK: Any = {"formats": (), "visualizers": ("repr", "architecture")}

Data = torch.utils.data.DataLoader


class Rows(torch.utils.data.Dataset):
    """`count` samples `([8], label)`; remembers in `drawn` which ones were taken, in order."""

    def __init__(self, count: int = 16, drawn: list[int] | None = None) -> None:
        self.values, self.count = digits(count), count
        self.drawn = [] if drawn is None else drawn

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index >= self.count:
            raise IndexError(index)
        self.drawn.append(index)
        return self.values[index], index % 4


class Stream(torch.utils.data.IterableDataset):
    """The same samples, from a data set that does not know its length."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter([self.rows[index] for index in range(len(self.rows))])


def batches(drawn: list[int], count: int = 16, batch_size: int = 4) -> Data:
    """Makes a shuffled loader: its order shows that the random numbers are as without us."""
    return Data(Rows(count, drawn), batch_size, shuffle=True)


def net() -> nn.Module:
    """Makes a network of `[N, 8]` → `[N, 4]` with random numbers and running statistics."""
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 4))


def logging_module(flavour: str) -> Any:
    """Makes a LightningModule around `net()` that logs its loss in every way."""

    def step(self: Any, batch: Any) -> Tensor:
        loss = self.loss(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=True, on_epoch=True)
        return loss

    return lit(net(), flavour, step)


def remembering_logger(flavour: str) -> Any:
    """Makes a logger that keeps what it was told in `told`."""
    base = importlib.import_module(f"{flavour}.loggers.logger").Logger

    class Remembers(base):
        name, version = "remembers", 0

        def __init__(self) -> None:
            super().__init__()
            self.told: list[Any] = []

        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            self.told.append((step, dict(metrics)))

        def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
            self.told.append(("hyperparams", dict(params)))

    return Remembers()


class Fit:
    """One training: its Trainer, and what it leaves.

    Attributes:
        trainer: The Trainer.
        drawn: The samples that the loaders gave.
    """

    def __init__(self, folder: Path, ours: list[Any], flavour: str, **options: Any) -> None:
        self.drawn: list[int] = []
        self.folder, self.flavour = folder, flavour
        self._logger = remembering_logger(flavour)
        callbacks = [*options.pop("callbacks", ()), *ours]
        defaults: Any = {"logger": self._logger, "log_every_n_steps": 1, "limit_train_batches": 1.0}
        self.trainer = trainer(folder, *callbacks, flavour=flavour, **(defaults | options))

    def run(self, module: Any, data: Any = None, **more: Any) -> dict[str, Any]:
        """Trains, and gives all that is to be compared."""
        self.trainer.fit(module, batches(self.drawn) if data is None else data, **more)
        return self.left(module)

    def left(self, module: Any) -> dict[str, Any]:
        """Gives what a training left."""
        return fingerprint(module) | {
            "attributes": [sorted(vars(part)) for part in module.modules()],
            "optimizers": [optimizer.state_dict() for optimizer in self.trainer.optimizers],
            "metrics": dict(self.trainer.callback_metrics),
            "logged": self._logger.told,
            "losses": getattr(module, "losses", []),
            "drawn": self.drawn,
            "step": (self.trainer.global_step, self.trainer.current_epoch),
            "grad": {n: p.grad for n, p in module.named_parameters()},
        }


def both_ways(
    work: Callable[[Fit], dict[str, Any]],
    folder: Path,
    flavour: str = "lightning.pytorch",
    settings: Any = EVERY_VISUALIZER,
    make_options: Callable[[], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """Does the same work without us and with us, and compares what it leaves.

    Args:
        work: Trains, and gives what is to be compared.
        folder: Where both leave their files.
        flavour: Which of Lightning's packages.
        settings: The callback's options.
        make_options: Makes the Trainer's options; called for each of both.

    Returns:
        The record's manifest; empty where there is no record.
    """
    left = []
    for name in ("without", "with"):
        reset()
        ours = [ModelVizCallback(**settings)] if name == "with" else []
        left.append(work(Fit(folder / name, ours, flavour, **make_options())))
    assert_same(*left)
    assert list((folder / "without").rglob("manifest.json")) == []
    records = list((folder / "with").rglob("manifest.json"))
    return read_manifest(find_record(folder / "with")) if records else {}


def problems(manifest: dict[str, Any]) -> dict[str, Any]:
    """Gives what a manifest tells of things that did not go as hoped; empty where all is well."""
    found = {a["name"]: a["error"] for a in manifest["artifacts"] if a["status"] != "ok"}
    if manifest["status"] != "complete":
        found["status"] = manifest["status"]
    return found | ({"notes": manifest["notes"]} if manifest["notes"] else {})
