"""What is another in one architecture than in another one, as plain data.

`graph.compare` makes it, `graph.diff_text` puts it into words, `graph.diff_marks` says what of it
belongs to which box of the two diagrams.
"""

from dataclasses import dataclass
from typing import Literal

from modelviz_callbacks.graph.model import ModuleEntry

ChangeKind = Literal["class", "config", "state", "dtype", "tie"]


@dataclass(frozen=True)
class Change:
    """A value that is another now.

    Attributes:
        what: What it is the value of, like `"kernel_size"`, `"weight"`, or `"argument 1:"` of what
            shows its arguments without names; of a tie, what is the same as something, like
            `"weight"` or `"the module"`.
        old: The value before; None where there was none.
        new: The value now; None where there is none any more.
        kind: `"class"`; `"config"`: the configuration or a part of it; `"state"`: the shape of a
            parameter or buffer, which may have come or gone; `"dtype"`: its dtype; `"tie"`: what a
            module, parameter or buffer is the same as.
    """

    what: str
    old: str | None
    new: str | None
    kind: ChangeKind = "config"


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
class Endpoint:
    """A call, an operation or an end of the graph that data comes from or goes to.

    Attributes:
        kind: As in `Node`.
        name: A called module's path, an operation's name, or the name of an end.
        parent: The path of the module that it ran in; None in the step itself.
        node: Its id in its graph.
    """

    kind: str
    name: str
    parent: str | None
    node: int


@dataclass(frozen=True)
class SkipConnection:
    """A way around calls and operations, by which data comes to what joins it with theirs.

    All paths and ids are those of the graph that has it.

    Attributes:
        parent: The path of the module in which the ways join; None in the step itself.
        source: Where the way begins.
        is_input: Whether it begins outside of that module: with what the module was given.
        join: What joins the ways, like the operation `add`.
        around: The first and the last of what the other way leads through.
    """

    parent: str | None
    source: Endpoint
    is_input: bool
    join: Endpoint
    around: tuple[Endpoint, ...]


@dataclass(frozen=True)
class ConnectionChange:
    """A call, an operation or an end of both steps that takes data from elsewhere.

    Attributes:
        target: What takes it, in the new graph.
        lost: What it took data from, in the old graph, and takes none from any more.
        gained: What it takes data from now, in the new graph, and took none from.
        gives_out: Whether it is about what a call gives out, and not about what it is given.
    """

    target: Endpoint
    lost: tuple[Endpoint, ...]
    gained: tuple[Endpoint, ...]
    gives_out: bool = False


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
        skips_added: Skip connections of the new one alone.
        skips_removed: Skip connections of the old one alone.
        connections: What else takes data from elsewhere, in the new one's order.
        rewired: Whether the first steps differ in nothing but how, or in which order, the same
            calls and operations are connected, and more cannot be said.
    """

    added: tuple[ModuleEntry, ...] = ()
    removed: tuple[ModuleEntry, ...] = ()
    moved: tuple[ModuleMove, ...] = ()
    changed: tuple[ModuleChange, ...] = ()
    reordered: bool = False
    now_trained: tuple[str, ...] = ()
    now_frozen: tuple[str, ...] = ()
    flow: tuple[FlowChange, ...] = ()
    skips_added: tuple[SkipConnection, ...] = ()
    skips_removed: tuple[SkipConnection, ...] = ()
    connections: tuple[ConnectionChange, ...] = ()
    rewired: bool = False

    def __bool__(self) -> bool:
        """Whether anything is another."""
        return self != GraphDiff()
