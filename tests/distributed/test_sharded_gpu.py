"""Sharded models on CUDA devices, by nccl: one rank, with all that sharding does to a model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy, Strategy
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.utils.data import DataLoader, TensorDataset

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from tests.conftest import find_record, read_manifest
from tests.distributed.sharded_models import Block, Net
from tests.distributed.test_sharded_lightning import Lit
from tests.test_untouched import assert_same

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture
def one_rank(tmp_path) -> Iterator[None]:
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("nccl", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def fsdp2(net: Net) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cuda", (1,))
    for block in net.blocks:
        fully_shard(block, mesh=mesh)
    return fully_shard(net, mesh=mesh)


def fsdp1(net: Net, *, use_orig_params: bool = True) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.distributed.fsdp.wrap import ModuleWrapPolicy

    return FullyShardedDataParallel(
        net,
        use_orig_params=use_orig_params,
        auto_wrap_policy=ModuleWrapPolicy({Block}),
        ignored_states=[] if use_orig_params else [net.frozen],
        device_id=0,
    )


def fsdp1_flat(net: Net) -> nn.Module:
    return fsdp1(net, use_orig_params=False)


def train(shard: Callable[[Net], nn.Module], folder: Path | None) -> dict[str, Any]:
    torch.manual_seed(0)
    net = Net().cuda()
    model = shard(net)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
    hook = ModelVizHook(model, folder, formats=(), on_error="raise") if folder else None
    losses = []
    for _ in range(3):
        loss = model(torch.randn(4, 8, device="cuda")).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if hook is not None:
        hook.close()
    return {
        "losses": losses,
        "calls": net.calls,
        "random": (torch.get_rng_state(), torch.cuda.get_rng_state()),
    }


@pytest.mark.parametrize("shard", [fsdp2, fsdp1, fsdp1_flat])
@pytest.mark.usefixtures("one_rank")
def test_a_sharded_training_is_as_without_us_and_recorded_as_whole(shard, tmp_path) -> None:
    """On the device, with its random numbers; the fingerprints are those of the plain network."""
    assert_same(train(shard, None), train(shard, tmp_path / "sharded"))
    train(lambda net: net, tmp_path / "whole")
    sharded, whole = (read_manifest(tmp_path / n / "architecture") for n in ("sharded", "whole"))
    assert sharded["fingerprints"] == whole["fingerprints"]
    assert sharded["totals"] == whole["totals"]
    assert sharded["environment"]["device"] == "cuda:0"
    reasons = {a["name"]: str(a["error"]) for a in sharded["artifacts"] if a["status"] == "skipped"}
    assert sorted(reasons) == ["summary", "torchview"]
    assert all("gathered by all ranks together" in reason for reason in reasons.values())


@pytest.mark.parametrize(
    "strategy",
    [
        lambda: FSDPStrategy(auto_wrap_policy={nn.Linear}),
        lambda: FSDPStrategy(use_orig_params=False),
        lambda: ModelParallelStrategy(1, 1),
    ],
    ids=["FSDP", "flat FSDP", "model parallel"],
)
def test_lightnings_strategies_record_the_whole_module(strategy, tmp_path) -> None:
    """On one device and in one process, as in many."""
    sharded, losses = fit(tmp_path / "sharded", strategy(), ours=True)
    _, without = fit(tmp_path / "without", strategy(), ours=False)
    whole, _ = fit(tmp_path / "whole", "auto", ours=True)
    assert losses == without
    assert sharded["fingerprints"] == whole["fingerprints"]
    assert sharded["totals"] == whole["totals"]


def fit(
    folder: Path, strategy: Strategy | str, *, ours: bool
) -> tuple[dict[str, Any], list[float]]:
    torch.manual_seed(0)
    module = Lit()
    trainer = Trainer(
        accelerator="gpu",
        devices=1,
        strategy=strategy,
        max_epochs=1,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ModelVizCallback(formats=(), on_error="raise")] if ours else [],
    )
    data = TensorDataset(torch.randn(8, 8), torch.arange(8) % 4)
    trainer.fit(module, DataLoader(data, batch_size=4))
    return (read_manifest(find_record(folder)) if ours else {}), module.losses
