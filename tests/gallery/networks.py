"""Networks of the gallery that no library brings: U-Net, LSTM classifier, DCGAN."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.models import lightning_package


def double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Segments images `[N, 3, H, W]`: four levels, each one's features join the way up."""

    def __init__(self, classes: int = 2, widths: tuple[int, ...] = (64, 128, 256, 512)) -> None:
        super().__init__()
        inputs = (3, *widths[:-1])
        self.down = nn.ModuleList(map(double_convolution, inputs, widths))
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = double_convolution(widths[-1], 2 * widths[-1])
        upwards = widths[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in upwards)
        self.join = nn.ModuleList(double_convolution(2 * w, w) for w in upwards)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skipped = []
        for down in self.down:
            skipped.append(down(x))
            x = self.pool(skipped[-1])
        x = self.bottleneck(x)
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([self._met(skipped.pop()), up(x)], dim=1))
        return self.head(x)

    def _met(self, features: Tensor) -> Tensor:
        return features


class CrashingUNet(UNet):
    """A U-Net as it is often got wrong: the features of the way down are cropped by one pixel."""

    def _met(self, features: Tensor) -> Tensor:
        return features[..., 1:, 1:]


class LSTMClassifier(nn.Module):
    """Classifies token ids `[N, T]` by the last state of a bidirectional LSTM."""

    def __init__(self, words: int = 20_000, classes: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 128, padding_idx=0)
        self.lstm = nn.LSTM(128, 256, num_layers=2, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(512, classes)

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.lstm(self.embedding(ids))
        return self.head(self.dropout(states[:, -1]))


class Generator(nn.Sequential):
    """Makes images `[N, 3, 32, 32]` of noise `[N, 100, 1, 1]`."""

    def __init__(self) -> None:
        super().__init__(
            nn.ConvTranspose2d(100, 256, 4, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 3, 4, 2, 1),
            nn.Tanh(),
        )


class Discriminator(nn.Sequential):
    """Tells images `[N, 3, 32, 32]` apart."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 64, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 1, 8),
            nn.Flatten(),
        )


def dcgan(flavour: str = "lightning.pytorch") -> Any:
    """Makes a LightningModule whose step trains both networks, by manual optimization."""
    package = lightning_package(flavour)

    class DCGAN(package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.generator = Generator()
            self.discriminator = Discriminator()

        def training_step(self, batch: Any, batch_idx: int) -> None:
            (real,) = batch
            for_generator, for_discriminator = self.optimizers()
            fake = self.generator(torch.randn(len(real), 100, 1, 1, device=self.device))
            for_discriminator.zero_grad()
            told_apart = F.softplus(-self.discriminator(real)).mean()
            told_apart = told_apart + F.softplus(self.discriminator(fake.detach())).mean()
            self.manual_backward(told_apart)
            for_discriminator.step()
            for_generator.zero_grad()
            self.manual_backward(F.softplus(-self.discriminator(fake)).mean())
            for_generator.step()

        def configure_optimizers(self) -> Any:
            parts = (self.generator, self.discriminator)
            return [torch.optim.Adam(part.parameters(), 2e-4) for part in parts]

    return DCGAN()
