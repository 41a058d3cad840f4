"""Records are opened by any name of their place, and by what they belong to."""

import shutil
import subprocess
import sys

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from modelviz_callbacks import ModelVizHook, RecordError, check_checkpoint, load_record


@pytest.mark.parametrize(
    "place", ["", "architecture", "architecture/manifest.json", "checkpoints/last.ckpt"]
)
def test_a_record_is_opened_by_its_place_its_run_or_a_checkpoint(trained_run, place) -> None:
    """Whichever of them is at hand."""
    record = load_record(trained_run / place)
    assert record.directory == str(trained_run / "architecture")


def test_a_checkpoint_knows_its_record_after_the_run_has_been_moved(trained_run, tmp_path) -> None:
    """The record that lies beside it is taken, not the one at the old place."""
    shutil.copytree(trained_run, tmp_path / "moved")
    record = load_record(tmp_path / "moved" / "checkpoints" / "last.ckpt")
    assert record.directory == str(tmp_path / "moved" / "architecture")


def test_a_loops_own_checkpoint_knows_its_record_by_the_hooks_fingerprints(tmp_path) -> None:
    """They do not say where it is: it is looked for around the checkpoint."""
    for features in (3, 4):
        model = nn.Linear(features, 2)
        with ModelVizHook(model, tmp_path, formats=(), visualizers=("architecture",)) as hook:
            model(torch.ones(1, features))
    assert hook.directory == str(tmp_path / "architecture-2")
    kept = {"model": model.state_dict(), "architecture": hook.fingerprints}
    torch.save(kept, tmp_path / "last.pt")
    assert load_record(tmp_path / "last.pt").directory == hook.directory


def test_a_checkpoint_without_a_record_says_so(tmp_path, trained_run) -> None:
    """One line: what is wrong and what to give."""
    torch.save({"model": {"weight": torch.ones(2)}}, tmp_path / "weights.pt")
    with pytest.raises(RecordError, match=r"weights.pt: .* names no record.* Give the record"):
        load_record(tmp_path / "weights.pt")
    shutil.copy(trained_run / "checkpoints" / "last.ckpt", tmp_path / "lost.ckpt")
    kept = torch.load(tmp_path / "lost.ckpt", weights_only=True)
    kept["callbacks"]["ModelVizCallback"]["directory"] = str(tmp_path / "gone")
    torch.save(kept, tmp_path / "lost.ckpt")
    with pytest.raises(RecordError, match=r"lost.ckpt: .* not there any more.*gone"):
        load_record(tmp_path / "lost.ckpt")


def test_a_record_is_opened_without_torch(trained_run) -> None:
    """Only what `torch.save` wrote needs it."""
    script = (
        "import sys; from modelviz_callbacks import load_record;"
        f"load_record({str(trained_run)!r}).graph(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_a_sharded_checkpoint_knows_its_record(trained_run, tmp_path) -> None:
    """By what Lightning keeps beside the shards; whether they fit is told, too."""
    run = shutil.copytree(trained_run, tmp_path / "run")
    kept = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    folder = run / "checkpoints" / "sharded.ckpt"
    dcp.save({"state_dict": kept.pop("state_dict")}, checkpoint_id=folder, no_dist=True)
    torch.save(kept, folder / "meta.pt")
    assert load_record(folder).directory == str(run / "architecture")
    assert check_checkpoint(folder).fits
