"""Reading JSON that says of which schema it is."""

import json
from typing import Any


def read_versioned(text: str, kind: str, known: int) -> dict[str, Any]:
    """Reads a JSON object with a `schema_version`.

    Args:
        text: The JSON text.
        kind: What it should be, like `"architecture graph"`, for the messages.
        known: The newest schema version that can be read.

    Returns:
        Its content.

    Raises:
        ValueError: If it is something else, or of a newer schema.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ValueError(f"this is no {kind}, or a part of one only: {e}") from e
    version = content.get("schema_version") if isinstance(content, dict) else None
    if type(version) is not int or version < 1:
        raise ValueError(f"this is no {kind}: its schema_version is {version!r}")
    if version > known:
        raise ValueError(
            f"schema_version={version!r}: this package reads up to {known}. "
            "Update modelviz-callbacks."
        )
    read: dict[str, Any] = content
    return read
