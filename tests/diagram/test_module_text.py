"""Short words for configurations, sizes and families."""

import pytest

from modelviz_callbacks.diagram.dot_text import escape, shorten, wrap
from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.diagram.module_text import shapes, short_config
from modelviz_callbacks.diagram.palette import (
    ACTIVATION,
    ATTENTION,
    CONTAINER,
    CONVOLUTION,
    DROPOUT,
    EMBEDDING,
    LINEAR,
    NORMALISATION,
    OTHER,
    POOLING,
    RECURRENT,
)
from tests.graph_drafts import tensor


@pytest.mark.parametrize(
    ("class_name", "config", "short"),
    [
        (
            "torch.nn.modules.conv.Conv2d",
            "3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False",
            "3 to 64, 7×7, stride 2, pad 3, no bias",
        ),
        (
            "Conv2d",
            "8, 8, kernel_size=(1, 7), stride=(1, 1), padding=(0, 3), groups=8",
            "8 to 8, 1×7, pad (0, 3), groups 8",
        ),
        ("Conv1d", "8, 8, kernel_size=(3,), stride=(1,)", "8 to 8, kernel 3"),
        ("Linear", "in_features=512, out_features=1000, bias=True", "512 to 1000"),
        (
            "MaxPool2d",
            "kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False",
            "3×3, stride 2, pad 1",
        ),
        ("BatchNorm2d", "64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True", "64"),
        ("LayerNorm", "(32,), eps=1e-05, elementwise_affine=True", "32"),
        ("Embedding", "100, 32, padding_idx=0", "100 × 32, padding idx 0"),
        ("Dropout", "p=0.1, inplace=False", "p 0.1"),
        ("LSTM", "8, 16, num_layers=2, batch_first=True", "8 to 16, layers 2, batch first"),
        ("ReLU", "inplace=True", ""),
        ("Mine", "", ""),
        ("Mine", "any text, at all (with, commas", "any text, at all (with, commas"),
        (
            "Mine",
            ", ".join(f"option_{i}={i}" for i in range(20)),
            "option 0 0, option 1 1, option 2 2, …",
        ),
    ],
)
def test_configurations_are_short(class_name, config, short) -> None:
    """What matters is kept in a few words; what is usual is left out; anything is accepted."""
    assert short_config(class_name, config) == short


def test_shapes_are_written_as_torch_does() -> None:
    """Equal shapes are counted, a number has none, and a long list ends in dots."""
    assert shapes([tensor(2, 3)]) == "[2, 3]"
    assert shapes([tensor()]) == "scalar"
    assert shapes([tensor(2), tensor(2), tensor(3)]) == "2 × [2], [3]"
    assert shapes([tensor(1), tensor(2), tensor(3)]) == "[1], [2], …"


@pytest.mark.parametrize(
    ("class_name", "family"),
    [
        ("torch.nn.modules.conv.ConvTranspose2d", CONVOLUTION),
        ("torch.nn.modules.linear.Linear", LINEAR),
        ("torch.nn.modules.batchnorm.BatchNorm1d", NORMALISATION),
        ("torch.nn.modules.activation.MultiheadAttention", ATTENTION),
        ("torch.nn.modules.activation.PReLU", ACTIVATION),
        ("torch.nn.modules.flatten.Flatten", OTHER),
        ("torch.nn.modules.linear.Identity", OTHER),
        ("transformers.pytorch_utils.Conv1D", LINEAR),
        ("transformers.models.llama.modeling_llama.LlamaRMSNorm", NORMALISATION),
        ("transformers.activations.NewGELUActivation", ACTIVATION),
        ("timm.layers.drop.DropPath", DROPOUT),
        ("mine.PositionalEmbedding", EMBEDDING),
        ("mine.ConvGRU", RECURRENT),
        ("mine.GlobalPool", POOLING),
        ("mine.Thing", OTHER),
    ],
)
def test_families_are_told_from_class_names(class_name, family) -> None:
    """Torch's own classes by the file that defines them, everyone else's by words in the name."""
    assert family_of(class_name) == family


def test_a_closed_block_is_a_container_whatever_it_is_named_after() -> None:
    """`ConvNormActivation` with three layers inside is a block, but attention stays attention."""
    assert family_of("torchvision.ops.misc.ConvNormActivation", is_block=True) == CONTAINER
    assert family_of("mine.SelfAttention", is_block=True) == ATTENTION


def test_long_texts_are_shortened_in_the_middle_and_broken_into_lines() -> None:
    """Beginning and end are kept, in one line; a paragraph is broken at spaces."""
    assert shorten("a\nb", 9) == "a b"
    assert shorten("abcdefghij" * 50, 10) == "abcdef…hij"
    assert shorten("x" * 10_000_000, 40) == "x" * 26 + "…" + "x" * 13
    assert wrap("one two three", 8) == ["one two", "three"]


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\x1bb", "a\ud800b", "a\u202eb", "a\u2066b", "a\uffffb"]
)
def test_what_cannot_be_written_or_turns_text_around_is_replaced(text) -> None:
    """Control characters, lone surrogates and direction marks become a replacement character."""
    assert escape(text) == "a\ufffdb"
