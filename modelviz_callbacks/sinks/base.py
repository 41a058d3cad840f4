"""What a logger must be able to show."""

from typing import Protocol


class Sink(Protocol):
    """Publishes parts of a record, all under one step."""

    def text(self, tag: str, content: str, notes: tuple[str, ...]) -> None:
        """Shows a text with its alignment kept, and notes below it."""

    def picture(self, tag: str, png: bytes) -> None:
        """Shows a PNG picture of any size."""

    def scalar(self, tag: str, value: float) -> None:
        """Shows a number."""

    def flush(self) -> None:
        """Makes what was shown visible."""
