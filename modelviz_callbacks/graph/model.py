"""The architecture graph: what was seen in the first training step, as plain data.

`architecture.json` holds exactly this; `architecture.schema.json` beside this file describes it.
Nothing here needs torch.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

from modelviz_callbacks.graph.typed_json import MisfitError, reader_of
from modelviz_callbacks.graph.versioned_json import read_versioned

SCHEMA_VERSION = 1

NodeKind = Literal["module", "op", "input", "output"]

# A dataclass cannot have a field named `class`.
_KEYS = {"class_name": "class"}


@dataclass(frozen=True)
class TensorSpec:
    """A tensor that was passed along, without its content.

    Attributes:
        shape: Its sizes, like `(32, 64, 56, 56)`.
        dtype: Like `"float32"`.
        device: Like `"cuda:0"`.
        name: Where it was in the arguments, the batch or the output, like `"batch.mask"`.
    """

    shape: tuple[int, ...]
    dtype: str
    device: str
    name: str = ""


@dataclass(frozen=True)
class StateEntry:
    """A parameter or buffer, under one of its names.

    Attributes:
        name: Its name in the module that holds it, like `"weight"`.
        shape: Its sizes, whole also where it is sharded; None as long as a lazy one has none.
        dtype: Like `"float32"`.
        device: Like `"cuda:0"`.
        requires_grad: Whether it is trained; a buffer never is.
        tied_to: The full name under which the same tensor came first, like `"embed.weight"`.
        persistent: Whether a buffer is in the model's state dict. None of a parameter, which
            always is, and of a buffer in a record from before this was noted.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    device: str
    requires_grad: bool = False
    tied_to: str | None = None
    persistent: bool | None = None


@dataclass(frozen=True)
class ModuleEntry:
    """A module of the model, called or not.

    Attributes:
        path: Like `"net.layer1.0.conv1"`; `""` is the model itself.
        class_name: With its defining module, like `"torch.nn.modules.conv.Conv2d"`.
        config: What `print(module)` shows of it, like `"3, 64, kernel_size=(7, 7)"`.
        training: Whether it is in train mode.
        parameters: Its own parameters.
        buffers: Its own buffers.
        tied_to: The path under which the same module came first.
        runs: `"eager"`, `"compiled"`, or `"scripted"`, where nothing inside can be watched.
    """

    path: str
    class_name: str
    config: str = ""
    training: bool = True
    parameters: tuple[StateEntry, ...] = ()
    buffers: tuple[StateEntry, ...] = ()
    tied_to: str | None = None
    runs: str = "eager"


@dataclass(frozen=True)
class Node:
    """A call, an operation, or an end of the graph.

    Attributes:
        id: Its place in the order in which the nodes were begun, from 0.
        kind: `"module"`: a module call. `"op"`: an operation between modules. `"input"`: a tensor
            of the batch. `"output"`: a tensor that the step returned or called backward on.
        name: A module's class, an operation's name, or where the tensor was in batch or output.
        path: The path of the module that was called; None for the other kinds.
        parent: The module call that it happened in; None in the training step itself.
        inputs: The tensors that went in; an operation's parameters are among them.
        outputs: The tensors that came out.
        flops: Floating-point operations of its own, without the nodes in it; None if not counted.
    """

    id: int
    kind: NodeKind
    name: str
    path: str | None = None
    parent: int | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    flops: int | None = None


@dataclass(frozen=True)
class Edge:
    """A tensor on its way between two nodes that have no nodes in them.

    Attributes:
        source: The id of the node that made it.
        target: The id of the node that took it.
        output: Its place among the source's outputs.
        input: Its place among the target's inputs.
    """

    source: int
    target: int
    output: int = 0
    input: int = 0


@dataclass(frozen=True)
class Failure:
    """Where the step stopped.

    Attributes:
        node: The id of the innermost node that was running.
        path: The module whose forward was running; None in the training step itself.
        operation: The operation that raised, or None where other code raised.
        inputs: The tensors that met there.
        exception: The exception's class name.
        message: Its message.
    """

    node: int | None
    path: str | None
    operation: str | None
    inputs: tuple[TensorSpec, ...]
    exception: str
    message: str


@dataclass(frozen=True)
class ArchitectureGraph:
    """What was seen in one training step.

    Attributes:
        modules: Every module of the model, in the order of `model.named_modules()`.
        nodes: What happened, in order.
        edges: How data flowed, sorted by target and input.
        failure: Where the step stopped, if it raised.
        notes: What could not be seen, in words.
    """

    modules: tuple[ModuleEntry, ...] = ()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    failure: Failure | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Gives the content of `architecture.json`: an entry a line, the same bytes every time."""
        parts = [f'"schema_version": {SCHEMA_VERSION}']
        for name in ("modules", "nodes", "edges"):
            entries = ",\n".join(map(_line, getattr(self, name)))
            parts.append(f'"{name}": [\n{entries}\n]' if entries else f'"{name}": []')
        parts += [f'"failure": {_line(self.failure)}', f'"notes": {_line(self.notes)}']
        return "{" + ",\n".join(parts) + "}\n"

    @classmethod
    def from_json(cls, text: str) -> "ArchitectureGraph":
        """Reads the content of `architecture.json`.

        Raises:
            ValueError: If it is none, or of a newer schema than this package knows; the message
                says where in it something is wrong. What can be read can be shown and compared.
        """
        from modelviz_callbacks.graph.consistency import check_graph

        content = read_versioned(text, "architecture graph", SCHEMA_VERSION)
        for field in fields(cls):
            if field.name not in content:
                raise ValueError(f"this is no architecture graph: it has no {field.name!r}")
        try:
            graph: ArchitectureGraph = _read_graph(content)
            check_graph(graph)
        except MisfitError as e:
            raise ValueError(f"this is no architecture graph: {e}") from e
        return graph


_read_graph = reader_of(ArchitectureGraph, _KEYS)


def children_by_parent(nodes: Iterable[Node]) -> dict[int | None, list[Node]]:
    """Gives the nodes in each module call, in order; under None those in the step itself."""
    children: dict[int | None, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)
    return children


def _plain(entry: Any) -> dict[str, Any]:
    # Not asdict(), which copies deeply: a graph may have tens of thousands of entries.
    values: dict[str, Any] = vars(entry)
    if _KEYS.keys().isdisjoint(values):
        return values
    return {_KEYS.get(name, name): value for name, value in values.items()}


# Frozen dataclasses hold no cycles to look for.
_line = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, default=_plain
).encode
