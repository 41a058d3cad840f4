"""Model Explorer's JSON: what its own types say, and that every end of an edge is there."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from modelviz_callbacks.export.model_explorer import to_model_explorer
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.export.hostile_names import NAMES
from tests.graph_drafts import residual_stack, state
from tests.written_records import small_graph

SCHEMA = json.loads((Path(__file__).parent / "model_explorer.schema.json").read_text("utf-8"))


def exported(graph: ArchitectureGraph, label: str = "") -> dict[str, Any]:
    """The graph in a file that is valid, whose edges have ends and whose layers are known."""
    text = to_model_explorer(graph, label).text
    assert text.isascii()
    collection = json.loads(text)
    jsonschema.validate(collection, SCHEMA)
    (made,) = collection["graphs"]
    nodes = {node["id"]: node for node in made["nodes"]}
    assert len(nodes) == len(made["nodes"])
    for node in nodes.values():
        for edge in node["incomingEdges"]:
            assert edge["sourceNodeId"] in nodes
        assert node["namespace"] in made["groupNodeAttributes"]
        # A layer and a node of one name would be one thing.
        assert node["id"] not in {other["namespace"] for other in nodes.values()}
    return {"label": collection["label"], "nodes": nodes, "layers": made["groupNodeAttributes"]}


def test_calls_are_nodes_in_the_layers_of_their_modules() -> None:
    """By path; modules that hold others have what is known of them on their layers."""
    made = exported(residual_stack(2)[0].build(), "exp1")
    assert made["label"] == "exp1"
    first = made["nodes"]["blocks/0-Block/0-Linear"]
    assert (first["label"], first["namespace"]) == ("Linear 0", "blocks/0-Block")
    attributes = {entry["key"]: entry["value"] for entry in first["attrs"]}
    assert (
        attributes.items()
        >= {
            "path": "blocks.0.0",
            "configuration": "8, 8",
            "parameters": "64",
            "mode": "train",
        }.items()
    )
    assert made["layers"]["blocks/0-Block"]["parameters"] == "128"
    assert made["layers"][""]["class"] == "Model"


def test_edges_and_tensors_are_told() -> None:
    """From which output to which input, with shapes under the name that is looked for."""
    made = exported(residual_stack(1)[0].build())["nodes"]
    ends = [
        (edge["sourceNodeId"], edge["sourceNodeOutputId"], edge["targetNodeInputId"])
        for edge in made["blocks/0-Block/0-Linear"]["incomingEdges"]
    ]
    assert ends == [("x", "0", "0"), ("mask", "0", "1")]
    (output,) = made["mask"]["outputsMetadata"]
    assert {"key": "tensor_shape", "value": "float32[8, 8]"} in output["attrs"]


def test_a_module_that_is_called_twice_is_there_twice() -> None:
    """Its second layer has what is known of it as well."""
    draft = small_graph()
    draft.module("block", "Block")
    draft.module("block.fc", "Linear", state("weight", 8, 8))
    for _ in range(2):
        draft.call("block.fc", draft.call("block", 1, inputs=()), 2)
    made = exported(draft.build())
    assert {"block/fc", "block_1/fc"} <= made["nodes"].keys()
    assert made["layers"]["block_1"] == made["layers"]["block"]
    assert made["layers"]["block"]["calls"] == "2"


def test_where_the_step_stopped_is_coloured_and_told() -> None:
    """On the node, or on the layer if it was in none of its parts."""
    draft = small_graph()
    draft.fail(draft.call("head", 1, 0))
    node = exported(draft.build())["nodes"]["head_1"]
    told = {"key": "stopped here", "value": "RuntimeError: shapes cannot be multiplied"}
    assert told in node["attrs"]
    assert node["style"] != exported(small_graph().build())["nodes"]["head"]["style"]
    draft = small_graph()
    draft.fail(1)
    layers = exported(draft.build())["layers"]
    assert {"stopped here", "the step stopped"} <= layers[""].keys()


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name_is_text_whatever_is_in_it(name) -> None:
    """It makes no layer of its own and comes back as it was."""
    draft = small_graph(name, name)
    draft.module(f"part{name}", name)
    draft.output(name, draft.call(f"part{name}", 1, 2))
    draft.op(name, 1, 2)
    made = exported(draft.build())
    paths = [
        entry["value"]
        for n in made["nodes"].values()
        for entry in n["attrs"]
        if entry["key"] == "path"
    ]
    assert f"part{name}" in paths
