"""Small models that take and give anything but one tensor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from tests.models import Pair, TakesPair
from tests.zoo.zoo_model import Arguments, ZooModel, call_with, own_loss

FAMILY = "hostile calls"


class Layer(nn.Module):
    """What most models here are made of: features `[N, 8]` to `[N, 4]`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)


def rows(count: int = 5) -> Tensor:
    return torch.randn(count, 8)


def one_tensor() -> Arguments:
    return call_with(rows())


@dataclass
class Sample:
    """A batch with text, nothing and a tensor in it."""

    image: Tensor
    caption: str = "a < digit"
    mask: Tensor | None = None


@dataclass
class Prediction:
    """An output with the same."""

    logits: Tensor
    labels: list[str]
    hidden: Tensor | None = None


class DictInDictOut(Layer):
    def forward(self, batch: dict[str, Any]) -> dict[str, Any]:
        features = batch["images"]["left"] + batch["images"]["right"][0]
        return {"logits": self.layer(features), "caption": batch["caption"], "mask": batch["mask"]}


def nested_dict() -> Arguments:
    images = {"left": rows(), "right": [rows(), None]}
    return call_with({"images": images, "caption": "two views", "mask": None})


class DataclassInOut(Layer):
    def forward(self, sample: Sample) -> Prediction:
        return Prediction(self.layer(sample.image), [sample.caption] * len(sample.image))


class ModelOutputLike(dict):
    """A mapping whose entries are attributes too, as model libraries make it."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


class GivesModelOutput(Layer):
    def forward(self, x: Tensor, labels: Tensor | None = None) -> ModelOutputLike:
        logits = self.layer(x)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return ModelOutputLike(loss=loss, logits=logits, past=None)


def labelled() -> Arguments:
    return call_with(rows(), labels=torch.arange(5) % 4)


class KeywordOnly(Layer):
    def forward(self, *, x: Tensor, scale: float, mode: str, mask: Tensor | None = None) -> Tensor:
        assert (mode, mask) == ("train", None)
        return self.layer(x) * scale


class VariableArguments(Layer):
    def forward(self, *parts: Tensor, **options: Any) -> Tensor:
        return self.layer(torch.stack(parts).sum(0)) * options["scale"]


class Policy(Layer):
    """Gives a distribution over actions."""

    def forward(self, x: Tensor) -> Categorical:
        return Categorical(logits=self.layer(x))


def surprise(actions: Categorical) -> Tensor:
    return -actions.log_prob(torch.zeros(5)).mean()


class GaussianHead(Layer):
    """Gives a distribution and a sample of it, as variational autoencoders do."""

    def forward(self, x: Tensor) -> tuple[Normal, Tensor]:
        mean, log_scale = self.layer(x).chunk(2, -1)
        posterior = Normal(mean, log_scale.exp())
        return posterior, posterior.rsample()


class PackedGru(nn.Module):
    """Takes sequences of unlike lengths, packed, and gives them packed."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.gru = nn.GRU(8, 8, bidirectional=True)

    def forward(self, words: PackedSequence) -> tuple[PackedSequence, Tensor]:
        embedded = words._replace(data=self.embed(words.data))
        return self.gru(embedded)


def packed_words() -> Arguments:
    words = torch.randint(0, 20, (6, 3))
    return call_with(pack_padded_sequence(words, [6, 4, 2]))


class IteratesArgument(Layer):
    """Takes a generator of tensors and uses it up."""

    def forward(self, parts: Iterator[Tensor]) -> Tensor:
        return self.layer(torch.stack(list(parts)).sum(0))


class TakesGenerator(Layer):
    """Takes the random generator of its noise."""

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.layer(x + torch.randn(x.shape, generator=generator))


class SparseGraph(Layer):
    """A graph convolution over a sparse adjacency matrix `[N, N]`."""

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return torch.sparse.mm(adjacency, self.layer(x)).relu()


def sparse_graph() -> Arguments:
    edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
    return call_with(rows(), torch.sparse_coo_tensor(edges, torch.ones(6), (5, 5)))


class NestedInside(nn.Module):
    """Packs sequences of unlike lengths into a nested tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, sequences: list[Tensor]) -> Tensor:
        nested = torch.nested.nested_tensor(sequences, layout=torch.jagged)
        return torch.cat([part.mean(0) for part in self.layer(nested).unbind()])


class TakesNested(nn.Module):
    """Takes a nested tensor `[N, ragged, 8]`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, nested: Tensor) -> Tensor:
        return torch.cat(self.layer(nested).unbind()).relu()


def nested() -> Arguments:
    return call_with(torch.nested.nested_tensor([rows(3), rows(2)], layout=torch.jagged))


class NoTensorIn(Layer):
    """Takes a number and a string alone, as a sampler does."""

    def forward(self, count: int, kind: str) -> Tensor:
        assert kind == "normal"
        return self.layer(torch.randn(count, 8))


class GivesLoss(Layer):
    """Keeps its result and gives the loss alone, as a scalar."""

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.layer(x)
        return (self.last - 1).square().mean()


def hostile(
    name: str,
    construct: Callable[[], nn.Module],
    call: Callable[[], Arguments] = one_tensor,
    **options: Any,
) -> ZooModel:
    return ZooModel(name, FAMILY, construct, call, **options)


MODELS = (
    hostile("nested dicts with text and None", DictInDictOut, nested_dict, quick=True),
    hostile("dataclasses", DataclassInOut, lambda: call_with(Sample(rows()))),
    hostile("named tuple", TakesPair, lambda: call_with(Pair(rows(), rows()))),
    hostile("output with attributes", GivesModelOutput, labelled, loss=own_loss),
    hostile("keyword-only", KeywordOnly, lambda: call_with(x=rows(), scale=2.0, mode="train")),
    hostile("variable arguments", VariableArguments, lambda: call_with(rows(), rows(), scale=0.5)),
    hostile("distribution out", Policy, loss=surprise),
    hostile(
        "distribution and sample",
        GaussianHead,
        loss=lambda output: output[1].square().mean() - output[0].entropy().mean(),
    ),
    hostile("packed GRU", PackedGru, packed_words),
    hostile("generator in", IteratesArgument, lambda: call_with(rows() for _ in range(2))),
    hostile(
        "random generator in",
        TakesGenerator,
        lambda: call_with(rows(), torch.Generator().manual_seed(1)),
    ),
    hostile("sparse adjacency", SparseGraph, sparse_graph),
    hostile("nested tensor inside", NestedInside, lambda: call_with([rows(3), rows(2)])),
    hostile("nested tensor in", TakesNested, nested),
    hostile("no tensor in", NoTensorIn, lambda: call_with(5, kind="normal")),
    hostile("scalar out", GivesLoss),
)
