"""Reading JSON that says of which schema it is, whoever wrote it."""

import json
import math
from typing import Any

# Each value but the first comes after one of these. Far above what a record of the largest model
# holds; what so many values take when they are read is below a gigabyte.
_BEFORE_VALUES = "[{,"
MOST_VALUES = 4_000_000


def read_versioned(text: str, kind: str, known: int) -> dict[str, Any]:
    """Reads a JSON object with a `schema_version`.

    Args:
        text: The JSON text.
        kind: What it should be, like `"architecture graph"`, for the messages.
        known: The newest schema version that can be read.

    Returns:
        Its content: no key comes twice, and every number is finite.

    Raises:
        ValueError: If it is something else, of a newer schema, or of more than `MOST_VALUES`.
    """
    read = read_object(text, kind)
    version = read.get("schema_version")
    if type(version) is not int or version < 1:
        raise ValueError(f"this is no {kind}: its schema_version is {version!r:.80}")
    if version > known:
        raise ValueError(
            f"schema_version={version!r:.80}: this package reads up to {known}. "
            "Update modelviz-callbacks."
        )
    return read


def read_object(text: str, kind: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        text: The JSON text.
        kind: What it should be, for the messages.

    Returns:
        Its content: no key comes twice, and every number is finite.

    Raises:
        ValueError: If it is something else, or of more than `MOST_VALUES`.
    """
    if sum(map(text.count, _BEFORE_VALUES)) > MOST_VALUES:
        raise ValueError(f"this is no {kind}: it holds more than {MOST_VALUES:,} values")
    try:
        content = _DECODER.decode(text)
    except (ValueError, RecursionError) as e:
        raise ValueError(f"this is no {kind}, or a part of one only: {e}") from e
    if not isinstance(content, dict):
        raise ValueError(f"this is no {kind}: it is no JSON object")  # noqa: TRY004 - not the caller's mistake
    read: dict[str, Any] = content
    return read


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Other readers may take the first of two equal keys, and see another record than we do.
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError(f"the key {_first_twice(pairs)!r:.80} comes twice in one object")
    return made


def _first_twice(pairs: list[tuple[str, Any]]) -> str | None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    return None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits:.80} is too large")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite
)
