"""Architecture graphs that hypothesis makes up, and edits of them."""

from dataclasses import replace

from hypothesis import strategies as st

from modelviz_callbacks.graph.model import ArchitectureGraph, Edge, ModuleEntry, Node, StateEntry
from tests.graph_drafts import tensor

_NAMES = st.sampled_from(["a", "b", "conv", "0", "1", "2", "head"])
_CLASSES = st.sampled_from(["a.Block", "a.Linear", "torch.nn.modules.conv.Conv2d", "a.Act"])


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> ArchitectureGraph:
    """Gives a graph of few kinds of modules, calls and operations: much in it is alike."""
    modules = [ModuleEntry("", "a.Net")]
    paths = [""]
    for _ in range(draw(st.integers(0, most))):
        holder = draw(st.sampled_from(paths))
        path = ".".join(filter(None, (holder, draw(_NAMES))))
        if path not in paths:
            paths.append(path)
            modules.append(draw(_modules(path)))
    return ArchitectureGraph(tuple(_in_order(modules)), *draw(_steps(paths)))


def _modules(path: str) -> st.SearchStrategy[ModuleEntry]:
    states = st.lists(_states(), max_size=2, unique_by=lambda state: state.name).map(tuple)
    config = st.sampled_from(["", "1, 2", "1, 3", "p=0.1"])
    return st.builds(ModuleEntry, st.just(path), _CLASSES, config, parameters=states)


def _states() -> st.SearchStrategy[StateEntry]:
    return st.builds(
        StateEntry,
        st.sampled_from(["weight", "bias"]),
        st.sampled_from([(2,), (3,), None]),
        st.just("float32"),
        st.just("cpu"),
        st.booleans(),
    )


def _in_order(modules: list[ModuleEntry]) -> list[ModuleEntry]:
    return sorted(modules, key=lambda entry: entry.path.split(".") if entry.path else [])


@st.composite
def _steps(draw: st.DrawFn, paths: list[str]) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    nodes = [Node(0, "input", "x", outputs=(tensor(2),))]
    edges = []
    calls: list[int | None] = [None]
    for number in range(1, draw(st.integers(1, 12))):
        parent = draw(st.sampled_from(calls))
        if draw(st.booleans()):
            path = draw(st.sampled_from(paths))
            nodes.append(Node(number, "module", "M", path, parent, outputs=(tensor(2),)))
            calls.append(number)
        else:
            name = draw(st.sampled_from(["add", "relu"]))
            nodes.append(Node(number, "op", name, None, parent, outputs=(tensor(2),)))
        sources = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True))
        edges += [Edge(source, number, 0, place) for place, source in enumerate(sources)]
    return tuple(nodes), tuple(edges)


@st.composite
def edited(draw: st.DrawFn, graph: ArchitectureGraph) -> ArchitectureGraph:
    """Gives a graph with a few modules, edges and nodes changed or taken away."""
    for _ in range(draw(st.integers(0, 3))):
        edit = draw(st.sampled_from(["drop", "class", "config", "freeze", "edge", "op"]))
        places = st.integers(0, len(graph.modules) - 1)
        if edit == "edge" and graph.edges:
            graph = replace(graph, edges=graph.edges[1:])
        elif edit == "op":
            renamed = [
                replace(n, name="mul") if n.kind == "op" and n.id % 2 else n for n in graph.nodes
            ]
            graph = replace(graph, nodes=tuple(renamed))
        elif edit == "drop" and len(graph.modules) > 1:
            graph = without(graph, graph.modules[draw(st.integers(1, len(graph.modules) - 1))].path)
        else:
            graph = _with_change(graph, draw(places), edit)
    return graph


def without(graph: ArchitectureGraph, path: str) -> ArchitectureGraph:
    """Takes a module away with all that is in it; its calls stay."""
    kept = [m for m in graph.modules if m.path != path and not m.path.startswith(f"{path}.")]
    return replace(graph, modules=tuple(kept))


def renamed(graph: ArchitectureGraph, old: str, new: str) -> ArchitectureGraph:
    """Gives a module another path, and all that is in it; in its modules and in its calls."""

    def path(name: str | None) -> str | None:
        if name is None or not (name == old or name.startswith(f"{old}.")):
            return name
        return new + name[len(old) :]

    return replace(
        graph,
        modules=tuple(replace(m, path=path(m.path) or "") for m in graph.modules),
        nodes=tuple(replace(n, path=path(n.path)) for n in graph.nodes),
    )


def _with_change(graph: ArchitectureGraph, place: int, edit: str) -> ArchitectureGraph:
    entry = graph.modules[place]
    if edit == "class":
        entry = replace(entry, class_name="b.Other")
    elif edit == "config":
        entry = replace(entry, config=f"{entry.config}, more=1")
    else:
        frozen = tuple(replace(p, requires_grad=not p.requires_grad) for p in entry.parameters)
        entry = replace(entry, parameters=frozen)
    return replace(graph, modules=(*graph.modules[:place], entry, *graph.modules[place + 1 :]))
