"""A module's configuration, as `print(module)` shows it, taken apart into named values."""

import re
from collections.abc import Iterator, Mapping

# torch's own modules show some arguments without their names.
_TORCH = "torch.nn.modules."
_DIMENSIONS = re.compile(r"^Lazy|Transpose|[123]d$")
_CHANNELS = ("in_channels", "out_channels")
_SIZES = ("input_size", "hidden_size")
_UNNAMED = {
    "BatchNorm": ("num_features",),
    "CircularPad": ("padding",),
    "Conv": _CHANNELS,
    "CrossMapLRN": ("size",),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "EmbeddingBag": ("num_embeddings", "embedding_dim"),
    "GRU": _SIZES,
    "GRUCell": _SIZES,
    "GroupNorm": ("num_groups", "num_channels"),
    "Hardshrink": ("lambd",),
    "InstanceNorm": ("num_features",),
    "LSTM": _SIZES,
    "LSTMCell": _SIZES,
    "LayerNorm": ("normalized_shape",),
    "LocalResponseNorm": ("size",),
    "RMSNorm": ("normalized_shape",),
    "RNN": _SIZES,
    "RNNCell": _SIZES,
    "ReflectionPad": ("padding",),
    "ReplicationPad": ("padding",),
    "Softshrink": ("lambd",),
    "SyncBatchNorm": ("num_features",),
    "ZeroPad": ("padding",),
}
# And they leave out others as long as these have their usual values.
_RECURRENT = {
    "num_layers": "1",
    "bias": "True",
    "batch_first": "False",
    "dropout": "0",
    "bidirectional": "False",
}
_USUAL = {
    "Conv": {"padding": "0", "dilation": "1", "groups": "1", "bias": "True"},
    "GRU": _RECURRENT,
    "LSTM": _RECURRENT,
    "RNN": _RECURRENT,
}


def config_parts(class_name: str, config: str) -> dict[str, str]:
    """Gives the values in a configuration by their names.

    Args:
        class_name: The module's class; of torch's own, unnamed arguments are known.
        config: Like `"3, 64, kernel_size=(7, 7)"`.

    Returns:
        Values like `{"in_channels": "3", …}`; what has no name is by its place, from `"1"`.
    """
    parts = list(_split(config))
    names = _UNNAMED.get(_family(class_name), ())
    found: dict[str, str] = {}
    for place, part in enumerate(parts):
        keyword, sign, value = part.partition("=")
        if sign and keyword.strip().isidentifier():
            found[keyword.strip()] = value.strip()
        else:
            found[names[place] if place < len(names) else str(place + 1)] = part.strip()
    return found


def usual_values(class_name: str) -> Mapping[str, str]:
    """Gives the values that a module of torch's own has where its configuration shows none."""
    return _USUAL.get(_family(class_name), {})


def _family(class_name: str) -> str:
    """Gives the name of a class of torch's without dimensions: `"Conv"`; of others, none."""
    if not class_name.startswith(_TORCH):
        return ""
    return _DIMENSIONS.sub("", class_name.rpartition(".")[2])


def _split(config: str) -> Iterator[str]:
    """Splits at the commas outside of brackets."""
    depth, begin = 0, 0
    for place, character in enumerate(config):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield config[begin:place]
            begin = place + 1
    if config[begin:].strip():
        yield config[begin:]
