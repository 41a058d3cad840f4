"""What a checkpoint keeps of its record, and finding that record again."""

import shutil

import pytest

from modelviz_callbacks.archive import reference as module
from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.archive.reference import RecordReference, find_record
from modelviz_callbacks.archive.writer import claim_record

KNOWN = {"structure": "sha256:1", "trainable": "sha256:2", "dataflow": "sha256:3"}


def recorded(run_dir: str, fingerprints: dict[str, str] = KNOWN) -> RecordReference:
    """Makes a record, and gives what a checkpoint in `checkpoints` would keep of it."""
    writer = claim_record(run_dir)
    writer.write("manifest.json", Manifest("now", fingerprints=fingerprints).to_json())
    made = RecordReference(fingerprints, {}, writer.directory)
    read = RecordReference.from_state(made.to_state(f"{run_dir}/checkpoints"))
    assert read is not None
    return read


@pytest.mark.parametrize(
    "checkpoint",
    ["checkpoints/x.ckpt", "x.ckpt", "best/deep/er/x.ckpt", "checkpoints/sharded.ckpt"],
)
@pytest.mark.parametrize("root", ["{}", "memory://{}"], ids=["folder", "store"])
def test_the_record_is_found_from_wherever_the_checkpoint_lies_in_the_run(
    checkpoint, root, tmp_path
) -> None:
    """Several checkpoint callbacks write to several folders."""
    run = root.format(tmp_path / "run")
    reference = recorded(run)
    found = find_record(reference, f"{run}/{checkpoint}", root.format(tmp_path / "other"))
    assert found is not None
    assert found.directory == reference.directory


def test_the_record_is_found_after_a_move(tmp_path) -> None:
    """From the checkpoint; a checkpoint from elsewhere finds it in the resumed run's folder."""
    reference = recorded(str(tmp_path / "run"))
    shutil.move(tmp_path / "run", tmp_path / "moved")
    for checkpoint in ("moved/checkpoints/x.ckpt", "else/where/x.ckpt"):
        found = find_record(reference, str(tmp_path / checkpoint), str(tmp_path / "moved"))
        assert found is not None
        assert found.directory == str(tmp_path / "moved" / "architecture")


def test_the_right_one_of_several_records_is_found(tmp_path) -> None:
    """Another architecture's record in the same place is not taken for it."""
    recorded(str(tmp_path), {**KNOWN, "structure": "sha256:other"})
    second = recorded(str(tmp_path))
    found = find_record(second, str(tmp_path / "checkpoints" / "x.ckpt"), str(tmp_path))
    assert found is not None
    assert found.directory == str(tmp_path / "architecture-2")
    shutil.rmtree(found.directory)
    recorded(str(tmp_path), {**KNOWN, "structure": "sha256:in its place"})
    assert find_record(second, str(tmp_path / "checkpoints" / "x.ckpt"), str(tmp_path)) is None


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"fingerprints": "sha256"},
        {"fingerprints": {"structure": 3}},
        {"fingerprints": {}, "record": "../architecture"},
    ],
)
def test_a_state_that_is_none_is_none(state) -> None:
    """Anybody may have written a checkpoint."""
    assert RecordReference.from_state(state) is None


@pytest.mark.parametrize("place", ["", "..", "/", "/etc", "a\0b", "x" * 9999, 3, None])
def test_a_strange_place_is_no_error(place, tmp_path) -> None:
    """There is no record there, that is all."""
    state = {"fingerprints": KNOWN, "record": place, "directory": place}
    reference = RecordReference.from_state(state)
    assert reference is not None
    assert find_record(reference, str(tmp_path / "x.ckpt"), str(tmp_path)) is None


def test_a_checkpoint_does_not_make_us_call_up_an_address(tmp_path, monkeypatch) -> None:
    """Only the stores that the run and its checkpoint are in are asked."""
    asked: list[str] = []
    monkeypatch.setattr(module, "open_record", asked.append)
    for url in ("https://host/x", "s3://bucket/x"):
        reference = RecordReference(KNOWN, {}, directory=url, place=url)
        assert find_record(reference, str(tmp_path / "x.ckpt"), str(tmp_path)) is None
    assert asked == []


def test_modules_may_be_as_before_or_after_the_first_step() -> None:
    """Lazy modules are others before it."""
    reference = RecordReference(KNOWN, {"structure": "sha256:lazy"}, None)
    assert reference.describes({"structure": "sha256:1"})
    assert reference.describes({"structure": "sha256:lazy", "trainable": "sha256:2"})
    assert reference.differing({"structure": "x", "trainable": "sha256:2", "new": "y"}) == (
        "structure",
    )
