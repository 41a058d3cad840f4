"""A graph as Google's Model Explorer reads it: a graph collection as JSON.

https://github.com/google-ai-edge/model-explorer/blob/main/src/ui/src/components/visualizer/common/input_graph.ts
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.diagram.module_families import family_of
from modelviz_callbacks.export.exported import Exported
from modelviz_callbacks.graph.costs import Costs, ModuleCost
from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Edge,
    Failure,
    ModuleEntry,
    Node,
    TensorSpec,
)
from modelviz_callbacks.graph.plain_text import last_part
from modelviz_callbacks.graph.scope_names import scope_names
from modelviz_callbacks.graph.units import human_count

_GRAPH_ID = "first training step"


def to_model_explorer(graph: ArchitectureGraph, label: str = "") -> Exported:
    """Gives the whole graph; Model Explorer opens and closes its levels itself.

    Args:
        graph: The graph.
        label: What the collection is called, like the run; by default the model's class.

    Returns:
        JSON. A node's id is its module's path with `/`, and its place where it comes again
        (`block_1`): data about nodes can be made for it. Modules that hold others are layers.
    """
    name = last_part(graph.modules[0].class_name) if graph.modules else ""
    collection = {"label": label or name or "model", "graphs": [_Conversion(graph).graph()]}
    # Escaped to ASCII: a name may hold what no encoding has.
    return Exported(json.dumps(collection, allow_nan=False) + "\n", graph.notes)


class _Conversion:
    def __init__(self, graph: ArchitectureGraph) -> None:
        self._graph = graph
        self._names = scope_names(graph)
        self._entries = {entry.path: entry for entry in graph.modules}
        self._costs = Costs.of(graph).by_module()
        self._layers = {node.parent for node in graph.nodes}
        self._edges: dict[int, list[Edge]] = {}
        for edge in graph.edges:
            self._edges.setdefault(edge.target, []).append(edge)

    def graph(self) -> dict[str, Any]:
        leaves = (node for node in self._graph.nodes if node.id not in self._layers)
        return {
            "id": _GRAPH_ID,
            "nodes": [self._node(node) for node in leaves],
            "groupNodeAttributes": self._layer_attributes(),
        }

    def _node(self, node: Node) -> dict[str, Any]:
        name = self._names[node.id]
        return {
            "id": name,
            "label": _label(node),
            "namespace": name.rpartition("/")[0],
            "attrs": _listed(self._attributes(node)),
            "incomingEdges": [self._edge(edge) for edge in self._edges.get(node.id, ())],
            "inputsMetadata": _tensors(node.inputs),
            "outputsMetadata": _tensors(node.outputs),
            "style": self._style(node),
        }

    def _edge(self, edge: Edge) -> dict[str, str]:
        return {
            "sourceNodeId": self._names[edge.source],
            "sourceNodeOutputId": str(edge.output),
            "targetNodeInputId": str(edge.input),
        }

    def _attributes(self, node: Node) -> dict[str, str]:
        if node.kind in {"input", "output"}:
            return {"name": node.name}
        own = {} if node.path is None else self._of_module(node.path)
        if "FLOPs" not in own and node.flops is not None:
            own["FLOPs"] = human_count(node.flops)
        return {**own, **self._stopped(node)}

    def _stopped(self, node: Node) -> dict[str, str]:
        failure = self._graph.failure
        if failure is None or failure.node != node.id:
            return {}
        return {"stopped here": _raised(failure)}

    def _of_module(self, path: str) -> dict[str, str]:
        entry = self._entries.get(path)
        if entry is None:
            return {}
        return {key: value for key, value in _told(entry, self._costs[path]) if value}

    def _layer_attributes(self) -> dict[str, dict[str, str]]:
        failure = self._graph.failure
        stopped = {} if failure is None else {"the step stopped": _raised(failure)}
        layers = {"": {**self._of_module(""), **stopped}}
        for node in self._graph.nodes:
            for name, path in self._layers_of(node):
                layers.setdefault(name, self._of_module(path))
        for node in self._graph.nodes:
            if node.id in self._layers:
                layers.setdefault(self._names[node.id], {}).update(self._stopped(node))
        return layers

    def _layers_of(self, node: Node) -> Iterator[tuple[str, str]]:
        """Gives the layers that a call is in or is, each with the path of its module."""
        name = self._names[node.id]
        # A name has a part for each part of the path, unless what holds the call is elsewhere.
        if node.path is None or name.count("/") != node.path.count("."):
            return
        pairs = zip(_above(name, "/"), _above(node.path, "."), strict=True)
        yield from itertools.islice(pairs, 0 if node.id in self._layers else 1, None)

    def _style(self, node: Node) -> dict[str, str]:
        if self._stopped(node):
            # Model Explorer writes in black on any colour: a light red.
            return _style(palette.DARK[palette.FAILED_NAME], palette.FAILED_LINE)
        if node.kind in {"input", "output"}:
            return _style(palette.CONTAINER.fill, palette.END_FILL)
        entry = None if node.path is None else self._entries.get(node.path)
        if node.kind == "op" or entry is None:
            return _style(palette.OPERATION.fill, palette.OPERATION.line)
        family = family_of(entry.class_name)
        return _style(family.fill, family.line)


def _raised(failure: Failure) -> str:
    return f"{failure.exception}: {failure.message}"


def _label(node: Node) -> str:
    if node.kind == "op":
        return node.name or node.kind
    if node.path is None:
        name = node.name.removeprefix(f"{node.kind}.")
        return name if name == node.kind else f"{node.kind} {name}"
    return f"{node.name} {node.path.rpartition('.')[2]}".strip() or node.kind


def _told(entry: ModuleEntry, cost: ModuleCost) -> Iterator[tuple[str, str]]:
    yield "class", entry.class_name
    yield "path", entry.path
    yield "configuration", entry.config
    yield "parameters", f"{cost.parameters:,}"
    yield "trainable parameters", f"{cost.trainable_parameters:,}"
    yield "FLOPs", "" if cost.flops_forward is None else human_count(cost.flops_forward)
    yield "calls", str(cost.calls)
    yield "mode", "train" if entry.training else "eval"
    yield "runs", entry.runs
    yield "is", entry.tied_to or ""


def _tensors(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    return [{"id": str(place), "attrs": _listed(_tensor(spec))} for place, spec in enumerate(specs)]


def _tensor(spec: TensorSpec) -> dict[str, str]:
    # The names that Model Explorer itself looks for: it writes shapes on lines.
    shape = f"{spec.dtype}[{', '.join(map(str, spec.shape))}]"
    return {"tensor_shape": shape, "device": spec.device, "__tensor_tag": spec.name}


def _listed(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in attributes.items() if value]


def _style(fill: str, line: str) -> dict[str, str]:
    return {"backgroundColor": fill, "borderColor": line}


def _above(name: str, separator: str) -> Iterator[str]:
    """Gives a name and those above it: `"a/b"`, `"a"`."""
    while name:
        yield name
        name = name.rpartition(separator)[0]
