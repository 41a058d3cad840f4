"""Small versions of whole designs: U-Net, mixture of experts, GAN, distillation and the like."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.zoo.zoo_model import Arguments, ZooModel, call_with

FAMILY = "small designs"


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class UNet(nn.Module):
    """Three levels with skips, and a head at each."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([block(1, 8), block(8, 16), block(16, 32)])
        self.up = nn.ModuleList([block(48, 16), block(24, 8)])
        self.heads = nn.ModuleList([nn.Conv2d(16, 2, 1), nn.Conv2d(8, 2, 1)])

    def forward(self, x: Tensor) -> list[Tensor]:
        skips, outputs = [], []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = skips.pop()
        for level, head in zip(self.up, self.heads, strict=True):
            x = level(torch.cat([F.interpolate(x, scale_factor=2), skips.pop()], 1))
            outputs.append(head(x))
        return outputs


class Experts(nn.Module):
    """Routes each token to two of four experts; some may get none."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(8, 4)
        self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        gates = self.router(tokens).softmax(-1)
        weights, chosen = gates.topk(2)
        mixed = torch.zeros_like(tokens)
        for index, expert in enumerate(self.experts):
            rows, slots = (chosen == index).nonzero(as_tuple=True)
            if len(rows):
                mixed.index_add_(0, rows, expert(tokens[rows]) * weights[rows, slots, None])
        return mixed, gates.mean(0)


class Gan(nn.Module):
    """A step that calls two networks, for both of their losses."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8))
        self.discriminator = nn.Sequential(nn.Linear(8, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))

    def forward(self, real: Tensor) -> dict[str, Tensor]:
        fake = self.generator(torch.randn(len(real), 3))
        told_apart = F.softplus(-self.discriminator(real)) + F.softplus(
            self.discriminator(fake.detach())
        )
        return {
            "discriminator": told_apart.mean(),
            "generator": F.softplus(-self.discriminator(fake)).mean(),
        }


def encoder() -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
    return nn.TransformerEncoder(layer, num_layers=2)


class Distilled(nn.Module):
    """A student beside a frozen teacher in eval mode, whose fast path fuses its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.student, self.teacher = encoder(), encoder()
        self.teacher.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> "Distilled":
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            target = self.teacher(x)
        answer = self.student(x)
        return answer, F.mse_loss(answer, target)


class CausalAttention(nn.Module):
    """Attention with a causal mask, a padding mask and weights out."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, dropout=0.1, batch_first=True)

    def forward(self, x: Tensor, padding: Tensor) -> tuple[Tensor, Tensor]:
        causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.attention(x, x, x, key_padding_mask=padding, attn_mask=causal)


class Translator(nn.Module):
    """nn.Transformer with masks."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(6))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.transformer(source, target, tgt_mask=self.mask, tgt_is_causal=True)


class Diffusion(nn.Module):
    """Denoises images at random times, with a slow average of its own weights."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Embedding(10, 8)
        self.net = nn.ModuleList([nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)])
        self.average = nn.Conv2d(8, 1, 3, padding=1).requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        times, noise = torch.randint(0, 10, (len(x),)), torch.randn_like(x)
        share = (times.float() / 10).view(-1, 1, 1, 1)
        hidden = self.net[0](x * (1 - share) + noise * share)
        guess = self.net[1]((hidden + self.time(times)[..., None, None]).relu())
        with torch.no_grad():
            self.average.weight.lerp_(self.net[1].weight, 0.1)
        return guess - noise


class Autoencoder(nn.Module):
    """A variational autoencoder that samples between its halves."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 8))
        self.decode = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encode(x).chunk(2, 1)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
        return self.decode(code), divergence


class MessagePassing(nn.Module):
    """Two rounds over the edges of a graph with scatter additions."""

    def __init__(self) -> None:
        super().__init__()
        self.message = nn.Sequential(nn.Linear(16, 8), nn.ReLU())
        self.update = nn.GRUCell(8, 8)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        for _ in range(2):
            messages = self.message(torch.cat([nodes[source], nodes[target]], 1))
            nodes = self.update(torch.zeros_like(nodes).index_add(0, target, messages), nodes)
        return nodes


class Recommender(nn.Module):
    """Sparse embedding bags beside dense features."""

    def __init__(self) -> None:
        super().__init__()
        self.bags = nn.ModuleList(nn.EmbeddingBag(50, 4, mode="sum", sparse=True) for _ in range(2))
        self.dense = nn.Linear(8, 4)

    def forward(self, dense: Tensor, items: list[Tensor], offsets: Tensor) -> Tensor:
        parts = [bag(i, offsets) for bag, i in zip(self.bags, items, strict=True)]
        return torch.einsum("nd,nd->n", self.dense(dense), torch.stack(parts).sum(0))


def items() -> Arguments:
    return call_with(
        torch.randn(3, 8),
        [torch.randint(0, 50, (7,)), torch.randint(0, 50, (7,))],
        offsets=torch.tensor([0, 2, 5]),
    )


def graph() -> Arguments:
    return call_with(torch.randn(5, 8), torch.randint(0, 5, (2, 9)))


def padded() -> Arguments:
    padding = torch.zeros(2, 6, dtype=torch.bool)
    padding[1, 4:] = True
    return call_with(torch.randn(2, 6, 16), padding)


def normal(*shapes: tuple[int, ...]) -> Any:
    return lambda: call_with(*(torch.randn(shape) for shape in shapes))


def design(name: str, construct: Any, call: Any, *, quick: bool = False) -> ZooModel:
    return ZooModel(name, FAMILY, construct, call, quick=quick)


MODELS = (
    design("U-Net with skips", UNet, normal((2, 1, 16, 16)), quick=True),
    design("mixture of experts", Experts, normal((12, 8))),
    design("GAN", Gan, normal((6, 8)), quick=True),
    design("student and teacher", Distilled, normal((2, 6, 16)), quick=True),
    design("attention with masks", CausalAttention, padded),
    design("nn.Transformer", Translator, normal((2, 5, 16), (2, 6, 16))),
    design("diffusion", Diffusion, normal((2, 1, 8, 8))),
    design("variational autoencoder", Autoencoder, normal((3, 1, 8, 8))),
    design("message passing", MessagePassing, graph),
    design("recommender", Recommender, items),
)
