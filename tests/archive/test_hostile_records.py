"""Records that somebody made to do harm, or damaged by hand: one clear error, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelviz_callbacks.archive.manifest import Artifact, Manifest, digest_of
from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph_drafts import GraphDraft, state

MANIFEST = Manifest(
    "2026-01-31T12:00:00Z",
    model={"class": "Net", "roots": [""]},
    artifacts=(
        Artifact("graph", "architecture", "", "ok", ("architecture.json",)),
        Artifact("table", "architecture", "", "ok", ("net/table.txt",)),
    ),
)


def small_graph() -> ArchitectureGraph:
    draft = GraphDraft()
    draft.module("", "Net")
    draft.module("a", "Linear", state("weight", 8, 8))
    draft.module("b", "Linear", state("weight", 8, 8, tied_to="a.weight"))
    draft.module("c", "Linear", tied_to="a")
    x = draft.input()
    root = draft.call("", None, inputs=())
    draft.output("out", draft.call("b", root, draft.call("a", root, x)))
    return draft.build()


def write(folder: Path, manifest: Any = None, graph: Any = None) -> str:
    (folder / "manifest.json").write_text(
        manifest if isinstance(manifest, str) else json.dumps(manifest or told(MANIFEST))
    )
    graph = json.dumps(graph) if isinstance(graph, dict) else graph
    (folder / "architecture.json").write_text(graph or small_graph().to_json())
    return str(folder)


def told(manifest: Manifest) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(manifest.to_json())
    return content


def changed(content: Any, place: str, value: Any) -> Any:
    """Sets what stands at a place like `"nodes.1.parent"`."""
    *way, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    at = content
    for part in way:
        at = at[part]
    at[last] = value
    return content


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("modules.1.path", "", r"modules\[1\]\.path is ''"),
        ("modules.1.path", "b.a", r"modules\[2\] comes after a module in it"),
        ("modules.1.path", "a." * 1_000, r"modules\[1\]\.path is nested more than 1000 levels"),
        ("modules.1.tied_to", "c", r"modules\[1\]\.tied_to is 'c'"),
        ("modules.3.tied_to", "c", r"modules\[3\]\.tied_to is 'c'"),
        ("modules.2.parameters.0.tied_to", "b.weight", r"modules\[2\]: tied_to of 'weight'"),
        ("modules.1.parameters.0.shape", [8, -1], r"a shape is \[8, -1\]"),
        ("modules.1.parameters.0.shape", [2**126, 2], "a shape is"),
        ("modules.1.parameters.0.shape", [1] * 65, "a shape is"),
        ("modules.1.parameters.0.shape", [8, 8.0], r"modules\[1\]\.parameters\[0\]\.shape\[1\] is"),
        ("modules.1.parameters.0.shape", [True], r"shape\[0\] is True, and should be an integer"),
        ("modules.1.parameters.0.shape", [10**300], r"shape\[0\] is 1000"),
        ("modules.1.parameters.0.shape", "88", r"shape is '88', and should be a list"),
        ("modules.1.parameters.0.requires_grad", 1, "and should be true or false"),
        ("modules.1.class", None, r"modules\[1\]\.class is None, and should be a text"),
        ("modules.1", ["a"], r"modules\[1\] is \['a'\], and should be an object"),
        ("nodes.1.id", 0, r"nodes\[1\]\.id is 0"),
        ("nodes.1.id", "1", r"nodes\[1\]\.id is '1'"),
        ("nodes.1.kind", "layer", r"nodes\[1\]\.kind is 'layer', and should be one of 'module'"),
        ("nodes.1.path", None, r"nodes\[1\]\.path is None"),
        ("nodes.2.parent", 3, r"nodes\[2\]\.parent is 3, and should be an earlier call"),
        ("nodes.2.parent", 2, r"nodes\[2\]\.parent is 2"),
        ("nodes.2.parent", 0, r"nodes\[2\]\.parent is 0"),
        ("nodes.2.parent", -1, r"nodes\[2\]\.parent is -1"),
        ("nodes.2.flops", -1, r"nodes\[2\]\.flops is -1"),
        ("edges.0.source", 99, r"edges\[0\]\.source is 99"),
        ("edges.0.target", 1, r"edges\[0\]\.target is 1, .* that no others are in"),
        ("edges.0.input", -1, r"edges\[0\] is -1"),
        ("failure", {"node": 99, "path": None, "operation": None, "inputs": [],
                     "exception": "E", "message": ""}, r"failure\.node is 99"),
        ("failure", {"node": 1}, r"failure has no 'path'"),
        ("notes", [1], r"notes\[0\] is 1"),
    ],
)  # fmt: skip
def test_a_graph_that_does_not_fit_together_is_refused(place, value, message, tmp_path) -> None:
    """The error says which record, which file, where in it and why."""
    graph = changed(json.loads(small_graph().to_json()), place, value)
    record = open_record(write(tmp_path, graph=graph))
    with pytest.raises(RecordError, match=rf"{tmp_path}: architecture\.json: .*{message}"):
        record.graph()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("artifacts.1.files", ["../../etc/passwd"], "lists a file outside of its record"),
        ("artifacts.1.files", ["/etc/passwd"], "lists a file outside of its record"),
        ("artifacts.1.files", ["net/../../table.txt"], "lists a file outside of its record"),
        ("artifacts.1.files", ["net\\..\\table.txt"], "lists a file outside of its record"),
        ("artifacts.1.files", ["net/\0"], "lists a file outside of its record"),
        ("artifacts.1.files", [""], "lists a file outside of its record"),
        ("artifacts.1.files", [3], r"artifacts\[1\]\.files\[0\] is 3"),
        ("exception", {"traceback_file": "../step.txt"}, "lists a file outside of its record"),
        ("staged", {"net/table.txt": "../a.tmp"}, "lists a file outside of its record"),
        ("artifacts.0.status", "fine", r"artifacts\[0\]\.status is 'fine'"),
        ("totals", {"parameters": "many"}, r"totals\['parameters'\] is 'many'"),
        ("totals", {"parameters": 10**300}, r"totals\['parameters'\] is 1000"),
        ("environment", {"versions": ["torch"]}, r"environment\['versions'\] is \['torch'\]"),
        ("model", {"class": 3}, r"model\['class'\] is 3"),
        ("input", {"x": {"shape": [None]}}, r"input\['x'\]\['shape'\]\[0\] is None"),
        ("resumes", [{"at": 3}], r"resumes\[0\]\['at'\] is 3"),
        ("fingerprints", {"structure": None}, r"fingerprints\['structure'\] is None"),
    ],
)
def test_a_manifest_that_is_none_is_refused(place, value, message, tmp_path) -> None:
    """Wherever in it something is wrong; a name in it leads nowhere else."""
    folder = write(tmp_path, manifest=changed(told(MANIFEST), place, value))
    with pytest.raises(RecordError, match=rf"{tmp_path}: manifest\.json: .*{message}"):
        open_record(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"schema_version"', '"notes": [], "schema_version"', "the key 'notes' comes twice"),
        ('"notes": []', '"notes": [], "more": NaN', "NaN is no number"),
        ('"notes": []', '"notes": [], "more": -Infinity', "-Infinity is no number"),
        ('"notes": []', '"notes": [], "more": 1e999', "1e999 is too large"),
        ('"notes": []', f'"notes": [], "more": {"9" * 5_000}', "part of one only"),
        ('"notes": []', f'"notes": [], "more": {"[" * 5_000}{"]" * 5_000}', "recursion"),
    ],
)
@pytest.mark.parametrize("file", ["manifest.json", "architecture.json"])
def test_json_that_readers_take_in_different_ways_is_refused(
    file, old, new, message, tmp_path
) -> None:
    """Also in fields that nobody knows."""
    folder = write(tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(RecordError, match=rf"{tmp_path}: {file}: .*{message}"):
        open_record(folder).graph()


def test_what_is_nested_too_deep_is_refused_in_what_is_kept(tmp_path) -> None:
    """An object of a manifest is handed on as it is, to whoever writes it again."""
    nested: Any = 1
    for _ in range(60):
        nested = {"a": nested}
    folder = write(tmp_path, manifest=changed(told(MANIFEST), "environment", {"more": nested}))
    with pytest.raises(RecordError, match="nested more than 32 levels"):
        open_record(folder)


def test_another_graph_than_the_manifests_is_refused(tmp_path) -> None:
    """Whoever changed it: totals and fingerprints are not its own."""
    digest = digest_of(small_graph().to_json().encode())
    folder = write(tmp_path, manifest=changed(told(MANIFEST), "graph_digest", digest))
    assert open_record(folder).graph() == small_graph()
    file = tmp_path / "architecture.json"
    file.write_text(file.read_text().replace("Net", "Not"))
    with pytest.raises(RecordError, match=r"architecture\.json is another one.*Open .* again"):
        open_record(folder).graph()


def test_what_the_manifest_does_not_list_is_no_part_of_the_record(tmp_path) -> None:
    """A recording that was killed may have left it."""
    folder = write(tmp_path, manifest=changed(told(MANIFEST), "artifacts", []))
    (tmp_path / "table.txt").write_text("mine")
    with pytest.raises(RecordError, match=r"lists no architecture\.json"):
        open_record(folder).graph()
    for name in ("table.txt", "../secret.txt", "manifest.json"):
        with pytest.raises(RecordError, match="lists no"):
            open_record(folder).read(name)


def test_a_listed_file_is_read_from_where_it_lies(tmp_path) -> None:
    """New contents lie beside the old ones for a moment, and are moved then."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "table.txt").write_text("old")
    staged = {"net/table.txt": "net/.table.txt.tmp"}
    record = open_record(write(tmp_path, manifest=changed(told(MANIFEST), "staged", staged)))
    assert record.read("net/table.txt") == b"old"
    (tmp_path / "net" / ".table.txt.tmp").write_text("new")
    assert record.read("net/table.txt") == b"new"


