"""Trains a ResNet-18 on handwritten digits with Lightning, and keeps its architecture record.

    python examples/lightning_resnet18.py --epochs 3 --precision bf16-mixed

The record is made from the first real training step and lies beside the checkpoints; the texts
and pictures are in TensorBoard too. The data comes with scikit-learn; nothing is downloaded.
"""

import argparse
import json
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split
from torchvision.models import resnet18

from modelviz_callbacks import ModelVizCallback

Batch = tuple[Tensor, ...]


class Digits(L.LightningDataModule):
    """The 1,797 handwritten digits of scikit-learn, as RGB images `[3, 32, 32]`."""

    def __init__(self, batch_size: int = 64) -> None:
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:  # noqa: ARG002 - Lightning's signature
        """Splits the digits into 80 % for training and 20 % for validation."""
        digits = load_digits()
        images = (
            torch.tensor(digits.images, dtype=torch.float32).div(16).unsqueeze(1)
        )  # [N, 1, 8, 8]
        images = F.interpolate(images, size=32, mode="bilinear").repeat(1, 3, 1, 1)
        dataset = TensorDataset(images, torch.tensor(digits.target))
        split = torch.Generator().manual_seed(0)
        self.train_set, self.val_set = random_split(dataset, [0.8, 0.2], generator=split)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches of `([N, 3, 32, 32], [N])`."""
        return DataLoader(self.train_set, self.batch_size, shuffle=True, drop_last=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Batches of `([N, 3, 32, 32], [N])`, in order."""
        return DataLoader(self.val_set, self.batch_size)


class DigitClassifier(L.LightningModule):
    """A ResNet-18 with ten classes."""

    def __init__(self, lr: float = 1e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.lr = lr
        self.net: nn.Module = resnet18(num_classes=10)

    def forward(self, images: Tensor) -> Tensor:
        """Returns the logits `[N, 10]` of images `[N, 3, H, W]`."""
        logits: Tensor = self.net(images)
        return logits

    def training_step(self, batch: Batch) -> Tensor:
        """Returns the cross entropy of one batch."""
        images, labels = batch
        loss = F.cross_entropy(self(images), labels)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Logs the accuracy of one batch."""
        images, labels = batch
        accuracy = (self(images).argmax(dim=1) == labels).float().mean()
        self.log("val_accuracy", accuracy, prog_bar=True, batch_size=len(labels))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns AdamW on all parameters."""
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument(
        "--precision", default="32-true", choices=["32-true", "bf16-mixed", "16-mixed"]
    )
    parser.add_argument("--log-dir", type=Path, default=Path("runs"))
    return parser.parse_args()


def train(arguments: argparse.Namespace) -> L.Trainer:
    """Trains the classifier; the callback is all that the architecture record needs."""
    L.seed_everything(0)
    trainer = L.Trainer(
        max_epochs=arguments.epochs,
        precision=arguments.precision,
        logger=TensorBoardLogger(arguments.log_dir, name="lightning_resnet18"),
        callbacks=[ModelCheckpoint(monitor="val_accuracy", mode="max"), ModelVizCallback(depth=2)],
        log_every_n_steps=5,
    )
    trainer.fit(DigitClassifier(), datamodule=Digits())
    return trainer


def report(trainer: L.Trainer, log_dir: Path) -> None:
    """Prints what the run left behind."""
    record = Path(str(trainer.log_dir)) / "architecture"
    manifest = json.loads((record / "manifest.json").read_text(encoding="utf-8"))
    print(f"\nValidation accuracy: {float(trainer.callback_metrics['val_accuracy']):.3f}")
    print(f"Checkpoint:          {trainer.checkpoint_callback.best_model_path}")  # type: ignore[union-attr]
    print(f"Architecture record: {record} ({manifest['status']})")
    for artifact in manifest["artifacts"]:
        files = ", ".join(artifact["files"]) or artifact["error"]
        print(f"  {artifact['name']:<10} {artifact['status']:<8} {files}")
    print(f"The page:            {(record / 'index.html').absolute().as_uri()}")
    print(f"TensorBoard:         tensorboard --logdir {log_dir}")


def main() -> None:
    """Trains, then reports."""
    arguments = parse_arguments()
    report(train(arguments), arguments.log_dir)


if __name__ == "__main__":
    main()
