"""DistributedDataParallel in plain loops on two real ranks: rank 0 records, nobody is touched."""

import contextlib
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from modelviz_callbacks import ModelVizHook, ModelVizWarning, record_architecture
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.distributed.ranks import run_ranks
from tests.models import HostileNet, digits
from tests.test_untouched import assert_same, fingerprint, hostile_state, reset

STEPS = 4
# These have a test of their own.
OTHERS = ("parts in DDP", "broken visualizers")
# What DDP says of its own work, where it does not depend on the clock.
LOGGED = (
    "has_rebuilt_buckets",
    "rebuilt_bucket_sizes",
    "rebuilt_per_bucket_param_indices",
    "unused_parameter_size",
    "prev_iteration_grad_ready_order_indices",
    "iteration",
)


class Branches(nn.Module):
    """`[N, 8]` → `[N, 4]`; each rank and step leaves another of its branches unused."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
        self.branches = nn.ModuleList(nn.Linear(8, 4) for _ in range(3))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        unused = (int(self.calls) + distributed.get_rank()) % 3
        x = F.dropout(self.norm(x), 0.3, training=self.training)
        return sum(branch(x) for i, branch in enumerate(self.branches) if i != unused)


class Parts(nn.Module):
    """`[N, 8]` → `[N, 4]`, of parts that are data-parallel each by itself, as in a GAN."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.3))
        self.first = DistributedDataParallel(first)
        self.second = DistributedDataParallel(Branches(), find_unused_parameters=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


# Each: the network, DDP's options, after how many steps gradients are synchronized, and when
# the hook is made.
RUNS: dict[str, tuple[type[nn.Module], dict[str, Any], int, str]] = {
    "plain": (HostileNet, {}, 1, "after"),
    "hook before DDP": (HostileNet, {}, 1, "before"),
    "hook before the process group": (HostileNet, {}, 1, "before the group"),
    "hook on the inner module": (HostileNet, {}, 1, "inner"),
    "find_unused_parameters": (Branches, {"find_unused_parameters": True}, 1, "after"),
    "static_graph": (HostileNet, {"static_graph": True}, 1, "after"),
    "gradient_as_bucket_view": (HostileNet, {"gradient_as_bucket_view": True}, 1, "after"),
    "no_sync": (HostileNet, {"gradient_as_bucket_view": True}, 2, "after"),
    "static_graph, no_sync": (HostileNet, {"static_graph": True}, 2, "after"),
    "parts in DDP": (Parts, {}, 1, "after"),
    "broken visualizers": (HostileNet, {}, 1, "after"),
}


def train(run: str, log_dir: Path | None) -> dict[str, Any]:
    """Trains, with a record in `log_dir` if it is given; gives all that is left."""
    kind, options, accumulate, made = RUNS[run]
    reset()
    net = kind()
    # Each rank has random numbers of its own, as data-parallel programs do.
    torch.manual_seed(10 + distributed.get_rank())
    hook: Any = contextlib.nullcontext()
    if log_dir is not None and made == "before":
        hook = ModelVizHook(net, log_dir, formats=())
    elif log_dir is not None and made == "before the group":
        with mock.patch.object(distributed, "is_initialized", return_value=False):
            hook = ModelVizHook(net, log_dir, formats=())
    model = net if kind is Parts else DistributedDataParallel(net, **options)
    if log_dir is not None and not made.startswith("before"):
        hook = ModelVizHook(net if made == "inner" else model, log_dir, formats=())
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    with hook:
        for step in range(STEPS):
            # static_graph asks for a first step that is synchronized.
            synchronizes = step % accumulate == 0
            with contextlib.nullcontext() if synchronizes else model.no_sync():
                output = model(digits() + step + distributed.get_rank())
                loss = F.cross_entropy(output, torch.arange(16) % 4)
                loss.backward()
            if synchronizes:
                optimizer.step()
                optimizer.zero_grad(set_to_none=not options.get("gradient_as_bucket_view"))
            losses.append(loss.item())
            if (
                run == "parts in DDP"
                and log_dir is not None
                and distributed.get_rank() == 0
                and step == 1
            ):
                # Another forward with gradients, between two steps and on rank 0 alone.
                record_architecture(net, digits(), log_dir=log_dir / "more", formats=())
    wrapped = [part for part in model.modules() if isinstance(part, DistributedDataParallel)]
    logged = [part._get_ddp_logging_data() for part in wrapped]
    left = fingerprint(net) | {"losses": losses, "adam": optimizer.state_dict()}
    if isinstance(net, HostileNet):
        left |= hostile_state(net)
    ours = {"_call_impl", "train", "eval", "to", "__getstate__", "_replicate_for_data_parallel"}
    return left | {
        "gradients": {name: p.grad for name, p in net.named_parameters() if p.grad is not None},
        "logged": [{key: of_one.get(key) for key in LOGGED} for of_one in logged],
        "on the modules": [sorted(ours & vars(part).keys()) for part in model.modules()],
    }


def _every_run(rank: int, folder: str) -> dict[str, list[str]]:
    """Compares each run with its twin; gives the warnings that there were."""
    told = {}
    for run in RUNS:
        plain = train(run, None)
        with warnings.catch_warnings(record=True) as caught, contextlib.ExitStack() as broken:
            warnings.simplefilter("always")
            if run == "broken visualizers" and rank == 0:
                for name in ("torchview.draw_graph", "torchinfo.summary", "torchviz.make_dot"):
                    broken.enter_context(mock.patch(name, side_effect=ValueError("broken")))
            watched = train(run, Path(folder) / run)
        assert_same(plain, watched, run)
        assert not any(watched["on the modules"])
        told[run] = [str(w.message) for w in caught if w.category is ModelVizWarning]
    return told


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, list[dict[str, list[str]]]]:
    folder = tmp_path_factory.mktemp("runs")
    results = run_ranks(_every_run, str(folder))
    for result in results:
        # A difference on any rank.
        if isinstance(result, BaseException):
            raise result
    return folder, results


