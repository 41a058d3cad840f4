"""A plain loop under torchrun: its ranks know their places before the process group does."""

from pathlib import Path

from tests.conftest import ALL_OK, read_manifest, statuses
from tests.distributed.launch import torchrun


def only_record(folder: Path) -> Path:
    assert [path.name for path in (folder / "run").iterdir()] == ["architecture"]
    return folder / "run" / "architecture"


def test_a_hook_made_before_the_process_group_records_on_rank_0_alone(tmp_path) -> None:
    """One complete record, with its pictures; both ranks train as without us."""
    ended = torchrun("plain_ddp.py", tmp_path)
    assert ended.status == 0, ended.output
    assert (tmp_path / "same-0").exists()
    assert (tmp_path / "same-1").exists()
    record = only_record(tmp_path)
    assert statuses(record) == ALL_OK
    assert (record / "architecture.png").is_file()
    environment = read_manifest(record)["environment"]
    assert (environment["world_size"], environment["strategy"]) == (2, "DistributedDataParallel")
    assert "ModelVizWarning" not in ended.output


def test_a_rank_0_that_crashes_leaves_its_record_and_holds_nobody_up(tmp_path) -> None:
    """Where the step stopped is in it; pictures that are not there yet are given up."""
    ended = torchrun("plain_ddp.py", tmp_path, 0)
    assert ended.status != 0
    record = only_record(tmp_path)
    manifest = read_manifest(record)
    assert manifest["status"] == "failed_step"
    assert "rank 0 ends here" in manifest["exception"]["message"]
    shown = statuses(record)
    assert shown["graph"] == shown["table"] == shown["modules"] == "ok"
    assert (record / "architecture.gv").is_file()
    assert "pending" not in shown.values()


def test_a_rank_1_that_crashes_costs_nothing_of_the_record(tmp_path) -> None:
    """Rank 0 has seen its own step; it then waits for its gradients in vain."""
    ended = torchrun("plain_ddp.py", tmp_path, 1)
    assert ended.status != 0
    assert "rank 1 ends here" in ended.output
    manifest = read_manifest(only_record(tmp_path))
    assert manifest["status"] == "complete"
    errors = [a["error"] for a in manifest["artifacts"] if a["status"] == "failed"]
    assert all("before the process ended" in error for error in errors)
    made = {a["name"] for a in manifest["artifacts"] if a["files"]}
    assert made == ALL_OK.keys()
