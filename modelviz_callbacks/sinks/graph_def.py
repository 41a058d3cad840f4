"""TensorBoard's Graphs tab: a GraphDef made from our graph, without tracing anything."""

from collections import defaultdict
from typing import Any

from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.graph.costs import Costs, ModuleCost
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node, TensorSpec
from modelviz_callbacks.graph.scope_names import scope_names

# What the tab colours by "XLA cluster": the only colours that can be given names of one's own.
# https://github.com/tensorflow/tensorboard/blob/master/tensorboard/plugins/graph/tf_graph_common/graph.ts
_COLOR_ATTRIBUTE = "_XlaCluster"
# The version from which on the tab reads all that is written here.
_PRODUCER = 22


def graph_def(graph: ArchitectureGraph, messages: Any) -> Any:
    """Makes what the Graphs tab shows.

    Args:
        graph: The graph; its leaves become nodes, the module calls that hold them scopes.
        messages: The module with the class `GraphDef`: `tensorboard.compat.proto.graph_pb2` or
            `tensorboardX.proto.graph_pb2`.

    Returns:
        A `GraphDef`. Each node has `_output_shapes`, which the tab shows on the edges, and what is
        known of it as attributes: path, class, configuration, parameters, FLOPs, dtypes. Coloured
        by "XLA cluster", the tab shows the families of modules: it has no place for others' names,
        and device, time and memory stay what they are.
    """
    names = scope_names(graph)
    sources = _sources(graph, names)
    modules = {entry.path: entry for entry in graph.modules}
    costs = Costs.of(graph).by_module()
    containers = {node.parent for node in graph.nodes}
    made = messages.GraphDef()
    made.versions.producer = _PRODUCER
    for node in graph.nodes:
        if node.id in containers:
            continue
        shown = made.node.add(
            name=names[node.id], op=_operation(node), input=sources[node.id], device=_device(node)
        )
        _add_shapes(shown, node.outputs)
        _add_attributes(shown, _facts(node))
        if node.path is not None and node.path in modules:
            _add_attributes(shown, _module_facts(modules[node.path], costs[node.path]))
        if graph.failure is not None and graph.failure.node == node.id:
            _add_attributes(shown, {"stopped": graph.failure.exception})
    return made


def _sources(graph: ArchitectureGraph, names: dict[int, str]) -> dict[int, list[str]]:
    """Gives each node's inputs as the tab writes them: `name`, or `name:1` for a second output."""
    sources: dict[int, list[str]] = defaultdict(list)
    for edge in sorted(graph.edges, key=lambda edge: (edge.target, edge.input)):
        name = names[edge.source]
        sources[edge.target].append(f"{name}:{edge.output}" if edge.output else name)
    return sources


def _operation(node: Node) -> str:
    return node.kind.capitalize() if node.kind in {"input", "output"} else node.name


def _device(node: Node) -> str:
    specs = node.outputs or node.inputs
    return specs[0].device if specs else ""


def _facts(node: Node) -> dict[str, str | int | None]:
    dtypes = ", ".join(dict.fromkeys(spec.dtype for spec in node.outputs))
    name = node.name if node.kind in {"input", "output"} else ""
    return {"name": name, "flops": node.flops, "dtype": dtypes}


def _module_facts(entry: ModuleEntry, cost: ModuleCost) -> dict[str, str | int | None]:
    return {
        _COLOR_ATTRIBUTE: family_of(entry.class_name).name,
        "path": entry.path,
        "class": entry.class_name,
        "config": entry.config,
        "parameters": cost.parameters,
        "trainable": cost.trainable_parameters,
        "mode": "train" if entry.training else "eval",
    }


def _add_attributes(shown: Any, facts: dict[str, str | int | None]) -> None:
    for name, fact in facts.items():
        if isinstance(fact, int):
            shown.attr[name].i = fact
        elif fact:
            # A name may hold what no encoding has.
            shown.attr[name].s = fact.encode("utf-8", "backslashreplace")


def _add_shapes(shown: Any, outputs: tuple[TensorSpec, ...]) -> None:
    shapes = shown.attr["_output_shapes"].list
    for spec in outputs:
        shape = shapes.shape.add()
        for size in spec.shape:
            shape.dim.add(size=size)
