"""What a diagram shows of the boxes of a view, whatever it is written in."""

from dataclasses import dataclass

from modelviz_callbacks.diagram.labels import More
from modelviz_callbacks.diagram.links import DrawnLinks
from modelviz_callbacks.diagram.module_facts import ModuleFacts
from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.diagram.palette import Family
from modelviz_callbacks.diagram.shared_modules import shared_modules
from modelviz_callbacks.graph.fold import Box, View
from modelviz_callbacks.graph.model import ArchitectureGraph


@dataclass(frozen=True)
class Around:
    """What a box is in.

    Attributes:
        path: The path of the module around it.
        marks: What that one is marked as; it holds for all in it.
        level: How many boxes are around it.
    """

    path: str | None = None
    marks: frozenset[str] = frozenset()
    level: int = 0


class BoxFacts:
    """Answers questions about the boxes of a view.

    Attributes:
        modules: What is known of the modules.
    """

    def __init__(self, graph: ArchitectureGraph, view: View, links: DrawnLinks) -> None:
        """Finds shared modules and the names of operations once."""
        self.modules = ModuleFacts(graph)
        self._view = view
        self._links = links
        self._failure = graph.failure
        self._shared = {
            box: turn
            for box, turn in shared_modules(view).items()
            if self.modules.parameters([turn.path])
        }
        self._operations = {node.id: node.name for node in graph.nodes if node.kind == "op"}
        self._sources = {edge.source for edge in graph.edges}

    def family(self, box: Box) -> Family:
        """Tells the family of a closed module."""
        path = box.paths[0] if box.paths else ""
        entry = self.modules.entry(path)
        name = entry.class_name if entry else box.node.name if box.node else ""
        return family_of(name, is_block=box.hidden > 0 and self.modules.is_block(path))

    def marks(self, box: Box) -> tuple[str, ...]:
        """Gives what a module is marked as."""
        is_call = box.node is not None and box.node.kind == "module"
        return self.modules.marks(box.paths[0] if box.paths else "") if is_call else ()

    def marks_to_write(self, box: Box, around: Around) -> list[str]:
        """Gives the marks that the box around it does not have, and its turn if it is shared."""
        shown = [mark for mark in self.marks(box) if mark not in around.marks]
        if box.node is not None and box.id in self._shared:
            turn = self._shared[box.id]
            shown.append(f"shared, {turn.number} of {turn.count}")
        return shown

    def inside(self, box: Box, around: Around) -> Around:
        """Gives what the boxes in a box are in."""
        path = around.path if box.node is None else box.node.path
        return Around(path, around.marks | set(self.marks(box)), around.level + 1)

    def gathered(self, box: Box) -> list[str]:
        """Names the operations that are drawn as one."""
        return [self._operations[node] for node in box.gathered]

    def more(self, box: Box) -> More:
        """Gives what else a box tells."""
        failure = self._failure if box.id == self._view.failed else None
        passes_on = (
            box.node is not None
            and box.node.kind == "module"
            and box.id not in self._sources
            and self.modules.changes_nothing(box.node.path)
        )
        return More(failure, self._links.told.get(box.id, ()), passes_on)

    def holds_failed(self, box: Box) -> bool:
        """Whether the step stopped in a box."""
        if box.boxes:
            return any(map(self.holds_failed, box.boxes))
        return box.id == self._view.failed
