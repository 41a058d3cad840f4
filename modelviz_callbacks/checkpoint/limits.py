"""What a checkpoint may ask for: limits that no real one comes near."""

import math
import re
import reprlib
from collections.abc import Sequence
from io import BytesIO
from pickletools import genops

from modelviz_callbacks.errors import CheckpointError

# What describes a tensor, but not its values, takes about 200 bytes.
MOST_DESCRIPTION_BYTES = 64 * 2**20
# A tensor takes 33 steps, of which 4 are containers; with Adam's two of each three times as many.
MOST_STEPS = 16_000_000
MOST_CONTAINERS = 3_000_000
# torch admits no more.
_MOST_SIZES = 64
_TOO_LARGE = 2**63
# The steps of a pickle that take much memory for one byte: (, ], }, set, and what is called.
_MAKING = b"(]}R\x8f\x81"
# Weights-only loading admits it, and a number makes it as large as that.
_RESERVING = re.compile(rb"c(?:builtins|__builtin__)\r?\nbytearray\r?\n")
_NAMES = reprlib.Repr()
_NAMES.maxstring = 100


def quoted(name: str) -> str:
    """Gives a name for a message, cut if it is long."""
    return _NAMES.repr(name)


def are_sizes(shape: Sequence[object]) -> bool:
    """Whether a tensor may have this shape."""
    if len(shape) > _MOST_SIZES:
        return False
    sizes = [n for n in shape if type(n) is int and 0 <= n < _TOO_LARGE]
    return len(sizes) == len(shape) and math.prod(sizes) < _TOO_LARGE


def check_pickles(content: bytes, pickles: int = 1) -> None:
    """Refuses what would take much more memory than it is long, before it is loaded.

    Args:
        content: Pickles one after another, and what follows them.
        pickles: How many.

    Raises:
        CheckpointError: If they are longer than they may be, or ask for too much.
        ValueError: If they are damaged.
    """
    if _RESERVING.search(content):
        raise CheckpointError("it holds a bytearray, which could take any amount of memory")
    # Bytes are no fewer than steps, so most need no closer look.
    if len(content) <= MOST_STEPS and _most_containers(content) <= MOST_CONTAINERS:
        return
    stream = BytesIO(content)
    steps = containers = 0
    for _ in range(pickles):
        for operation, _argument, _position in genops(stream):
            steps += 1
            containers += ord(operation.code) in _MAKING
            if steps > MOST_STEPS or containers > MOST_CONTAINERS:
                raise CheckpointError(
                    f"its pickle makes more than {MOST_CONTAINERS:,} objects, or takes more than "
                    f"{MOST_STEPS:,} steps. Save the state dict alone"
                )


def _most_containers(content: bytes) -> int:
    return sum(content.count(code) for code in _MAKING)
