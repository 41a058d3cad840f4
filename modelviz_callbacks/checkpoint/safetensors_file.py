"""Reading the header of a safetensors file: names, shapes and dtypes; torch is not needed."""

import math
import struct
from typing import Any

from modelviz_callbacks.checkpoint.contents import Branch, StoredTensor
from modelviz_callbacks.checkpoint.files import json_object, open_file
from modelviz_callbacks.checkpoint.limits import MOST_DESCRIPTION_BYTES, are_sizes, quoted
from modelviz_callbacks.errors import CheckpointError
from modelviz_callbacks.graph.dtypes import element_bytes

_LENGTH = struct.Struct("<Q")
# https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs
_DTYPES = {
    "BOOL": "bool",
    "BF16": "bfloat16",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


def read_safetensors(place: str) -> Branch:
    """Reads a file's header.

    Args:
        place: The file, a path or an fsspec URL.

    Raises:
        CheckpointError: If it is none, damaged, or too long.
    """
    with open_file(place) as file:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(_LENGTH.size)
        length: int = _LENGTH.unpack(start)[0] if len(start) == _LENGTH.size else 0
        if not 0 < length <= size - _LENGTH.size:
            # No numbers: a link may lead to another file, whose beginning they would tell.
            raise _damaged(place, "its header ends beyond the end of the file")
        if length > MOST_DESCRIPTION_BYTES:
            raise CheckpointError(
                f"{place}: its header is {length:,} bytes long; up to "
                f"{MOST_DESCRIPTION_BYTES:,} are read."
            )
        header = json_object(place, file.read(length), "header of a safetensors file")
    header.pop("__metadata__", None)
    room = size - _LENGTH.size - length
    return Branch({name: _tensor(place, name, about, room) for name, about in header.items()})


def _tensor(place: str, name: str, about: Any, room: int) -> StoredTensor:
    match about:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            pass
        case _:
            raise _damaged(place, f"{quoted(name)} has no dtype, shape or place")
    if not are_sizes(shape):
        raise _damaged(place, f"{quoted(name)} has a shape that no tensor can have")
    if not 0 <= start <= end <= room:
        raise _damaged(place, f"the values of {quoted(name)} end beyond the end of the file")
    known = _DTYPES.get(dtype)
    if known is not None and math.prod(shape) * element_bytes(known) != end - start:
        raise _damaged(place, f"the bytes of {quoted(name)} are not as many as its shape needs")
    return StoredTensor(tuple(shape), known or dtype.lower())


def _damaged(place: str, why: str) -> CheckpointError:
    return CheckpointError(f"{place}: this safetensors file is damaged, or a part of one: {why}.")
