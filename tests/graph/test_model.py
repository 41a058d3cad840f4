"""The graph as JSON: its schema, and reading it back."""

import functools
import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.graph.model import SCHEMA_VERSION, ArchitectureGraph, Failure
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.graph.tracing import traced
from tests.models import HostileNet, calls_of_every_kind, digits

SCHEMA = json.loads(
    (resources.files("modelviz_callbacks.graph") / "architecture.schema.json").read_text("utf-8")
)


class Ends(nn.Module):
    """Gives out a dict, a scalar and nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(8, 8)

    def forward(self, x: Tensor) -> dict[str, Any]:
        h, c = self.cell(x)
        h, c = self.cell(x, (h, c))
        return {"state": (h, c), "loss": c.sum(), "none": None}


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, 8))
    model[2].weight = model[0].weight
    model.append(model[0])
    return model


@functools.cache
def graphs() -> dict[str, ArchitectureGraph]:
    x = digits(4)
    hostile = nn.Sequential()
    hostile.add_module('"層\n\x1b</script>', nn.Linear(8, 8))
    made = {name: traced(model, *args, **kw) for name, model, args, kw in calls_of_every_kind()}
    return made | {
        "nothing": ArchitectureGraph(),
        "before any step": ArchitectureGraph(describe_modules(tied())),
        "lazy": ArchitectureGraph(describe_modules(nn.LazyConv2d(3, 3))),
        "hostile state": traced(HostileNet(), x),
        "hostile names": traced(hostile, x),
        "tied": traced(tied(), x),
        "several ends": traced(Ends(), x),
        "crash in a module": traced(nn.Sequential(nn.ReLU(), nn.Linear(5, 2)), x),
        "crash in an operation": traced(Crash(), x),
        "compiled": ArchitectureGraph(describe_modules(nn.Sequential(torch.compile(tied())))),
        "notes": ArchitectureGraph(notes=("not all was seen",)),
        "crash outside": ArchitectureGraph(failure=Failure(None, None, None, (), "OSError", "")),
    }


class Crash(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu() @ x


@pytest.mark.parametrize("kind", graphs())
def test_every_kind_of_graph_is_as_the_schema_says(kind) -> None:
    """What is written is what is described, and nothing in it is undescribed."""
    content = json.loads(graphs()[kind].to_json())
    jsonschema.Draft202012Validator(_closed(SCHEMA)).validate(content)


def test_the_schema_is_one_and_describes_everything() -> None:
    """It is valid itself, each property has a description, and older records are valid, too."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        assert part["description"]
        assert all("description" in value for value in part["properties"].values())
        assert sorted(part["required"]) == sorted(part["properties"].keys() - {"persistent"})


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": "1"},
        {"nodes": [{"id": 0, "kind": "layer"}]},
        {"edges": [{"source": -1, "target": 0, "output": 0, "input": 0}]},
        {"modules": None},
    ],
)
def test_the_schema_refuses_what_is_wrong(change) -> None:
    """And lets pass what a later version adds."""
    content = json.loads(ArchitectureGraph().to_json())
    jsonschema.validate(content | {"added_later": 1}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | change, SCHEMA)


def _closed(schema: Any) -> Any:
    """Forbids undescribed properties, as the published schema does not."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return closed | {"additionalProperties": False} if "required" in schema else closed


@pytest.mark.parametrize("kind", graphs())
def test_a_graph_comes_back_as_it_was(kind) -> None:
    """The same graph, and the same bytes when it is written again."""
    graph = graphs()[kind]
    text = graph.to_json()
    again = ArchitectureGraph.from_json(text)
    assert again == graph
    assert again.to_json().encode() == text.encode()


def test_what_a_later_version_added_is_ignored() -> None:
    """At every level, as long as the schema's version is the same."""
    graph = graphs()["crash in an operation"]
    assert ArchitectureGraph.from_json(json.dumps(_grown(json.loads(graph.to_json())))) == graph


def _grown(value: Any) -> Any:
    if isinstance(value, dict):
        return {"added": [1], **{key: _grown(item) for key, item in value.items()}}
    return [_grown(item) for item in value] if isinstance(value, list) else value


def test_a_newer_schema_is_refused_with_the_remedy() -> None:
    """One sentence: what was found, what is read, what to do."""
    text = ArchitectureGraph().to_json()
    newer = text.replace(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 99')
    with pytest.raises(
        ValueError, match=r"schema_version=99.* up to 1\. Update modelviz-callbacks"
    ):
        ArchitectureGraph.from_json(newer)


@pytest.mark.parametrize("kept", [0, 1, 20, 400, -3])
def test_a_truncated_file_is_refused(kept) -> None:
    """Wherever it was cut off."""
    text = graphs()["tied"].to_json()
    with pytest.raises(ValueError, match="no architecture graph, or a part of one only"):
        ArchitectureGraph.from_json(text[:kept])


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '"graph"',
        "{}",
        "[" * 100_000,
        "\x00\x01",
        '{"schema_version": true}',
        '{"schema_version": 0}',
        '{"schema_version": 1}',
    ],
)
def test_other_files_are_refused(text) -> None:
    """One kind of error, whatever is in them."""
    with pytest.raises(ValueError, match="no architecture graph"):
        ArchitectureGraph.from_json(text)


@pytest.mark.parametrize(
    ("place", "value"),
    [("modules", 3), ("edges", ["x"]), ("nodes", ["x"]), ("nodes", [{}]), ("failure", "x")],
)
def test_files_with_other_content_are_refused(place, value) -> None:
    """The places are there, with something else in them."""
    content = json.loads(ArchitectureGraph().to_json()) | {place: value}
    with pytest.raises(ValueError, match="no architecture graph"):
        ArchitectureGraph.from_json(json.dumps(content))
