"""Short words for what a module is: its configuration, sizes and shapes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from modelviz_callbacks.graph.model import TensorSpec

_MOST_CONFIG = 44
# What most modules of a kind have anyway.
_LEFT_OUT = {
    "eps",
    "momentum",
    "affine",
    "elementwise_affine",
    "track_running_stats",
    "inplace",
    "padding_mode",
    "count_include_pad",
    "divisor_override",
    "device",
    "dtype",
}
_USUAL = {
    "bias": "True",
    "dilation": "1",
    "groups": "1",
    "stride": "1",
    "padding": "0",
    "output_padding": "0",
    "ceil_mode": "False",
    "approximate": "'none'",
}
_WORDS = {"padding": "pad", "num_layers": "layers", "normalized_shape": ""}


def shapes(tensors: Iterable[TensorSpec], most: int = 2) -> str:
    """Gives the shapes of tensors, like `"[2, 64, 56, 56]"` or `"2 × [3, 8]"`."""
    counted: dict[str, int] = {}
    for tensor in tensors:
        text = f"[{', '.join(map(str, tensor.shape))}]" if tensor.shape else "scalar"
        counted[text] = counted.get(text, 0) + 1
    texts = [text if count == 1 else f"{count} × {text}" for text, count in counted.items()]
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")


def counted(names: Iterable[str], most: int = 6) -> str:
    """Gives names with how often each comes, the most frequent first: `"2 × mul, add"`.

    No line breaks between a name and its count.
    """
    found = Counter(names).most_common()
    texts = [name if count == 1 else f"{count}\xa0×\xa0{name}" for name, count in found[:most]]
    return ", ".join([*texts, "…"] if len(found) > most else texts)


def short_config(class_name: str, config: str) -> str:
    """Shortens what `print(module)` shows: `"3 to 64, 7×7, stride 2, pad 3, no bias"`.

    Args:
        class_name: The module's class, with or without its defining module.
        config: Its `extra_repr()`.

    Returns:
        One line; at most 44 characters, except where a single item is longer.
    """
    positional, named = _arguments(config)
    words = _first_words(class_name.rpartition(".")[2], positional, named)
    for name, value in named.items():
        if name in _LEFT_OUT or _USUAL.get(name) == _one(value):
            continue
        words.append(_word(name, _one(value)))
    text = ""
    for word in filter(None, words):
        longer = f"{text}, {word}" if text else word
        if text and len(longer) > _MOST_CONFIG:
            return f"{text}, …"
        text = longer
    return text


def _arguments(config: str) -> tuple[list[str], dict[str, str]]:
    positional, named = [], {}
    for part in _split(config):
        name, is_named, value = part.partition("=")
        if is_named and name.strip().isidentifier():
            named[name.strip()] = value.strip()
        else:
            positional.append(part)
    return positional, named


def _split(config: str) -> list[str]:
    """Splits at the commas that are in no bracket."""
    parts, level, last = [], 0, 0
    for place, letter in enumerate(config):
        level += (letter in "([{") - (letter in ")]}")
        if letter == "," and level == 0:
            parts.append(config[last:place])
            last = place + 1
    return [part.strip() for part in [*parts, config[last:]] if part.strip()]


def _first_words(name: str, positional: Sequence[str], named: dict[str, str]) -> list[str]:
    ends = [named.pop(key) for key in ("in_features", "out_features") if key in named]
    words = [" to ".join(ends)] if ends else []
    if len(positional) == 2 and re.search("Conv|LSTM|GRU|RNN|Bilinear", name):  # noqa: PLR2004
        words.append(f"{positional[0]} to {positional[1]}")
    elif positional:
        separator = " × " if name.startswith("Embedding") else ", "
        words.append(separator.join(_one(value) for value in positional))
    kernel = named.pop("kernel_size", None)
    return [*words, _sizes(kernel, name)] if kernel else words


def _sizes(value: str, name: str) -> str:
    sides = re.findall(r"\d+", value)
    dimensions = re.search(r"([123])d$", name)
    if len(sides) == 1 and dimensions:
        sides *= int(dimensions[1])
    return "×".join(sides) if len(sides) > 1 else f"kernel {_one(value)}"


def _one(value: str) -> str:
    """Gives `2` for `(2, 2)`."""
    items = _split(value[1:-1]) if value.startswith("(") and value.endswith(")") else []
    return items[0] if items and len(set(items)) == 1 else value


def _word(name: str, value: str) -> str:
    name = _WORDS.get(name, name.replace("_", " "))
    if value in {"True", "False"}:
        return name if value == "True" else f"no {name}"
    return f"{name} {value}".strip()
