"""What torchview's DOT says, read so that no name in it can break it."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache

from modelviz_callbacks.draw.libraries.dot_content import DotContent, DotEdge, DotNode, read_dot
from modelviz_callbacks.graph.model import ArchitectureGraph, Edge, Node, NodeKind, TensorSpec

# torchview 0.2.7 writes names as they are into HTML-like labels, and so a class name can end a
# label, or the whole source. Labels are taken out by what stands around them, a statement a line.
_NODE_LABEL = re.compile(
    r"^(\t+\d+ \[label=)<(\n.*?</TABLE>)>( fillcolor=\w+\])$"
    r"(?=\n\t*(?:\d+ \[label=|\d+ -> \d+|subgraph |\}$))",
    re.DOTALL | re.MULTILINE,
)
_CLUSTER_LABEL = re.compile(
    r"^(\t+fontsize=12 label=)(.*?)( labeljust=l style=dashed)$"
    r"(?=\n\t*(?:\d+ \[label=|subgraph |\}$))",
    re.DOTALL | re.MULTILINE,
)
_NAME = re.compile(r"<TR>\s*<TD[^>]*>(.*)<BR/>(depth:-?\d+)</TD>(.*)", re.DOTALL)
_CELL = re.compile(r"<TD[^>]*>(.*?)</TD>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_SHAPES = re.compile(r"(?:(\d+) x )?\(([\d, ]*)\)")
_TENSOR_FILL = "lightyellow"
_OUTERMOST = "depth:0"
_OPERATION_FILL = "aliceblue"


@dataclass(frozen=True)
class Label:
    """What is written on a node.

    Attributes:
        name: A class, a function or a tensor's role.
        depth: Like `"depth:2"`, or `""`.
        rows: The other cells, in pairs like `("input:", "(2, 64)")`; a tensor has its shape alone.
    """

    name: str
    depth: str = ""
    rows: tuple[tuple[str, str], ...] = ()

    def shapes(self, row: str) -> str:
        """Gives the shapes in the row of this name."""
        return ", ".join(shapes for name, shapes in self.rows if name == row)


@dataclass(frozen=True)
class TorchviewGraph:
    """torchview's graph.

    Attributes:
        graph: It as a graph of calls; below a first node that stands for the whole model.
        labels: What is written on each node and cluster, by the node's id.
        edges: Its edges as they stand in the source, by the ids of their ends.
    """

    graph: ArchitectureGraph
    labels: dict[int, Label]
    edges: tuple[tuple[int, int, str], ...]


@lru_cache(maxsize=1)  # a picture is tried at several depths
def read_torchview(dot: str) -> TorchviewGraph:
    """Reads torchview's DOT source.

    Raises:
        DotError: It cannot be parsed.
    """
    return _Reading(dot).graph()


class _Reading:
    """Gives nodes and clusters numbers, in the order in which they began."""

    def __init__(self, dot: str) -> None:
        self._texts: list[str] = []
        source = _CLUSTER_LABEL.sub(self._kept, _NODE_LABEL.sub(self._kept, dot))
        self._content: DotContent = read_dot(source)
        self._clusters = {cluster.name: cluster for cluster in self._content.clusters}
        self._ids: dict[str, int] = {}
        self._depths = {0: 0}
        self._nodes: list[Node] = [Node(0, "module", "the model")]
        self._labels: dict[int, Label] = {}
        self._fed = {edge.head for edge in self._content.edges}

    def graph(self) -> TorchviewGraph:
        for node in self._content.nodes:
            self._add_node(node)
        edges = [(self._ids[edge.tail], self._ids[edge.head], edge) for edge in self._content.edges]
        graph = ArchitectureGraph(nodes=tuple(self._nodes), edges=_numbered(edges))
        drawn = tuple((tail, head, edge.label.strip()) for tail, head, edge in edges)
        return TorchviewGraph(graph, self._labels, drawn)

    def _kept(self, match: re.Match[str]) -> str:
        before, text, after = match.groups()
        self._texts.append(text)
        return f'{before}"#{len(self._texts) - 1}"{after}'

    def _text(self, label: str) -> str:
        """Gives the text that was taken out of the source, or a label that was left in it."""
        number = label[1:] if label.startswith("#") else ""
        is_kept = number.isdecimal() and int(number) < len(self._texts)
        return self._texts[int(number)] if is_kept else label

    def _add_node(self, node: DotNode) -> None:
        label = _node_label(self._text(node.label))
        kind = self._kind(node)
        # The model's own tensors may stand in the cluster that they come from.
        is_end = node.fill == _TENSOR_FILL and label.depth == _OUTERMOST
        parent = None if is_end else self._parent(node.cluster)
        inputs = _counted(_specs(label.shapes("input:")))
        outputs = _specs(label.shapes("output:") or label.shapes(""))
        if kind == "output":
            inputs, outputs = outputs, ()
        made = Node(len(self._nodes), kind, label.name, None, parent, inputs, outputs)
        self._add(node.name, label, made)

    def _kind(self, node: DotNode) -> NodeKind:
        if node.fill == _TENSOR_FILL:
            return "output" if node.name in self._fed else "input"
        return "op" if node.fill == _OPERATION_FILL else "module"

    def _parent(self, cluster: str | None) -> int:
        if cluster is None:
            return 0
        if cluster not in self._ids:
            found = self._clusters[cluster]
            parent = self._parent(found.parent)
            label = Label(_unquoted(self._text(found.label)), f"depth:{self._depths[parent] + 1}")
            made = Node(len(self._nodes), "module", label.name, None, parent)
            self._depths[made.id] = self._depths[parent] + 1
            self._add(cluster, label, made)
        return self._ids[cluster]

    def _add(self, name: str, label: Label, node: Node) -> None:
        self._ids[name] = node.id
        self._labels[node.id] = label
        self._nodes.append(node)


def _numbered(edges: list[tuple[int, int, DotEdge]]) -> tuple[Edge, ...]:
    taken: Counter[int] = Counter()
    numbered = []
    for tail, head, _ in edges:
        numbered.append(Edge(tail, head, 0, taken[head]))
        taken[head] += 1
    return tuple(sorted(numbered, key=lambda edge: (edge.target, edge.input)))


def _node_label(text: str) -> Label:
    match = _NAME.search(text)
    if match is None:
        return Label(" ".join(_TAG.sub(" ", text).split()))
    name, depth, rest = match.groups()
    cells = [cell.strip() for cell in _CELL.findall(rest)]
    if len(cells) % 2:
        cells.insert(0, "")
    return Label(name, depth, tuple(zip(cells[::2], cells[1::2], strict=True)))


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    return text[1:-1].replace('\\"', '"') if quoted else text


def _counted(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Names inputs so that two nodes are never alike where one takes more than the other."""
    count = len(specs)
    return tuple(replace(spec, name=f"{i} of {count}") for i, spec in enumerate(specs))


def _specs(text: str) -> tuple[TensorSpec, ...]:
    """Reads shapes like `(2, 64), 2 x (4, 8)`."""
    specs = []
    for count, sizes in _SHAPES.findall(text):
        shape = tuple(int(size) for size in sizes.split(",") if size.strip())
        specs += [TensorSpec(shape, "", "")] * (int(count) if count else 1)
    return tuple(specs)
