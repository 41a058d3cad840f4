"""The grouped autograd graph as a graph of calls, which can be closed at a depth and folded."""

from collections import Counter

from modelviz_callbacks.draw.libraries.autograd_groups import Group
from modelviz_callbacks.draw.libraries.autograd_source import (
    ACCUMULATE,
    AutogradNode,
    AutogradSource,
)
from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Edge,
    ModuleEntry,
    Node,
    NodeKind,
    StateEntry,
    TensorSpec,
)

_KINDS: dict[str, NodeKind] = {"input": "input", "output": "output"}
# Of modules the autograd graph knows paths, not classes.
_MODULE = "block"
# With so few functions a module needs no container to be seen as one.
_FEW = 3


class AutogradTree:
    """The autograd graph below a first node that stands for the model itself.

    Attributes:
        graph: It as a graph of calls.
        nodes: The nodes of the autograd graph, by the ids that they have in `graph`.
        ids: Those ids, by the nodes' own.
    """

    def __init__(self, source: AutogradSource, root: Group, *, closed: bool) -> None:
        """Numbers what is in the groups, in order.

        Args:
            source: The autograd graph.
            root: The group of the model itself.
            closed: Whether a module without modules in it is one node; else a small one has no
                container of its own.
        """
        self._closed = closed
        self.nodes: dict[int, AutogradNode] = {}
        self.ids: dict[int, int] = {}
        self._source = source
        self._made: list[Node] = []
        self._inside: dict[int, list[AutogradNode]] = {}
        self._add_group(root, None)
        self.graph = ArchitectureGraph(self._modules(), tuple(self._made), self._edges())

    def functions_in(self, group: int) -> list[str]:
        """Gives the names of all functions in a group, by its id in the graph."""
        return [node.name for node in self._inside.get(group, []) if node.kind == "function"]

    def parameters_in(self, group: int) -> int:
        """Counts the values of the parameters in a group; each parameter is in one place only."""
        return sum(node.size for node in self._inside.get(group, []) if node.kind == "parameter")

    def _add_group(self, group: Group, parent: int | None) -> list[AutogradNode]:
        number = self._add(Node(len(self._made), "module", _MODULE, ".".join(group.path), parent))
        inside = self._inside[number] = []
        for part in group.ordered():
            inside += self._add_part(part, number)
        return inside

    def _add_part(self, part: Group | int, parent: int) -> list[AutogradNode]:
        if isinstance(part, int):
            return [self._add_node(self._source.nodes[part], parent)]
        if any(isinstance(inner, Group) for inner in part.parts):
            return self._add_group(part, parent)
        nodes = [self._source.nodes[inner] for inner in part.ordered() if isinstance(inner, int)]
        names = [node.name for node in nodes if node.kind == "function"]
        if self._closed:
            self._add_closed(part, parent, nodes, names)
        elif len(names) - names.count(ACCUMULATE) > _FEW:
            self._add_group(part, parent)
        else:
            for node in nodes:
                self._add_node(node, parent)
        return nodes

    def _add_closed(
        self, group: Group, parent: int, nodes: list[AutogradNode], names: list[str]
    ) -> None:
        # What is in it has to show in the node: equal ones may be folded.
        content = (TensorSpec((), "", "", " ".join(names)),)
        path = ".".join(group.path)
        number = self._add(Node(len(self._made), "module", _MODULE, path, parent, (), content))
        self._inside[number] = nodes
        self.ids.update((node.id, number) for node in nodes)

    def _add_node(self, node: AutogradNode, parent: int) -> AutogradNode:
        kind = _KINDS.get(node.kind, "op")
        name = node.name.rpartition(".")[2] if node.kind == "parameter" else node.name
        tensor = (TensorSpec(node.shape or (), "", ""),)
        ends = (tensor, ()) if kind == "output" else ((), tensor)
        inside = None if kind in _KINDS.values() else parent
        number = self._add(Node(len(self._made), kind, name, None, inside, *ends))
        self.nodes[number], self.ids[node.id] = node, number
        return node

    def _add(self, node: Node) -> int:
        self._made.append(node)
        return node.id

    def _modules(self) -> tuple[ModuleEntry, ...]:
        states: dict[str, list[StateEntry]] = {"": []}
        for node in self._made:
            if node.path is not None:
                states.setdefault(node.path, [])
        for about in self._source.nodes:
            if about.kind == "parameter" and about.name:
                path, _, name = about.name.rpartition(".")
                state = StateEntry(name, about.shape or (), "", "", requires_grad=True)
                states.setdefault(path, []).append(state)
        return tuple(
            ModuleEntry(path, _MODULE, parameters=tuple(states[path])) for path in sorted(states)
        )

    def _edges(self) -> tuple[Edge, ...]:
        taken: Counter[int] = Counter()
        edges = []
        for tail, head, _ in self._source.edges:
            source, target = self.ids[tail], self.ids[head]
            if source == target:
                continue
            edges.append(Edge(source, target, 0, taken[target]))
            taken[target] += 1
        return tuple(sorted(edges, key=lambda edge: (edge.target, edge.input)))
