"""Architecture graphs made by hand, for tests that know the right answer."""

from collections.abc import Iterator
from dataclasses import replace

from modelviz_callbacks.graph.fold import Box, View
from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Edge,
    Failure,
    ModuleEntry,
    Node,
    StateEntry,
    TensorSpec,
)


def tensor(*shape: int, name: str = "", dtype: str = "float32") -> TensorSpec:
    return TensorSpec(shape, dtype, "cpu", name)


def state(name: str, *shape: int, **more) -> StateEntry:
    return StateEntry(name, shape, "float32", "cpu", **{"requires_grad": True, **more})


class GraphDraft:
    """A graph that is put together call by call; ids are given in order."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleEntry] = {}
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.failure: Failure | None = None

    def module(self, path: str, kind: str = "Linear", *parameters: StateEntry, **more) -> None:
        self.modules[path] = ModuleEntry(path, kind, parameters=parameters, **more)

    def change(self, path: str, **values) -> None:
        self.modules[path] = replace(self.modules[path], **values)

    def input(self, name: str = "x", *shape: int) -> int:
        return self._node("input", name, None, None, (), outputs=(tensor(*(shape or (2, 8))),))

    def output(self, name: str, source: int) -> int:
        return self._node("output", name, None, None, (source,), outputs=())

    def op(self, name: str, parent: int | None, *sources: int | tuple[int, int], **more) -> int:
        return self._node("op", name, None, parent, sources, **more)

    def call(
        self, path: str, parent: int | None = None, *sources: int | tuple[int, int], **more
    ) -> int:
        kind = self.modules[path].class_name.rpartition(".")[2] if path in self.modules else "Block"
        return self._node("module", kind, path, parent, sources, **more)

    def fail(self, node: int, **more) -> None:
        failed = self.nodes[node] = replace(self.nodes[node], outputs=())
        given = {"exception": "RuntimeError", "message": "shapes cannot be multiplied", **more}
        self.failure = Failure(node, failed.path, None, failed.inputs, **given)

    def build(self) -> ArchitectureGraph:
        edges = sorted(self.edges, key=lambda edge: (edge.target, edge.input))
        return ArchitectureGraph(
            tuple(self.modules.values()), tuple(self.nodes), tuple(edges), self.failure
        )

    def _node(self, kind, name, path, parent, sources, *, outputs=None, inputs=None) -> int:
        node = len(self.nodes)
        ends = [source if isinstance(source, tuple) else (source, 0) for source in sources]
        if inputs is None:
            inputs = tuple(self.nodes[source].outputs[output] for source, output in ends)
        if outputs is None:
            outputs = (tensor(2, 8),)
        self.nodes.append(Node(node, kind, name, path, parent, inputs, outputs))
        for place, (source, output) in enumerate(ends):
            self.edges.append(Edge(source, node, output, place))
        return node


def residual_stack(
    blocks: int, layers: int = 2, *, mask: bool = True
) -> tuple[GraphDraft, list[list[int]]]:
    """A model of equal residual blocks that share a mask.

    Returns:
        The draft, and the ids in each block: the call, its layers, its addition. The last nodes
        are a head and the output; input 0 is the data and 1 the mask.
    """
    draft = GraphDraft()
    draft.module("", "Model")
    data, shared = draft.input("x"), draft.input("mask", 8, 8)
    root = draft.call("", None, inputs=())
    ids, last = [], data
    for number in range(blocks):
        path = f"blocks.{number}"
        draft.module(path, "Block")
        block = draft.call(path, root, inputs=(tensor(2, 8, name="x"),))
        inner, carried = [], last
        for layer in range(layers):
            draft.module(f"{path}.{layer}", "Linear", state("weight", 8, 8), config="8, 8")
            sources = (last, shared) if mask and layer == 0 else (last,)
            last = draft.call(f"{path}.{layer}", block, *sources)
            inner.append(last)
        last = draft.op("add", block, last, carried)
        ids.append([block, *inner, last])
    draft.module("head", "Linear", state("weight", 8, 8))
    draft.output("output", draft.call("head", root, last))
    return draft, ids


def walk(boxes: tuple[Box, ...]) -> Iterator[Box]:
    """Gives boxes and all boxes in them."""
    for box in boxes:
        yield box
        yield from walk(box.boxes)


def counts(view: View) -> dict[str, int]:
    """Gives how often each module is drawn, by its first path."""
    return {box.paths[0]: box.count for box in walk(view.boxes) if box.paths and box.node}


def links(view: View) -> set[tuple[int, int]]:
    """Gives the ends of all links."""
    return {(link.source, link.target) for link in view.links}
