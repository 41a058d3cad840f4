"""What is another in one architecture than in another one, as plain data.

`graph.compare` makes it, `graph.diff_text` puts it into words, `graph.diff_marks` says what of it
belongs to which box of the two diagrams.
"""

from dataclasses import dataclass

from modelviz_callbacks.graph.model import ModuleEntry


@dataclass(frozen=True)
class Change:
    """A value that is another now.

    Attributes:
        what: What it is the value of, like `"kernel_size"`, `"weight"` or `"argument 1:"`.
        old: The value before; None where there was none.
        new: The value now; None where there is none any more.
    """

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ModuleChange:
    """A module that is in both architectures, and not the same.

    Attributes:
        path: Its path in the new one.
        changes: What is another, at least one.
    """

    path: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class ModuleMove:
    """A module that has another path now, and takes all that is in it along.

    It was renamed if it still is in the same module, and moved if it is in another one.

    Attributes:
        old: Its path before.
        new: Its path now.
    """

    old: str
    new: str


@dataclass(frozen=True)
class FlowChange:
    """A call, an operation or an end of the graph that the step has more or less often.

    Attributes:
        kind: As in `Node`.
        name: A called module's path, an operation's name, or the name of an end.
        parent: The path of the module that an operation ran in; None in the step itself.
        old: How many there were.
        new: How many there are.
    """

    kind: str
    name: str
    parent: str | None
    old: int
    new: int


@dataclass(frozen=True)
class GraphDiff:
    """What is another in a new graph than in an old one.

    Attributes:
        added: Modules of the new one alone, in its order.
        removed: Modules of the old one alone, in its order.
        moved: Modules of both that have another path, in the new one's order; what is in them and
            moved along is not among them.
        changed: Modules of both that are not the same, in the new one's order.
        reordered: Whether what both have comes in another order, apart from what was moved from
            one module into another.
        now_trained: Parameters of both that only the new one trains, by their new names.
        now_frozen: Parameters of both that only the old one trained, by their new names.
        flow: What the step does more or less often, apart from what follows from added, removed
            and replaced modules; sorted.
        rewired: Whether the same calls and operations are connected in another way.
    """

    added: tuple[ModuleEntry, ...] = ()
    removed: tuple[ModuleEntry, ...] = ()
    moved: tuple[ModuleMove, ...] = ()
    changed: tuple[ModuleChange, ...] = ()
    reordered: bool = False
    now_trained: tuple[str, ...] = ()
    now_frozen: tuple[str, ...] = ()
    flow: tuple[FlowChange, ...] = ()
    rewired: bool = False

    def __bool__(self) -> bool:
        """Whether anything is another."""
        return self != GraphDiff()