@pytest.mark.parametrize("linked", ["net", "net/table.txt"])
def test_a_link_leads_nowhere(linked, tmp_path) -> None:
    """Neither a folder nor a file in a record is a way out."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "net").mkdir(parents=True)
    (elsewhere / "net" / "table.txt").write_text("secret")
    folder = tmp_path / "architecture"
    (folder / linked).parent.mkdir(parents=True)
    (folder / linked).symlink_to(elsewhere / linked)
    with pytest.raises(RecordError, match=r"net/table\.txt cannot be read"):
        open_record(write(folder)).read("net/table.txt")


MOST_MIB = 1_500
LIMITED = f"""
import resource, sys, time
from modelviz_callbacks.records import load_record
from modelviz_callbacks.errors import RecordError
assert "torch" not in sys.modules
resource.setrlimit(resource.RLIMIT_AS, ({MOST_MIB} << 20, {MOST_MIB} << 20))
started = time.process_time()
try:
    load_record(sys.argv[1]).graph()
except RecordError as error:
    print(str(error)[:300])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(round(time.process_time() - started, 1), "s,", peak)
"""
HEAD = '{"schema_version": 1, "modules": [], "nodes": [], "edges": [], "failure": null, "notes": ['


@pytest.mark.parametrize(
    ("file", "part", "size", "message"),
    [
        ("architecture.json", "[],", 200, "longer than"),
        ("manifest.json", "[],", 200, "longer than"),
        ("architecture.json", "[],", 60, "more than 4,000,000 values"),
        # As many as may be, of the kinds that take the most.
        ("architecture.json", '{"":0},', 12, "notes[0] is"),
        ("architecture.json", '"a 15 bytes 語",', 60, "of one only"),
    ],
)
def test_a_huge_file_takes_bounded_memory_and_time(file, part, size, message, tmp_path) -> None:
    """In a process that has no more memory than that; one ends somewhere in the middle."""
    folder = write(tmp_path)
    most = min(size, 60) << 20
    text = (HEAD + part * (most // len(part.encode()))).removesuffix(",")
    (tmp_path / file).write_text(text + ("" if message == "of one only" else "]}"), "utf-8")
    if size > 60:
        os.truncate(tmp_path / file, size << 20)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, folder],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert message in done.stdout
    assert file in done.stdout


def test_a_key_twice_in_a_large_object_is_found_at_once(tmp_path) -> None:
    """Counting each key among all would take hours."""
    keys = ",".join(f'"k{number}":0' for number in range(200_000))
    manifest = Manifest("2026-01-31T12:00:00Z").to_json().rstrip().removesuffix("}")
    text = f'{manifest}, "more": {{{keys},"k199999":0}}}}'
    (tmp_path / "manifest.json").write_text(text, "utf-8")
    with pytest.raises(RecordError, match="'k199999' comes twice"):
        open_record(str(tmp_path))