@pytest.mark.parametrize("run", [run for run in RUNS if run not in OTHERS])
def test_rank_0_records_and_every_rank_trains_as_without_us(run, runs) -> None:
    """One complete record; parameters, buffers, losses, RNGs and DDP's own state are the same."""
    folder, told = runs
    record = find_record(folder / run)
    manifest = read_manifest(record)
    assert manifest["status"] == "complete"
    assert statuses(record) == ALL_OK
    assert manifest["environment"]["world_size"] == 2
    assert manifest["environment"]["strategy"] == "DistributedDataParallel"
    assert manifest["environment"]["device"] == "cpu"
    assert told[0][run] == told[1][run] == []


def test_parts_that_are_data_parallel_are_replayed_without_their_wrappers(runs) -> None:
    """A replay that went through them would wait, or disturb what the next backward needs."""
    folder, told = runs
    record = folder / "parts in DDP" / "architecture"
    assert statuses(record) == ALL_OK
    assert read_manifest(record)["status"] == "complete"
    more = folder / "parts in DDP" / "more" / "architecture"
    assert statuses(more) == ALL_OK
    assert told[0]["parts in DDP"] == told[1]["parts in DDP"] == []


def test_parameters_are_counted_once(runs) -> None:
    """The totals are the model's, however many ranks have it."""
    folder, _ = runs
    totals = read_manifest(find_record(folder / "plain"))["totals"]
    assert totals["parameters"] == sum(p.numel() for p in HostileNet().parameters())


def test_visualizers_that_fail_on_rank_0_trouble_nobody(runs) -> None:
    """Each is one warning on rank 0; the record says so."""
    folder, told = runs
    record = find_record(folder / "broken visualizers")
    assert statuses(record) == ALL_OK | dict.fromkeys(
        ("summary", "torchview", "autograd"), "failed"
    )
    assert len(told[0]["broken visualizers"]) == 3
    assert told[1]["broken visualizers"] == []
