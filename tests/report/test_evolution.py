"""What is said of a model's changes from run to run, and what is read for it."""

from pathlib import Path

import pytest

from modelviz_callbacks.archive.manifest import Artifact
from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.archive.search import find_records
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.report import evolution
from modelviz_callbacks.report.evolution import lineages
from modelviz_callbacks.report.runs import read_archive
from tests.report.archives import net, write_record


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The runs whose graphs are read."""
    seen: list[str] = []
    original = evolution.open_record

    def noted(directory: str) -> Record:
        seen.append(Path(directory).parent.name)
        return original(directory)

    monkeypatch.setattr(evolution, "open_record", noted)
    return seen


def _runs(root: Path, *graphs) -> tuple:
    for place, graph in enumerate(graphs):
        day = f"2026-01-{place + 1:02}T00:00:00Z"
        write_record(root / f"run{place}" / "architecture", graph, day)
    return read_archive(find_records(root)).runs


def test_a_step_is_where_the_architecture_is_another(tmp_path, read) -> None:
    """Equal runs are one step; graphs are read where two steps meet, each once."""
    runs = _runs(tmp_path, net(4), net(4), net(5), net(5), net(5, "fc", "head"))
    (lineage,) = lineages(runs, 60)
    assert [runs[place].run for place in lineage.runs] == [f"run{n}" for n in range(5)]
    assert [(runs[step.run].run, step.runs) for step in lineage.steps] == [
        ("run0", 2),
        ("run2", 2),
        ("run4", 1),
    ]
    assert lineage.steps[0].changes == ()
    assert "reconfigured: fc" in lineage.steps[1].changes[0]
    assert "added: head (Linear)" in lineage.steps[2].changes[0]
    assert read == ["run0", "run2", "run4"]


def test_a_crash_with_the_same_modules_is_no_change(tmp_path, read) -> None:
    """Half a data flow equals no other, and says nothing."""
    write_record(tmp_path / "a" / "architecture", net(), "2026-01-01T00:00:00Z")
    graph = net()
    halved = {kind: value for kind, value in fingerprints(graph).items() if kind != "dataflow"}
    for name, day in (("b", 2), ("c", 3)):
        prints = halved if name == "b" else fingerprints(graph)
        write_record(
            tmp_path / name / "architecture",
            graph,
            f"2026-01-0{day}T00:00:00Z",
            fingerprints=prints,
        )
    (lineage,) = lineages(read_archive(find_records(tmp_path)).runs, 60)
    assert [step.runs for step in lineage.steps] == [3]
    assert read == []


def test_what_is_frozen_is_a_change(tmp_path) -> None:
    """The same modules, of which other parameters train."""
    (lineage,) = lineages(_runs(tmp_path, net(), net(trains=False)), 60)
    assert "not trained any more" in lineage.steps[1].changes[0]


def test_the_latest_changes_are_looked_at_and_the_others_told(tmp_path, read) -> None:
    """An archive of ten thousand variants is not read as a whole."""
    (lineage,) = lineages(_runs(tmp_path, *map(net, range(4, 9))), 60, most_compared=2)
    assert [bool(step.changes) for step in lineage.steps] == [False, False, False, True, True]
    assert lineage.steps[1].note == "only the latest 2 changes are looked at"
    assert read == ["run2", "run3", "run4"]


def test_going_back_and_forth_is_read_once(tmp_path, read) -> None:
    """The same two architectures in turns have the same two changes."""
    (lineage,) = lineages(_runs(tmp_path, *[net(4), net(5)] * 4), 60)
    assert len(lineage.steps) == 8
    assert all(step.changes for step in lineage.steps[1:])
    assert len(read) == 3


def test_a_graph_that_cannot_be_read_is_told_at_its_step(tmp_path) -> None:
    """The other steps are said all the same."""
    runs = _runs(tmp_path, net(4), net(5), net(6), net(7))
    (tmp_path / "run1" / "architecture" / "architecture.json").write_text("{")
    (lineage,) = lineages(runs, 60)
    assert [step.note is not None for step in lineage.steps] == [False, True, True, False]
    assert "run1" in (lineage.steps[1].note or "")
    assert lineage.steps[3].changes


def test_time_has_an_end(tmp_path, read) -> None:
    """Without time no graph is read, and that is said."""
    (lineage,) = lineages(_runs(tmp_path, net(4), net(5)), 0)
    assert lineage.steps[1].note == "there was no time to look; choose a larger --time-limit"
    assert read == []


def test_classes_have_lineages_of_their_own(tmp_path) -> None:
    """The one that changed last comes first, those that never did at the end."""
    kept, old, new = (f"my.{name}" for name in ("Kept", "Old", "New"))
    runs = _runs(
        tmp_path,
        net(4, class_name=old),
        net(4, class_name=new),
        net(5, class_name=old),
        net(5, class_name=new),
        net(4, class_name=kept),
    )
    assert [lineage.class_name for lineage in lineages(runs, 60)] == [new, old, kept]


def _without_graph(folder: Path, graph, created_at: str) -> None:
    """Writes the record of a run whose step was not watched: it has no data flow and no graph."""
    artifact = Artifact("modules", "repr", "", "ok", ("modules.txt",))
    known = {kind: value for kind, value in fingerprints(graph).items() if kind != "dataflow"}
    write_record(folder, graph, created_at, artifacts=(artifact,), fingerprints=known)


def test_a_record_without_a_graph_is_named_as_the_reason(tmp_path) -> None:
    """And nothing else is blamed."""
    _runs(tmp_path, net(4))
    _without_graph(tmp_path / "bare" / "architecture", net(5), "2026-01-02T00:00:00Z")
    (lineage,) = lineages(read_archive(find_records(tmp_path)).runs, 60)
    assert lineage.steps[1].note == "there is no graph in bare"


def test_another_run_of_the_same_architecture_tells_what_changed(tmp_path) -> None:
    """Where the first one has no graph, and the later one has."""
    _runs(tmp_path, net(4))
    _without_graph(tmp_path / "bare" / "architecture", net(5), "2026-01-02T00:00:00Z")
    write_record(tmp_path / "whole" / "architecture", net(5), "2026-01-03T00:00:00Z")
    runs = read_archive(find_records(tmp_path)).runs
    (lineage,) = lineages(runs, 60)
    assert runs[lineage.steps[1].run].run == "bare"
    assert lineage.steps[1].runs == 2
    assert "reconfigured: fc" in lineage.steps[1].changes[0]
