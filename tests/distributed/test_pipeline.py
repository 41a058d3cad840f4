"""Pipeline parallelism: rank 0 records its own stage, which is a module like any other."""

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe

from modelviz_callbacks import ModelVizHook
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.distributed.ranks import WORLD_SIZE, run_ranks
from tests.test_untouched import assert_same


def _train(rank: int, folder: str | None) -> dict[str, Any]:
    torch.manual_seed(rank)
    stage_net = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.ReLU())
    takes = inspect.signature(PipelineStage).parameters["input_args"]
    # torch 2.4 must be told what a stage takes.
    told = {"input_args": torch.ones(2, 8)} if takes.default is takes.empty else {}
    stage = PipelineStage(stage_net, rank, WORLD_SIZE, torch.device("cpu"), **told)
    schedule = ScheduleGPipe(stage, n_microbatches=2, loss_fn=_loss)
    optimizer = torch.optim.SGD(stage_net.parameters(), 0.1)
    hook = ModelVizHook(stage_net, folder, formats=(), on_error="raise") if folder else None
    for _ in range(2):
        optimizer.zero_grad()
        if rank == 0:
            schedule.step(torch.linspace(-1, 1, 32).view(4, 8))
        else:
            schedule.step(target=torch.ones(4, 8))
        optimizer.step()
    if hook is not None:
        hook.close()
    return {
        "parameters": dict(stage_net.state_dict()),
        "random": torch.get_rng_state(),
        "attributes": [list(vars(module)) for module in stage_net.modules()],
    }


def _loss(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean()


def _compare(rank: int, folder: str) -> str:
    try:
        assert_same(_train(rank, None), _train(rank, folder))
    except AssertionError as difference:
        return f"differs: {difference}"
    return ""


def test_a_stage_is_recorded_and_the_pipeline_runs_on(tmp_path) -> None:
    """At its first microbatch; its replays need no other rank."""
    assert run_ranks(_compare, str(tmp_path)) == ["", ""]
    record = Path(tmp_path) / "architecture"
    assert statuses(record) == ALL_OK
    assert read_manifest(record)["input"]["input"]["shape"] == [2, 8]
