"""Records that anybody may have written: they are shown, or refused by one kind of error.

`HYPOTHESIS_PROFILE=long python -m pytest tests/test_fuzzed_records.py` looks much further.
"""

import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.draw.page.content import PageContent
from modelviz_callbacks.draw.page.render import render_page
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.diff_text import describe_diff
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.fold import view_graph
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.record_text import record_text
from modelviz_callbacks.table.architecture_table import architecture_table
from tests.graph.test_model import graphs
from tests.mutations import mutated

COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
settings.register_profile("ci", max_examples=150, derandomize=True, **COMMON)
settings.register_profile("long", max_examples=20_000, **COMMON)
CHOSEN = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

GRAPHS = [text for graph in graphs().values() if len(text := graph.to_json()) < 9_000]
KNOWN = [ArchitectureGraph.from_json(text) for text in GRAPHS]
MANIFEST = Manifest(
    created_at="2026-01-31T12:00:00Z",
    status="failed_step",
    model={"class": "nets.Net", "roots": ["", "head"]},
    input={"x": {"shape": [2, 3], "dtype": "float32", "device": "cpu", "requires_grad": False}},
    root_calls=({"path": "", "class": "nets.Net", "training": True, "autocast": {"cpu": "bf16"}},),
    environment={"versions": {"torch": "2.14"}, "world_size": 1, "device": "cpu"},
    totals={"parameters": 3, "flops_forward": None, "uninitialized": 2, "uncounted_calls": 1},
    fingerprints={"structure": "sha256:01"},
    artifacts=(
        Artifact("table", "architecture", "", "ok", ("table.txt",)),
        Artifact("graph", "architecture", "", "ok", ("architecture.json",)),
        Artifact(
            "autograd", "torchviz", "head", "failed", ("head/autograd.gv",), ("a note",), "no",
            rungs=({"rung": "folded", "limit_s": 1.5, "seconds": 0.5, "outcome": "timed out"},),
        ),
    ),
    notes=("a note",),
    exception={"type": "OSError", "message": "no", "traceback_file": "errors/step.txt"},
    resumed_from={"checkpoint": "a.ckpt", "epoch": 1, "record": "../a", "differ": ["structure"]},
    drift=("added: head",),
    resumes=({"at": "now", "checkpoint": "b.ckpt", "compared": ["structure"], "record": None},),
)  # fmt: skip
PAGES_SCRIPTS = 2


def page_of(graph: ArchitectureGraph | None, manifest: Manifest = MANIFEST) -> str:
    told = json.loads(manifest.to_json())
    diagrams = {} if graph is None or not graph.nodes else {1: "<svg></svg>"}
    return render_page(PageContent("architecture", told, graph, 1, diagrams))


def check_page(page: str) -> None:
    """Its scripts are ours, by their hashes; all else is data; any browser can decode it."""
    page.encode("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', page)
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; script-src( 'sha256-[\w+/=]{44}')+; style-src 'sha256-[\w+/=]{44}'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        policy[1],
    )
    data = re.findall(
        r'<script type="application/octet-stream" id="block-[\w-]+">[\w+/=]*</script>', page
    )
    assert page.count("<script") == len(data) + PAGES_SCRIPTS


def show_all(graph: ArchitectureGraph) -> None:
    """Does with a graph what the package does with a record's."""
    costs = Costs.of(graph)
    costs.total()
    costs.by_module()
    costs.never_called()
    fingerprints(graph)
    for depth in (1, 4):
        view_graph(graph, depth)
        architecture_dot(graph, depth)
        architecture_table(graph, depth)
    check_page(page_of(graph))


@CHOSEN
@given(mutated(GRAPHS), st.sampled_from(KNOWN))
def test_a_graph_is_refused_or_can_be_shown_and_compared(text: str, known: ArchitectureGraph):
    """What cannot be read is a ValueError, and nothing stumbles over what can."""
    try:
        graph = ArchitectureGraph.from_json(text)
    except ValueError:
        return
    show_all(graph)
    for old, new in ((known, graph), (graph, known), (graph, graph)):
        describe_diff(compare(old, new), 3)
    assert not describe_diff(compare(graph, graph), 3)
    assert ArchitectureGraph.from_json(graph.to_json()) == graph


@CHOSEN
@given(mutated([MANIFEST.to_json()]))
def test_a_manifest_is_refused_or_can_be_shown(text: str) -> None:
    """On the page and in TensorBoard; its files are in the record's folder."""
    try:
        manifest = Manifest.from_json(text)
    except ValueError:
        return
    check_page(page_of(None, manifest))
    record_text(manifest, "runs/a/architecture", None)
    for name in manifest.files:
        assert not {"", "..", "."} & set(name.split("/"))
    assert Manifest.from_json(manifest.to_json()) == manifest


@CHOSEN
@given(st.binary(max_size=200), st.sampled_from([b"", b'{"schema_version": 1, ', b"\xef\xbb\xbf{"]))
def test_bytes_are_no_record(content: bytes, start: bytes) -> None:
    """One kind of error, with the file's name."""
    with TemporaryDirectory() as folder:
        for name in ("manifest.json", "architecture.json"):
            Path(folder, name).write_bytes(start + content)
            with pytest.raises(RecordError, match=name):
                open_record(folder).graph()
            Path(folder, "manifest.json").write_text(MANIFEST.to_json())
