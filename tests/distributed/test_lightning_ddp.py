"""Lightning's DDP strategies on two real ranks, started as users start them."""

from pathlib import Path

import pytest

from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.distributed.launch import launch

# The record's place in the run's folder.
FITS = {
    "no logger": "architecture",
    "tensorboard": "lightning_logs/version_0/architecture",
    "csv, no checkpoints": "lightning_logs/version_0/architecture",
    "own checkpoints": "own/architecture",
    "accumulate": "architecture",
    "callback on rank 0 alone": "lightning_logs/version_0/architecture",
    "static graph": "architecture",
    "unused parameters": "architecture",
    "compiled": "architecture",
}
COMMUNICATES = "compiled, communicates"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """All the fits, in one program: starting one takes longer than a fit."""
    folder = tmp_path_factory.mktemp("runs")
    ended = launch("lightning_ddp.py", folder, *FITS, COMMUNICATES)
    assert ended.status == 0, ended.output
    assert "ModelVizWarning" not in ended.output
    return folder


@pytest.mark.parametrize("name", FITS)
def test_rank_0_records_and_both_ranks_fit_as_without_us(name, runs) -> None:
    """One complete record beside the checkpoints; metrics that all ranks log together are equal."""
    assert (runs / name / "same-0").exists()
    assert (runs / name / "same-1").exists()
    record = find_record(runs / name)
    assert record == runs / name / "with" / FITS[name]
    assert statuses(record) == ALL_OK
    manifest = read_manifest(record)
    assert manifest["status"] == "complete"
    environment = manifest["environment"]
    assert (environment["strategy"], environment["world_size"]) == ("DDPStrategy", 2)
    assert environment["device"] == "cpu"


def test_parameters_are_counted_once(runs) -> None:
    """The totals are the module's, however many ranks have it."""
    # Twice a linear layer, a norm and the head; the idle layer.
    totals = read_manifest(find_record(runs / "own checkpoints"))["totals"]
    assert totals["parameters"] == (8 * 8 + 8) + 2 * 8 + (8 * 4 + 4) + (8 * 8 + 8)


def test_a_compiled_step_that_communicates_is_shown_as_far_as_it_can_be(runs) -> None:
    """The rehearsal on rank 0 ends at the metric that waits for the other ranks."""
    assert (runs / COMMUNICATES / "same-1").exists()
    record = find_record(runs / COMMUNICATES)
    assert statuses(record) == ALL_OK
    notes = read_manifest(record)["notes"]
    assert any("the rehearsal was ended" in note and "calls barrier" in note for note in notes)


def test_spawned_ranks_are_recorded_too(tmp_path) -> None:
    """The callback is sent to them."""
    ended = launch("lightning_ddp.py", tmp_path, "spawned")
    assert ended.status == 0, ended.output
    assert statuses(find_record(tmp_path)) == ALL_OK


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_crashes_in_the_first_step_leaves_a_record(rank, tmp_path) -> None:
    """Whichever it is: rank 0 has seen its own step."""
    ended = launch("lightning_ddp.py", tmp_path, f"crash {rank}")
    assert ended.status != 0
    assert f"rank {rank} ends here" in ended.output
    record = find_record(tmp_path)
    manifest = read_manifest(record)
    assert manifest["status"] == "failed_step"
    assert ("rank 0 ends here" in manifest["exception"]["message"]) == (rank == 0)
    assert statuses(record) == ALL_OK
