"""Sizes of dtypes, by name: plain data knows no torch."""

import re
from functools import lru_cache

_BITS = re.compile(r"\d+")


@lru_cache(maxsize=256)
def element_bytes(dtype: str) -> int:
    """Gives the bytes that one element of a tensor takes, as `torch.dtype.itemsize` has it.

    A name's first number is its width in bits: `"bfloat16"`, `"float8_e4m3fn"`, `"complex64"`.
    Below eight bits an element (`"int4"`, `"float4_e2m1fn_x2"`) still takes a byte; where several
    share one, torch's shapes count the bytes.

    Args:
        dtype: A dtype's name, without `torch.`.

    Returns:
        The bytes; 0 for a name that tells nothing.
    """
    if dtype == "bool":
        return 1
    bits = _BITS.search(dtype)
    return max(1, int(bits.group()) // 8) if bits else 0
