"""Which calls and operations of two steps are the same, once it is known which modules are."""

from collections.abc import Callable, Hashable, Iterator, Mapping

from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.graph.module_match import ModuleMatch
from modelviz_callbacks.graph.sequence_alignment import align_equal


class StepNodes:
    """The nodes of one step, as they are compared with those of another one.

    Attributes:
        nodes: Every node by its id.
        parents: The id of the call that a node is in, by its id.
        around: The same without calls of modules that only this step has: what is in them counts
            as if it were in the call around them.
        inside: The ids of the nodes that a call is around, in order.
        names: Equal for two nodes of the two steps if they may be the same: calls of one module,
            operations of one name, ends of one name.
        own: The ids of the calls of modules that only this step has, and of the operations in
            them.
        sources: The ids of the nodes that feed a node, by its id, in the order of its inputs.
        leaving: The ids of the nodes in a call that feed others outside of it, by its id.
        matched: The id of the same node in the other step, by the id in this one.
    """

    def __init__(self, graph: ArchitectureGraph, new_paths: Mapping[str, str]) -> None:
        """Takes a graph, and the new graph's paths of its modules that are in both."""
        self.nodes: dict[int, Node] = {}
        self.parents: dict[int, int | None] = {}
        self.around: dict[int, int | None] = {}
        self.inside: dict[int | None, list[int]] = {}
        self.names: dict[int, Hashable] = {}
        self.own: set[int] = set()
        self.matched: dict[int, int] = {}
        self._only_here: set[int] = set()
        for node in sorted(graph.nodes, key=lambda node: node.id):
            self._add(node, new_paths)
        self.sources: dict[int, list[int]] = {}
        for edge in graph.edges:
            if edge.source in self.nodes and edge.target in self.nodes:
                self.sources.setdefault(edge.target, []).append(edge.source)
        self.leaving: dict[int, dict[int, None]] = {}
        for target, sources in self.sources.items():
            around = set(self.calls(target))
            for source in sources:
                self._leave(source, around)

    def path(self, node: int | None) -> str | None:
        """Gives the path of the module whose call a node is; None for the step itself."""
        return None if node is None else self.nodes[node].path

    def calls(self, node: int) -> Iterator[int]:
        """Gives a node and the calls that it is in, from the inside out."""
        place: int | None = node
        while place is not None:
            yield place
            place = self.parents[place]

    def left_over(self) -> list[int]:
        """Gives the nodes that are not in the other step, in order."""
        return [node for node in self.nodes if node not in self.matched]

    def _leave(self, source: int, around: set[int]) -> None:
        for call in self.calls(source):
            if call in around:
                return
            if call != source:
                self.leaving.setdefault(call, {})[source] = None

    def _add(self, node: Node, new_paths: Mapping[str, str]) -> None:
        # A call begins before what is in it; a file that says otherwise is not believed.
        parent = node.parent if node.parent in self.nodes else None
        self.nodes[node.id], self.parents[node.id] = node, parent
        around = self.around[parent] if parent in self._only_here else parent
        self.around[node.id] = around
        self.inside.setdefault(around, []).append(node.id)
        self.names[node.id] = (node.kind, node.name)
        if node.kind == "module":
            self.names[node.id] = (node.kind, new_paths.get(node.path or ""))
            if node.path not in new_paths:
                self._only_here.add(node.id)
        if node.id in self._only_here or (node.kind != "module" and parent in self._only_here):
            self.own.add(node.id)


def match_nodes(
    old: ArchitectureGraph, new: ArchitectureGraph, match: ModuleMatch
) -> tuple[StepNodes, StepNodes]:
    """Finds which nodes are the same.

    In calls that are the same, so are calls of one module and operations of one name, in their
    order; what is left over is the same in another order, or, of calls, in another call.

    Args:
        old: The earlier graph.
        new: The later one.
        match: Which modules are the same.
    """
    before = StepNodes(old, match.to_new)
    after = StepNodes(new, {path: path for path in match.to_old})
    _pair_inside(before, after, None, None)
    _pair_left_over(before, after, "module", lambda _nodes, _node: None)
    for kind in ("op", "input", "output"):
        _pair_left_over(before, after, kind, lambda nodes, node: nodes.around[node])
    return before, after


def _pair_inside(before: StepNodes, after: StepNodes, was: int | None, is_now: int | None) -> None:
    waiting = [(was, is_now)]
    while waiting:
        was, is_now = waiting.pop()
        olds, news = (_free(before, was), _free(after, is_now))
        for i, j in align_equal([before.names[n] for n in olds], [after.names[n] for n in news]):
            _note(before, after, olds[i], news[j])
            waiting.append((olds[i], news[j]))


def _free(step: StepNodes, call: int | None) -> list[int]:
    nodes = step.inside.get(call, [])
    return [node for node in nodes if node not in step.matched and node not in step.own]


def _note(before: StepNodes, after: StepNodes, was: int, is_now: int) -> None:
    before.matched[was], after.matched[is_now] = is_now, was


def _pair_left_over(
    before: StepNodes,
    after: StepNodes,
    kind: str,
    place: Callable[[StepNodes, int], int | None],
) -> None:
    """Pairs nodes that are alike and in one place, in their order."""
    found: dict[Hashable, list[int]] = {}
    for node in reversed(before.left_over()):
        where = place(before, node)
        if where is not None and where not in before.matched:
            continue
        key = before.names[node], None if where is None else before.matched[where]
        if before.nodes[node].kind == kind and node not in before.own:
            found.setdefault(key, []).append(node)
    for node in after.left_over():
        olds = found.get((after.names[node], place(after, node)), [])
        while olds and olds[-1] in before.matched:
            olds.pop()
        if olds and node not in after.matched and node not in after.own:
            was = olds.pop()
            _note(before, after, was, node)
            _pair_inside(before, after, was, node)
