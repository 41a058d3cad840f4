"""Records as earlier versions wrote them: `fixtures/` holds what they made of one small model.

The schema's version is 1 since the beginning, and fields were added. A field that is missing has
its default, which says that nothing is known of it.
"""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import load_record
from modelviz_callbacks.archive.manifest import with_resume
from modelviz_callbacks.archive.reader import read_manifest_text
from modelviz_callbacks.cli.main import main
from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.draw.page.content import PageContent
from modelviz_callbacks.draw.page.render import render_page
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph.tracing import traced

FIXTURES = Path(__file__).with_name("fixtures")
WITHOUT_GRAPH = "before_graphs"
RECORDS = sorted(folder.name for folder in FIXTURES.iterdir())


class Net(nn.Module):
    """The model of the fixtures."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x + self.blocks(x))


Net.__module__ = "nets"


def graph_of_today() -> ArchitectureGraph:
    return traced(Net(), torch.zeros(2, 4))


def test_there_is_a_record_for_each_field_that_was_added() -> None:
    """A fixture lacks what was added after it."""
    lacking = {
        "before_graphs": "bytes_by_dtype",
        "before_resumes": "resumes",
        "before_rungs": "rungs",
        "before_digests": "graph_digest",
    }
    assert sorted(lacking) == RECORDS
    for name, field in lacking.items():
        assert field not in read_manifest_text(str(FIXTURES / name / "architecture"))


@pytest.mark.parametrize("name", RECORDS)
def test_an_older_record_is_opened(name) -> None:
    """By its run's folder; what was not known then is empty."""
    manifest = load_record(FIXTURES / name).manifest
    assert manifest.status == "complete"
    assert manifest.totals["parameters"] == 38
    assert (manifest.resumes, manifest.drift, manifest.resumed_from) == ((), (), None)
    assert all(artifact.rungs == () for artifact in manifest.artifacts)
    noted = with_resume(manifest.to_json(), {"at": "now", "checkpoint": "a.ckpt"})
    assert '"a.ckpt"' in noted


@pytest.mark.parametrize("name", [name for name in RECORDS if name != WITHOUT_GRAPH])
def test_an_older_graph_is_shown_drawn_and_compared_with_todays(name, capsys) -> None:
    """The same model is the same architecture, whichever version wrote it down."""
    record = load_record(FIXTURES / name)
    graph, today = record.graph(), graph_of_today()
    assert not compare(graph, today)
    assert not compare(today, graph)
    assert fingerprints(graph) == fingerprints(today) == record.manifest.fingerprints
    assert Costs.of(graph).total().parameters == 38
    assert "BatchNorm1d" in architecture_dot(graph, 3)[0]
    told = json.loads(record.manifest.to_json())
    assert "Content-Security-Policy" in render_page(PageContent("old", told, graph))
    assert main(["show", str(FIXTURES / name)]) == 0
    assert "BatchNorm1d" in capsys.readouterr().out


def test_a_record_from_before_there_were_graphs_says_so() -> None:
    """One error, and what to do."""
    with pytest.raises(RecordError, match=r"lists no architecture\.json.*Choose another"):
        load_record(FIXTURES / WITHOUT_GRAPH).graph()
