"""What a visualizer is, and what it gives."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from modelviz_callbacks.replay.rehearsal import Rehearsal
from modelviz_callbacks.watch.root_calls import RootCall


@dataclass(frozen=True)
class Text:
    """A text to be read as it is.

    Attributes:
        content: The text.
        notes: What a reader should know about it.
        mult_adds: How many multiply-adds a library counted, where it did.
    """

    content: str
    notes: tuple[str, ...] = ()
    mult_adds: int | None = None

    def with_note(self, note: str) -> "Text":
        """Gives the text with a note more, which stands below it as well."""
        return replace(self, content=f"{self.content}{note}\n", notes=(*self.notes, note))


@dataclass(frozen=True)
class Dot:
    """A graph to be drawn.

    Attributes:
        source: Its DOT source, with at least one edge.
        notes: What a reader should know about it.
    """

    source: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """A graph as JSON.

    Attributes:
        content: The JSON text.
        notes: What a reader should know about it.
    """

    content: str
    notes: tuple[str, ...] = ()


Output = Text | Dot | Data


class Visualizer(Protocol):
    """One way to show a root call by repeating it."""

    @property
    def name(self) -> str:
        """The name by which it is chosen."""

    @property
    def artifact(self) -> str:
        """The name of what it makes; its files are named so too."""

    def show(self, rehearsal: Rehearsal) -> Text | Dot:
        """Runs the library on the call.

        Args:
            rehearsal: The call, inside an isolation.

        Returns:
            What there is to see.

        Raises:
            NotApplicableError: If there is nothing to show, with the reason.
            Exception: Whatever the library or the model raises.
        """


@runtime_checkable
class OutputVisualizer(Visualizer, Protocol):
    """One that can also show a call that ran anyway, from its output: no extra forward."""

    def show_output(self, call: RootCall, output: Any) -> Text | Dot:
        """Shows the call that has just run.

        Args:
            call: The call.
            output: Its output, of whatever shape.

        Returns:
            What there is to see.

        Raises:
            NotApplicableError: If there is nothing to show, with the reason.
        """


def require_edges(source: str) -> str:
    """Refuses a graph that shows nothing.

    Args:
        source: DOT source.

    Returns:
        The source.

    Raises:
        ValueError: If it has no edge.
    """
    if "->" not in source:
        raise ValueError("the graph has no edges: the library could not follow this model")
    return source
