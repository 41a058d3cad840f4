"""Names of nodes where module paths are scopes, `net/layer1/0-Block`, as TensorFlow allows them."""

import re

from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.graph.module_tree import ModuleTree, parent_path, with_ancestors

# What TensorFlow allows in a name, and in the first place of one.
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.\-]")
_FIRST = re.compile(r"[A-Za-z0-9.]")


def scope_names(graph: ArchitectureGraph) -> dict[int, str]:
    """Names the nodes of a graph; those that hold others have the name of their scope.

    A module's first call is named by its path; further ones, and what is in them, get a number:
    `block`, `block_1`. A numbered module has its class behind the number, which alone would say
    little. The model itself has no scope, so that the tab opens with its parts.

    Args:
        graph: The graph.

    Returns:
        A name for each node's id: unique, and never that of a scope and of a node at once.
    """
    containers = {node.parent for node in graph.nodes}
    names = _Names(graph)
    for node in graph.nodes:
        if node.path is not None:
            names.add_call(node, is_scope=node.id in containers)
    for node in graph.nodes:
        if node.path is None:
            names.add_other(node)
    return names.of_nodes


class _Names:
    def __init__(self, graph: ArchitectureGraph) -> None:
        self.of_nodes: dict[int, str] = {}
        self._tree = ModuleTree(graph.modules)
        self._by_id = {node.id: node for node in graph.nodes}
        self._of_paths = {"": ""}
        self._used: set[str] = set()
        self._next: dict[str, int] = {}
        # Paths come first: no operation and no second call takes the name of a module's own.
        self._reserved: set[str] = set()
        self._scopes: set[str] = set()
        for node in graph.nodes:
            if node.path is not None:
                self._name_paths(node.path)

    def add_call(self, node: Node, *, is_scope: bool) -> None:
        """Names a module call; its parent has its name already."""
        own = self._of_paths[node.path or ""]
        if not own:
            # The model itself, whose scope would hold everything.
            self.of_nodes[node.id] = "" if is_scope else self._free(_valid(node.name, "call"))
            return
        wanted = self._in_its_parents_scope(node, own)
        if not is_scope and own in self._scopes:
            # Nothing was seen in it, and a part of it was called from elsewhere.
            wanted = _join(wanted, _valid(node.name, "call"))
        is_own = wanted == own and own not in self._used
        name = wanted if is_own else self._free(wanted)
        self._used.add(name)
        self.of_nodes[node.id] = name

    def _in_its_parents_scope(self, node: Node, own: str) -> str:
        parent = self._by_id.get(node.parent) if node.parent is not None else None
        outer = self._of_paths[parent.path] if parent is not None and parent.path else ""
        if parent is None or not outer or not own.startswith(f"{outer}/"):
            return own
        return self.of_nodes[parent.id] + own[len(outer) :]

    def add_other(self, node: Node) -> None:
        """Names an operation in the scope of its module, or an end of the graph."""
        scope = self.of_nodes[node.parent] if node.parent is not None else ""
        name = _valid(node.name, node.kind)
        if node.kind in {"input", "output"}:
            name = name.strip("_") or node.kind
        self.of_nodes[node.id] = self._free(_join(scope, name))

    def _name_paths(self, path: str) -> None:
        """Names a path and those above it, each different ones differently."""
        for above in reversed(list(with_ancestors(path))):
            if above not in self._of_paths:
                part = _valid(above.rpartition(".")[2], "module")
                entry = self._tree.entries.get(above)
                if part.isdigit() and entry is not None:
                    part += f"-{_valid(entry.class_name.rpartition('.')[2], 'module')}"
                name = self._free(_join(self._of_paths[parent_path(above)], part))
                self._of_paths[above] = name
                self._used.discard(name)
                self._reserved.add(name)
                self._scopes.add(self._of_paths[parent_path(above)])

    def _free(self, wanted: str) -> str:
        """Gives a name that nothing has, with a number if need be, and takes it."""
        name = wanted if _FIRST.match(wanted) else f".{wanted}"
        start = name
        while name in self._used or name in self._reserved:
            self._next[start] = self._next.get(start, 0) + 1
            name = f"{start}_{self._next[start]}"
        self._used.add(name)
        return name


def _valid(text: str, otherwise: str) -> str:
    return _NOT_ALLOWED.sub("_", text) or otherwise


def _join(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name
