"""What kind of thing a module is, and the colours of each kind."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A kind of modules.

    The fills were searched for so that each two of them stay apart (a CIE 1976 difference of 8) in
    full colour vision and in simulated protanopia, deuteranopia and tritanopia, and that text on
    them has a contrast of 4.5 : 1 or more; every box also says its class.

    Attributes:
        name: Its name in the legend.
        fill: Colour of its boxes.
        line: Colour of their outlines.
    """

    name: str
    fill: str
    line: str


CONVOLUTION = Family("convolution", "#DAA94F", "#7A4E00")
LINEAR = Family("linear", "#9ED6FF", "#1B5E9E")
NORMALISATION = Family("normalisation", "#C0FBC6", "#1E7A3C")
ACTIVATION = Family("activation", "#FDE573", "#857000")
POOLING = Family("pooling", "#58BFD3", "#0B5563")
ATTENTION = Family("attention", "#E3ACE3", "#8A2A8A")
RECURRENT = Family("recurrent", "#FE9481", "#A3301A")
EMBEDDING = Family("embedding", "#9EACF9", "#3B46A6")
DROPOUT = Family("dropout", "#B4AFB1", "#5E5A5C")
CONTAINER = Family("container", "#E4ECF4", "#55697A")
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


def family_of(class_name: str, *, is_block: bool = False) -> Family:
    """Tells a module's family.

    Args:
        class_name: Its class, with its defining module.
        is_block: Whether it is shown closed and there are modules in it.

    Returns:
        The family.
    """
    module, _, name = class_name.rpartition(".")
    if module.startswith("torch.nn."):
        found = _OF_TORCH.get(module.rpartition(".")[2], OTHER)
        return ATTENTION if name == "MultiheadAttention" else found
    found = next((f for pattern, f in _PATTERNS if pattern.search(name.lower())), OTHER)
    if is_block:
        # A block named after one of its parts is a block.
        return found if found in (ATTENTION, RECURRENT, EMBEDDING) else CONTAINER
    return found
