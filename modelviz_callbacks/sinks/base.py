"""What a logger must be able to show."""

from typing import Protocol

from modelviz_callbacks.graph.model import ArchitectureGraph


class Sink(Protocol):
    """Publishes parts of a record, all under one step."""

    def text(self, tag: str, content: str, notes: tuple[str, ...]) -> None:
        """Shows a text with its alignment kept, and notes below it."""

    def markdown(self, tag: str, content: str) -> None:
        """Shows a text that is written in markdown."""

    def picture(self, tag: str, png: bytes) -> None:
        """Shows a PNG picture of any size."""

    def scalar(self, tag: str, value: float) -> None:
        """Shows a number."""

    def graph(self, graph: ArchitectureGraph) -> None:
        """Shows the architecture graph, to be opened and closed scope by scope."""

    def flush(self) -> None:
        """Makes what was shown visible."""
