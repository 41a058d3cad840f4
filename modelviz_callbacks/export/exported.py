"""What an export gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Exported:
    """A graph in another format.

    Attributes:
        text: The file's content.
        notes: What was left out, folded or closed in it, in words.
    """

    text: str
    notes: tuple[str, ...] = ()
