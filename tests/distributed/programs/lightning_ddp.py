"""Lightning fits on two ranks, each with us and without: `lightning_ddp.py FOLDER WHAT...`."""

import os
import sys
from collections.abc import Callable
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


def small_net() -> nn.Module:
    """Makes a network that can be sent to another process, which a lambda's hook keeps from."""
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 4))


class Classifier(LightningModule):
    """Classifies, logs on all ranks together, and keeps a metric in its step."""

    def __init__(self, net: nn.Module, *, communicates: bool = True, crashing: int = -1) -> None:
        super().__init__()
        self.net = net
        # No step uses it.
        self.idle = nn.Linear(8, 8).requires_grad_(requires_grad=False)
        self.loss = nn.CrossEntropyLoss()
        self.accuracy = MulticlassAccuracy(4)
        # Communicates in its own forward, if it may.
        self.accuracy_of_step = MulticlassAccuracy(4, dist_sync_on_step=communicates)
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


# Each: what makes the network, and how it is fitted.
FITS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "no logger": (HostileNet, {}),
    "tensorboard": (small_net, {"logger": TensorBoardLogger, "formats": ("png",)}),
    "csv, no checkpoints": (small_net, {"logger": CSVLogger, "enable_checkpointing": False}),
    "own checkpoints": (small_net, {"own_checkpoints": True}),
    "accumulate": (
        HostileNet,
        {"accumulate_grad_batches": 2, "strategy": {"gradient_as_bucket_view": True}},
    ),
    "callback on rank 0 alone": (small_net, {"only_on_rank": "0", "logger": CSVLogger}),
    "static graph": (HostileNet, {"strategy": {"static_graph": True}}),
    "unused parameters": (HostileNet, {"strategy": {"find_unused_parameters": True}, "idle": True}),
    "compiled": (small_net, {"compiled": True, "communicates": False}),
    "compiled, communicates": (small_net, {"compiled": True}),
    "spawned": (small_net, {"strategy": "ddp_spawn"}),
    "crash 0": (small_net, {"crashing": 0}),
    "crash 1": (small_net, {"crashing": 1}),
}


def fit(
    folder: Path,
    net: nn.Module,
    *,
    ours: bool,
    strategy: Any = "ddp",
    logger: Callable[[Path], Any] | None = None,
    own_checkpoints: bool = False,
    idle: bool = False,
    compiled: bool = False,
    formats: tuple[str, ...] = (),
    communicates: bool = True,
    crashing: int = -1,
    only_on_rank: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Fits once; gives all that the fit left."""
    reset()
    module = Classifier(net, communicates=communicates, crashing=crashing)
    module.idle.requires_grad_(requires_grad=idle)
    ours = ours and only_on_rank in {None, os.environ.get("LOCAL_RANK", "0")}
    callbacks: list[Any] = [ModelVizCallback(formats=formats)] if ours else []
    if own_checkpoints:
        callbacks.append(ModelCheckpoint(folder / "own"))
    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy=DDPStrategy(**strategy) if isinstance(strategy, dict) else strategy,
        logger=logger(folder) if logger else False,
        max_epochs=1,
        limit_train_batches=2,
        num_sanity_val_steps=1,
        default_root_dir=str(folder),
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=1,
        **options,
    )
    fitted = torch.compile(module, backend="eager") if compiled else module
    trainer.fit(fitted, loader(), loader())
    logged = {key: value.item() for key, value in trainer.logged_metrics.items()}
    left = fingerprint(module) | {"losses": module.losses, "logged": logged}
    if isinstance(net, HostileNet):
        left |= hostile_state(net) | {"adam": trainer.optimizers[0].state_dict()}
    return left


def main(folder: Path, *names: str) -> None:
    """Compares each fit with its twin; a file says so for each rank."""
    torch.set_num_threads(1)
    for name in names:
        make, options = FITS[name]
        reset()
        watched = fit(folder / name / "with", make(), ours=True, **options)
        if name == "spawned":
            # Its twin would take four more processes.
            continue
        reset()
        plain = fit(folder / name / "without", make(), ours=False, **options)
        assert_same(plain, watched, name)
        rank = distributed.get_rank() if distributed.is_initialized() else 0
        (folder / name / f"same-{rank}").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
