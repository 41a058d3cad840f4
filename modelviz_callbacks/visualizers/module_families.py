"""What kind of thing a module is, and the colours of each kind."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A kind of modules.

    The fills stay apart under the common colour blindnesses by lightness as well as by hue; every
    box also says its class. Text on each fill has a contrast of 4.5 : 1 or more.

    Attributes:
        name: Its name in the legend.
        fill: Colour of its boxes.
        line: Colour of their outlines.
    """

    name: str
    fill: str
    line: str


CONVOLUTION = Family("convolution", "#FFD9A8", "#B35C00")
LINEAR = Family("linear", "#BBD9F7", "#1B5E9E")
NORMALISATION = Family("normalisation", "#CDEBDD", "#1E7A57")
ACTIVATION = Family("activation", "#FFF6B8", "#8C7A00")
POOLING = Family("pooling", "#9CCFE0", "#0F6680")
ATTENTION = Family("attention", "#F0C6E0", "#9B2F76")
RECURRENT = Family("recurrent", "#F3B7A3", "#A83A14")
EMBEDDING = Family("embedding", "#D5CDF5", "#5643A6")
DROPOUT = Family("dropout", "#E3E3E3", "#6E6E6E")
CONTAINER = Family("container", "#EDF2F6", "#55697A")
OTHER = Family("other module", "#FFFFFF", "#3A3A3A")
OPERATION = Family("operation", "#FFFFFF", "#8A9299")

FAMILIES = (
    CONVOLUTION,
    LINEAR,
    NORMALISATION,
    ACTIVATION,
    POOLING,
    ATTENTION,
    RECURRENT,
    EMBEDDING,
    DROPOUT,
    CONTAINER,
    OTHER,
    OPERATION,
)

# By the file of `torch.nn.modules` that defines the class.
_OF_TORCH = {
    "conv": CONVOLUTION,
    "linear": LINEAR,
    "batchnorm": NORMALISATION,
    "instancenorm": NORMALISATION,
    "normalization": NORMALISATION,
    "activation": ACTIVATION,
    "pooling": POOLING,
    "rnn": RECURRENT,
    "sparse": EMBEDDING,
    "dropout": DROPOUT,
    "transformer": ATTENTION,
    "container": CONTAINER,
}

# By the class name, for everyone else's; the first that is found counts. transformers' `Conv1D`
# is a linear layer.
_BY_NAME = (
    ("attention|attn", ATTENTION),
    ("drop(out|path|block)|stochasticdepth", DROPOUT),
    ("norm([123]d)?$|norm2d|layernorm|rmsnorm|batchnorm|^bn", NORMALISATION),
    ("embed", EMBEDDING),
    ("lstm|gru|rnn|recurrent", RECURRENT),
    ("pool", POOLING),
    ("linear|dense$|^conv1d$|lora", LINEAR),
    ("conv", CONVOLUTION),
    ("relu|gelu|silu|swish|mish|sigmoid|tanh|softmax|softplus|elu$|glu$|activation", ACTIVATION),
)
_PATTERNS = tuple((re.compile(pattern), family) for pattern, family in _BY_NAME)


def family_of(class_name: str, *, is_closed: bool = False) -> Family:
    """Tells a module's family.

    Args:
        class_name: Its class, with its defining module.
        is_closed: Whether there is something in it that is not shown.

    Returns:
        The family.
    """
    module, _, name = class_name.rpartition(".")
    if module.startswith("torch.nn."):
        found = _OF_TORCH.get(module.rpartition(".")[2], OTHER)
        return ATTENTION if name == "MultiheadAttention" else found
    found = next((f for pattern, f in _PATTERNS if pattern.search(name.lower())), OTHER)
    if is_closed:
        # A block named after one of its parts is a block.
        return found if found in (ATTENTION, RECURRENT, EMBEDDING) else CONTAINER
    return found
