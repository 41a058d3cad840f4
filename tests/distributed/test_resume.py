"""Checkpoints and resumes of runs with several ranks."""

import os
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from modelviz_callbacks import ModelVizCallback, ModelVizWarning
from tests.conftest import read_manifest
from tests.distributed.ranks import run_ranks
from tests.models import TakesTensor, lit, loader, trainer


def _fit_and_resume(rank: int, folder: str) -> list[Any]:
    os.environ["LOCAL_RANK"] = str(rank)
    results: list[Any] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        resumed = None
        for epochs in (1, 2):
            keep = ModelCheckpoint(dirpath=Path(folder) / "checkpoints", save_top_k=-1)
            callback = ModelVizCallback(formats=())
            options = {"max_epochs": epochs, "strategy": "ddp", "devices": 2}
            fit = trainer(folder, keep, callback, **options, limit_train_batches=2)
            fit.fit(lit(TakesTensor()), loader(), ckpt_path=resumed)
            resumed = keep.best_model_path
            results.append(callback.directory)
    return [resumed, *results, *(str(w.message) for w in caught if w.category is ModelVizWarning)]


def test_rank_0_keeps_the_record_of_a_resumed_run_and_notes_it(tmp_path) -> None:
    """Each rank looks for nothing that the others would have to look for, too."""
    (checkpoint, *recorded), (_, *others) = run_ranks(_fit_and_resume, str(tmp_path))
    record = str(tmp_path / "architecture")
    assert recorded == [record, record]
    assert others == [None, None]
    (resume,) = read_manifest(record)["resumes"]
    assert resume["compared"] == ["dataflow", "structure", "trainable"]
    assert not (tmp_path / "architecture-2").exists()
    state = torch.load(checkpoint, weights_only=True)["callbacks"]["ModelVizCallback"]
    assert (state["record"], state["directory"]) == ("../architecture", record)
