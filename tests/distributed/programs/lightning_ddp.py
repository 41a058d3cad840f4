"""Lightning fits on two ranks, each with us and without: `lightning_ddp.py FOLDER WHAT...`."""

import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed, nn
from torchmetrics.classification import MulticlassAccuracy

from modelviz_callbacks import ModelVizCallback
from tests.models import HostileNet, loader
from tests.test_untouched import assert_same, fingerprint, hostile_state, reset


class Classifier(LightningModule):
    """Classifies, logs on all ranks together, and keeps a metric in its step."""

    def __init__(self, crashing: int | None = None) -> None:
        super().__init__()
        self.net = HostileNet()
        self.loss = nn.CrossEntropyLoss()
        self.accuracy = MulticlassAccuracy(4)
        # Communicates in its own forward.
        self.accuracy_of_step = MulticlassAccuracy(4, dist_sync_on_step=True)
        self.crashing = crashing
        self.losses: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        logits = self.net(batch[0] + self.global_rank)
        if self.crashing == self.global_rank:
            raise KeyError(f"rank {self.global_rank} ends here")
        loss = self.loss(logits, batch[1])
        self.accuracy(logits, batch[1])
        self.accuracy_of_step(logits, batch[1])
        self.log("loss", loss, sync_dist=True, on_step=True, on_epoch=True)
        self.log("accuracy", self.accuracy, on_step=True, on_epoch=True)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("validation", self.loss(self.net(batch[0]), batch[1]), sync_dist=True)

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), 1e-2)


class PartlyUsed(Classifier):
    """Has a layer that no step uses."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(8, 8)


class Sendable(Classifier):
    """Can be pickled, which a hook that is a lambda keeps from."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 4))


class Quiet(Classifier):
    """Has no metric that communicates in the step."""

    def __init__(self) -> None:
        super().__init__()
        self.accuracy_of_step = MulticlassAccuracy(4)


LOGGERS: dict[str, Any] = {
    "none": lambda folder: False,
    "csv": CSVLogger,
    "tensorboard": TensorBoardLogger,
    "both": lambda folder: [CSVLogger(folder), TensorBoardLogger(folder)],
}
FITS: dict[str, dict[str, Any]] = {
    "no logger": {"logger": "none"},
    "csv": {"logger": "csv"},
    "tensorboard": {"logger": "tensorboard"},
    "both, no checkpoints": {"logger": "both", "enable_checkpointing": False},
    "own checkpoints": {"logger": "none", "checkpoints": True},
    "accumulate": {"accumulate_grad_batches": 2},
    "bucket views": {"strategy": {"gradient_as_bucket_view": True}},
    "static graph": {"strategy": {"static_graph": True}},
    "unused parameters": {"strategy": {"find_unused_parameters": True}, "module": PartlyUsed},
    "compiled": {"compiled": True, "module": Quiet},
    "compiled, communicates": {"compiled": True},
    "spawned": {"strategy": "ddp_spawn", "module": Sendable},
}


def fit(
    name: str,
    folder: Path,
    *,
    ours: bool,
    strategy: Any = "ddp",
    logger: str = "none",
    module: type[Classifier] = Classifier,
    checkpoints: bool = False,
    compiled: bool = False,
    crashing: int | None = None,
    **options: Any,
) -> tuple[dict[str, Any], Any]:
    """Fits once.

    Returns:
        All that the fit left, and the record's folder.
    """
    reset()
    made = Classifier(crashing) if crashing is not None else module()
    callbacks: list[Any] = [ModelVizCallback()] if ours else []
    if checkpoints:
        callbacks.append(ModelCheckpoint(folder / "own"))
    if isinstance(strategy, dict):
        strategy = DDPStrategy(**strategy)
    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy=strategy,
        logger=LOGGERS[logger](str(folder)),
        max_epochs=1,
        limit_train_batches=4,
        num_sanity_val_steps=1,
        default_root_dir=str(folder),
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=1,
        **options,
    )
    trainer.fit(
        torch.compile(made, backend="eager") if compiled else made, loader(count=32), loader()
    )
    logged = {key: value.item() for key, value in trainer.logged_metrics.items()}
    left = fingerprint(made) | {"losses": made.losses, "logged": logged}
    if isinstance(made.net, HostileNet):
        left |= hostile_state(made.net) | {"adam": trainer.optimizers[0].state_dict()}
    return left, callbacks[0].directory if ours else None


def main(folder: Path, *names: str) -> None:
    torch.set_num_threads(1)
    for name in names:
        if name.startswith("crash"):
            fit(name, folder / name, ours=True, crashing=int(name[-1]))
        plain, _ = fit(name, folder / name / "without", ours=False, **FITS[name])
        watched, _ = fit(name, folder / name / "with", ours=True, **FITS[name])
        assert_same(plain, watched, name)
        rank = distributed.get_rank() if distributed.is_initialized() else 0
        (folder / name / f"same-{rank}").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
