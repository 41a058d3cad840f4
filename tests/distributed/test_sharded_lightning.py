"""Lightning's strategies for sharded models, in real ranks."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy, Strategy
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from modelviz_callbacks import ModelVizCallback
from tests.conftest import find_record, read_manifest, statuses
from tests.distributed.ranks import WORLD_SIZE, run_ranks
from tests.distributed.sharded_models import attributes, collectives, local
from tests.distributed.sharding_api import Replicate, is_possible, skipping
from tests.test_untouched import assert_same

GATHERED = "no extra forward: sharded parameters are gathered by all ranks together"


class CpuFSDPStrategy(FSDPStrategy):
    """Lightning refuses FSDP on CPU by the strategy's exact type; torch itself does not."""

    def _setup_model(self, model: nn.Module) -> nn.Module:
        return FullyShardedDataParallel(model, device_id=torch.device("cpu"), **self.kwargs)


class Lit(LightningModule):
    """Trains a network of `[N, 8]` → `[N, 4]`, in whatever way it is sharded."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 4))
        self.scale = nn.Parameter(torch.ones(4))
        self.losses: list[float] = []

    def configure_model(self) -> None:
        if self.device_mesh is None:
            return
        from torch.distributed.tensor.parallel import (
            ColwiseParallel,
            RowwiseParallel,
            parallelize_module,
        )

        if self.device_mesh["tensor_parallel"].size() > 1:
            # Dropout would not be the same on the parts: the input of the last layer is whole.
            plan = {
                "0": ColwiseParallel(output_layouts=Replicate()),
                "3": RowwiseParallel(input_layouts=Replicate()),
            }
            parallelize_module(self.net, self.device_mesh["tensor_parallel"], plan)
        if self.device_mesh["data_parallel"].size() > 1:
            from torch.distributed.fsdp import fully_shard

            fully_shard(self.net, mesh=self.device_mesh["data_parallel"])

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        inputs, targets = batch
        loss = F.cross_entropy(self.net(inputs) * self.scale, targets)
        self.log("loss", loss)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), 1e-2)


STRATEGIES: dict[str, Any] = {
    "FSDP2": lambda: ModelParallelStrategy(WORLD_SIZE, 1),
    "tensor parallel": lambda: ModelParallelStrategy(1, WORLD_SIZE),
    "FSDP": lambda: CpuFSDPStrategy(auto_wrap_policy={nn.Linear}),
    "flat FSDP": lambda: CpuFSDPStrategy(use_orig_params=False),
}


def fit(folder: Path, devices: int, strategy: Strategy | str, *, ours: bool) -> Lit:
    torch.manual_seed(0)
    module = Lit()
    data = TensorDataset(torch.randn(16, 8), torch.arange(16) % 4)
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy=strategy,
        max_epochs=1,
        limit_train_batches=2,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ModelVizCallback(formats=(), on_error="raise")] if ours else [],
    )
    trainer.fit(module, DataLoader(data, batch_size=4))
    return module


def _state(module: Lit) -> dict[str, Any]:
    return {
        "losses": module.losses,
        "parameters": {name: local(p) for name, p in module.named_parameters()},
        "attributes": attributes(module.net),
        "random": torch.get_rng_state(),
    }


def _compare(rank: int, folder: str) -> dict[str, tuple[str, int]]:
    number, size = str(rank), str(WORLD_SIZE)
    # As torchrun sets it, so that Lightning starts no processes.
    os.environ.update(TORCHELASTIC_RUN_ID="0", GROUP_RANK="0", LOCAL_WORLD_SIZE=size)
    os.environ.update(RANK=number, LOCAL_RANK=number, WORLD_SIZE=size)
    os.environ.update(MASTER_ADDR="localhost", MASTER_PORT="1")
    return {name: _difference(name, Path(folder)) for name in STRATEGIES if is_possible(name)}


def _difference(strategy: str, folder: Path) -> tuple[str, int]:
    """Tells what differs without us and with us, and how many collectives more there are."""
    counts, states = [collectives()], []
    for ours in (False, True):
        module = fit(folder / strategy, WORLD_SIZE, STRATEGIES[strategy](), ours=ours)
        states.append(_state(module))
        counts.append(collectives())
    more = counts[2] - 2 * counts[1] + counts[0]
    try:
        assert_same(*states)
    except AssertionError as difference:
        return f"differs: {difference}", more
    return "", more


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, list[dict[str, tuple[str, int]]]]:
    folder = tmp_path_factory.mktemp("sharded")
    fit(folder / "whole", 1, "auto", ours=True)
    return folder, run_ranks(_compare, str(folder), timeout_s=400.0)


@pytest.mark.parametrize("strategy", skipping(STRATEGIES))
def test_a_fit_is_the_same_on_every_rank(trained, strategy) -> None:
    """Losses, shards and random numbers; nothing is left on the module.

    Lightning broadcasts the run's folder when it is asked for, which every rank does.
    """
    _, ranks = trained
    (first, more), other = [rank[strategy] for rank in ranks]
    assert first == ""
    assert other == (first, more)
    assert more <= 2


@pytest.mark.parametrize("strategy", skipping(STRATEGIES))
def test_a_fit_is_recorded_as_the_whole_modules(trained, strategy) -> None:
    """With the same fingerprints and totals as on one device, and reasons for what is left out."""
    folder, _ = trained
    record = find_record(folder / strategy)
    sharded, whole = read_manifest(record), read_manifest(find_record(folder / "whole"))
    assert sharded["fingerprints"] == whole["fingerprints"]
    assert sharded["totals"] == whole["totals"]
    assert sharded["model"]["roots"] == ["net"]
    skipped = {a["name"]: a["error"] for a in sharded["artifacts"] if a["status"] == "skipped"}
    assert skipped == {"summary": GATHERED, "torchview": GATHERED}
    assert statuses(record)["architecture"] == "ok"
    (note,) = sharded["notes"]
    assert note.startswith("the parameters are sharded: of 216 values, rank 0 keeps ")
