"""What a page is made of: plain data, without the page's own scripts and styles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelviz_callbacks.graph.model import ArchitectureGraph


@dataclass(frozen=True)
class Shown:
    """A text or a picture that a visualizer made.

    Attributes:
        name: The artifact's name, like `"torchview"`.
        root: Path of the module that it shows.
        content: The text, or the SVG.
    """

    name: str
    root: str
    content: str


@dataclass(frozen=True)
class PageContent:
    """Everything that is on the page.

    Attributes:
        record: The name of the record's folder.
        manifest: The record's manifest.
        graph: What was seen of the step; None where nothing was watched.
        depth: The depth of the diagram that the page begins with.
        diagrams: SVG of our diagram by depth.
        texts: The libraries' texts and ours.
        pictures: SVG of the libraries' pictures.
        tracebacks: The record's tracebacks, by the name of their file.
        notes: What is missing in the page, in words.
    """

    record: str
    manifest: Mapping[str, Any]
    graph: ArchitectureGraph | None = None
    depth: int = 1
    diagrams: Mapping[int, str] = field(default_factory=dict)
    texts: tuple[Shown, ...] = ()
    pictures: tuple[Shown, ...] = ()
    tracebacks: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
