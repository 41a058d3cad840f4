"""Trains a small network on handwritten digits in a plain loop, and keeps its architecture record.

    python examples/plain_pytorch.py --epochs 5

`ModelVizHook` watches the first training call of the model, then takes itself off. The data comes
with scikit-learn; nothing is downloaded.
"""

import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split
from torch.utils.tensorboard import SummaryWriter

from modelviz_callbacks import ModelVizHook

Batch = tuple[Tensor, ...]


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut; keeps the shape `[N, channels, H, W]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Returns features of the shape of `x`."""
        hidden = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(hidden)))


class DigitNet(nn.Module):
    """Classifies images `[N, 1, 8, 8]` into ten digits."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels, kernel_size=3, padding=1)
        self.blocks = nn.Sequential(ResidualBlock(channels), ResidualBlock(channels))
        self.head = nn.Linear(channels, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits `[N, 10]`."""
        features = self.blocks(F.relu(self.stem(images)))
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


def load_batches(batch_size: int = 64) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
    """Returns training and validation batches of `([N, 1, 8, 8], [N])`."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).div(16).unsqueeze(1)
    dataset = TensorDataset(images, torch.tensor(digits.target))
    train_set, val_set = random_split(
        dataset, [0.8, 0.2], generator=torch.Generator().manual_seed(0)
    )
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(val_set, batch_size)


def train_epoch(
    model: nn.Module, batches: DataLoader[Batch], optimizer: torch.optim.Optimizer
) -> float:
    """Trains on every batch once and returns the mean loss."""
    model.train()
    device = next(model.parameters()).device
    losses = []
    for images, labels in batches:
        loss = F.cross_entropy(model(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def measure_accuracy(model: nn.Module, batches: DataLoader[Batch]) -> float:
    """Returns the share of images that are classified correctly."""
    model.eval()
    device = next(model.parameters()).device
    hits = [
        model(images.to(device)).argmax(dim=1) == labels.to(device) for images, labels in batches
    ]
    return torch.cat(hits).float().mean().item()


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--log-dir", type=Path, default=Path("runs/plain_pytorch"))
    return parser.parse_args()


def main() -> None:
    """Trains with the hook on, then tells where the record is."""
    arguments = parse_arguments()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = DigitNet().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    train_batches, val_batches = load_batches()

    with (
        SummaryWriter(arguments.log_dir) as writer,
        ModelVizHook(model, arguments.log_dir, writer=writer, depth=2) as hook,
    ):
        for epoch in range(arguments.epochs):
            loss = train_epoch(model, train_batches, optimizer)
            accuracy = measure_accuracy(model, val_batches)
            writer.add_scalar("train_loss", loss, epoch)
            writer.add_scalar("val_accuracy", accuracy, epoch)
            print(f"epoch {epoch}: loss {loss:.3f}, validation accuracy {accuracy:.3f}")
        hook.wait()  # training never waited for the pictures; here there is time

    print(f"\nArchitecture record: {hook.directory}")
    for path in sorted(Path(str(hook.directory)).rglob("*.*")):
        print(f"  {path.name}")
    print(f"TensorBoard:         tensorboard --logdir {arguments.log_dir}")


if __name__ == "__main__":
    main()
