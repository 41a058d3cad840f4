"""What kind of thing a module is."""

import re

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
    Family,
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
        if name == "Identity":
            # Where `Linear` is, but nothing like it.
            return OTHER
        found = _OF_TORCH.get(module.rpartition(".")[2], OTHER)
        return ATTENTION if name == "MultiheadAttention" else found
    found = next((f for pattern, f in _PATTERNS if pattern.search(name.lower())), OTHER)
    if is_block:
        # A block named after one of its parts is a block.
        return found if found in (ATTENTION, RECURRENT, EMBEDDING) else CONTAINER
    return found
