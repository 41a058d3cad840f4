"""Forwards that communicate themselves: a replay on one rank alone must not wait for the others."""

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, nn
from torch.distributed import _functional_collectives as functional
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from modelviz_callbacks import ModelVizHook, record_architecture
from modelviz_callbacks.replay.collectives import collectives_refused
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.distributed.ranks import run_ranks
from tests.models import digits

# torch.distributed.nn's functions say so; they are what people still use.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

SKIPPED = ALL_OK | {"summary": "skipped", "torchview": "skipped"}


def _all_reduce(x: Tensor) -> Tensor:
    total = x.detach().clone()
    distributed.all_reduce(total)
    return x + total


def _all_gather(x: Tensor) -> Tensor:
    parts = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, x.detach().contiguous())
    return x + sum(parts)


def _broadcast(x: Tensor) -> Tensor:
    first = x.detach().clone()
    distributed.broadcast(first, 0)
    return x + first


def _barrier(x: Tensor) -> Tensor:
    distributed.barrier()
    return x


def _send_and_receive(x: Tensor) -> Tensor:
    if distributed.get_rank() == 0:
        distributed.send(x.detach().contiguous(), 1)
        return x
    received = torch.empty_like(x)
    distributed.recv(received, 0)
    return x + received


def _batch_of_sends(x: Tensor) -> Tensor:
    other = 1 - distributed.get_rank()
    received = torch.empty_like(x)
    works = distributed.batch_isend_irecv(
        [
            distributed.P2POp(distributed.isend, x.detach().contiguous(), other),
            distributed.P2POp(distributed.irecv, received, other),
        ]
    )
    for work in works:
        work.wait()
    return x + received


def _coalesced(x: Tensor) -> Tensor:
    total = x.detach().clone()
    with distributed._coalescing_manager():
        distributed.all_reduce(total)
    return x + total


def _objects(x: Tensor) -> Tensor:
    ranks: list[Any] = [None, None]
    distributed.all_gather_object(ranks, distributed.get_rank())
    return x + sum(ranks)


def _differentiable(x: Tensor) -> Tensor:
    from torch.distributed.nn import functional as differentiable

    return differentiable.all_reduce(x.clone())


def _functional(x: Tensor) -> Tensor:
    return x + functional.all_reduce(x.detach(), "sum", distributed.group.WORLD)


def _functional_autograd(x: Tensor) -> Tensor:
    gathered = functional.all_gather_tensor_autograd(x.contiguous(), 0, distributed.group.WORLD)
    return x + gathered.sum(0)


def _tries_again(x: Tensor) -> Tensor:
    """What a forward makes of an exception must not keep it going, nor hide it."""
    total = x.detach().clone()
    while True:
        try:
            distributed.all_reduce(total)
        except Exception:  # noqa: BLE001
            continue
        return x + total


FORWARDS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "all_reduce": (_all_reduce, "calls allreduce"),
    "all_gather": (_all_gather, "calls allgather"),
    "broadcast": (_broadcast, "calls broadcast"),
    "barrier": (_barrier, "calls barrier"),
    "send and receive": (_send_and_receive, "calls send"),
    "batch of sends": (_batch_of_sends, "calls send"),
    "coalesced": (_coalesced, "joins collectives together"),
    "objects": (_objects, "calls allgather"),
    "torch.distributed.nn": (_differentiable, "calls allreduce"),
    "functional": (_functional, "calls all_reduce"),
    "functional with autograd": (_functional_autograd, "calls all_gather_into_tensor"),
    "tries again": (_tries_again, "calls allreduce"),
}


class Communicates(nn.Module):
    """`[N, 8]` → `[N, 4]`, with buffers, dropout, and what `talk` does in the middle."""

    def __init__(self, talk: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
        self.hidden = nn.Linear(8, 8)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(8, 4)
        self.talk = talk

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(self.talk(self.hidden(self.norm(x)))))


def train(net: nn.Module, log_dir: Path | None) -> tuple[dict[str, Any], str | None]:
    """Trains for three steps; gives all that a training leaves, and the record's folder."""
    torch.manual_seed(1 + distributed.get_rank())
    random.seed(2)
    np.random.seed(3)  # noqa: NPY002
    # DDP refuses a SyncBatchNorm on a CPU.
    synchronized = any(isinstance(part, nn.SyncBatchNorm) for part in net.modules())
    model = net if synchronized else DistributedDataParallel(net)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    hook = None if log_dir is None else ModelVizHook(model, log_dir, formats=())
    losses = []
    for step in range(3):
        loss = model(digits() + distributed.get_rank() + step).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    left = {
        **net.state_dict(),
        **{f"gradient of {name}": p.grad for name, p in net.named_parameters()},
        "losses": torch.stack(losses),
        "random": torch.get_rng_state(),
        "python": torch.tensor(random.getstate()[1]),
    }
    return left, None if hook is None else hook.directory


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def _train_twice(rank: int, folder: str) -> dict[str, Any]:
    results = {}
    for name, (talk, _) in FORWARDS.items():
        torch.manual_seed(0)
        net = Communicates(talk)
        twin = Communicates(talk)
        twin.load_state_dict(net.state_dict())
        try:
            plain, _ = train(net, None)
        except (AttributeError, RuntimeError):  # torch 2.4 cannot do all of it
            continue
        watched, record = train(twin, Path(folder) / name)
        results[name] = (same(plain, watched), record)
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> list[dict[str, tuple[bool, str | None]]]:
    return run_ranks(_train_twice, str(tmp_path_factory.mktemp("records")))


@pytest.mark.parametrize("kind", FORWARDS)
def test_the_training_is_untouched_and_the_replay_skipped_with_its_reason(kind, results) -> None:
    """No hang, bit-identical on each rank; our own views stand in for those of the libraries."""
    assert results[0].keys() == results[1].keys()
    if kind not in results[0]:
        pytest.skip("this torch cannot do it, without us either")
    (same_on_0, record), (same_on_1, other) = results[0][kind], results[1][kind]
    assert same_on_0
    assert same_on_1
    assert other is None
    manifest = read_manifest(record)
    assert manifest["status"] == "complete"
    assert statuses(record) == SKIPPED
    errors = {a["name"]: a["error"] for a in manifest["artifacts"]}
    assert errors["summary"] == errors["torchview"]
    # Torch has several kinds of allgather, and not the same ones in each version.
    reason = errors["summary"].replace("allgather_base,", "allgather,")
    assert reason == (
        f"no extra forward: the forward {FORWARDS[kind][1]}, which all ranks do together"
    )
    assert "BatchNorm1d" in (Path(record) / "summary.txt").read_text("utf-8")
    assert "our own table" in (Path(record) / "summary.txt").read_text("utf-8")
    assert not (Path(record) / "errors").exists()


class MakesGroup(Communicates):
    """Makes its process group in its first forward, as layers with groups of their own do."""

    def __init__(self) -> None:
        super().__init__(self._reduce)
        self.group: Any = None

    def _reduce(self, x: Tensor) -> Tensor:
        if self.group is None:
            self.group = distributed.new_group([0, 1])
        total = x.detach().clone()
        distributed.all_reduce(total, group=self.group)
        return x + total


class Alone(Communicates):
    """Has a group for each rank, as layers of a wider program have that are not spread."""

    def __init__(self, talk: Callable[[Tensor, Any], Tensor]) -> None:
        super().__init__(lambda x: talk(x, self.group))
        self.group = [distributed.new_group([rank]) for rank in (0, 1)][distributed.get_rank()]


class SyncBatchNorm(nn.SyncBatchNorm):
    """Synchronizes on a CPU, which torch's own does not; in eval mode it is torch's own."""

    def forward(self, x: Tensor) -> Tensor:
        size = distributed.get_world_size(self.process_group)
        if not self.training or size == 1:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, self.training
            )
        statistics = torch.stack([x.mean(0), x.square().mean(0)]).detach()
        distributed.all_reduce(statistics, group=self.process_group)
        mean, square = statistics / size
        self.running_mean.lerp_(mean, 0.1)
        self.running_var.lerp_(square - mean.square(), 0.1)
        return (x - mean) / (square - mean.square() + self.eps).sqrt() * self.weight + self.bias


def _normalized(*, training: bool, alone: bool) -> nn.Module:
    # Every rank makes every group.
    own = [distributed.new_group([rank]) for rank in (0, 1)][distributed.get_rank()]
    norm = SyncBatchNorm(8, process_group=own if alone else None).train(training)
    norm.train = lambda _mode=True: norm  # type: ignore[method-assign]
    return nn.Sequential(nn.Linear(8, 8), norm, nn.Linear(8, 4))


def _reduce_alone(x: Tensor, group: Any) -> Tensor:
    total = x.detach().clone()
    distributed.all_reduce(total, group=group)
    return x + total


def _functional_alone(x: Tensor, group: Any) -> Tensor:
    return x + functional.all_reduce(x.detach(), "sum", group)


def _gathers(x: Tensor) -> Tensor:
    return _all_gather(x)


def _communicate_in_thread(rank: int) -> float:
    value = torch.tensor(float(rank + 1))
    with collectives_refused():
        thread = threading.Thread(target=distributed.all_reduce, args=(value,))
        thread.start()
        thread.join()
    return float(value)


def _train_others(rank: int, folder: str) -> dict[str, str | None]:
    untouched = (distributed._coalescing_manager, distributed.distributed_c10d._process_group_name)
    records = {}
    for name, net in {
        "makes a group": MakesGroup(),
        "alone": Alone(_reduce_alone),
        "alone, functional": Alone(_functional_alone),
        "norm": _normalized(training=True, alone=False),
        "frozen norm": _normalized(training=False, alone=False),
        "norm of one rank": _normalized(training=True, alone=True),
        "compiled": torch.compile(Communicates(_all_reduce), backend="eager"),
    }.items():
        records[name] = train(net, Path(folder) / name)[1]
    net = nn.Linear(8, 4)
    with ModelVizHook(net, Path(folder) / "input_fn", formats=(), input_fn=_gathers) as hook:
        net(digits())
    records["input_fn"] = hook.directory
    value = _communicate_in_thread(rank)
    if rank == 0:
        records["in a thread"] = str(value)
        net = Communicates(_all_reduce)
        for target in (None, "head"):
            name = f"no loop, {target}"
            records[name] = record_architecture(
                net, (digits(),), log_dir=Path(folder) / name, formats=(), target=target
            )
    now = (distributed._coalescing_manager, distributed.distributed_c10d._process_group_name)
    assert now == untouched
    return records


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> dict[str, str]:
    recorded, others = run_ranks(_train_others, str(tmp_path_factory.mktemp("others")))
    assert not any(others.values())
    return recorded


def test_a_group_made_in_the_first_forward_is_not_made_by_a_replay(records) -> None:
    """Making one waits for the other ranks too, without any operation."""
    manifest = read_manifest(records["makes a group"])
    errors = {a["name"]: a["error"] for a in manifest["artifacts"]}
    assert statuses(records["makes a group"]) == SKIPPED
    assert "makes a process group" in errors["torchview"]


@pytest.mark.parametrize("kind", ["alone", "alone, functional"])
def test_a_group_of_one_rank_is_replayed(kind, records) -> None:
    """It waits for nobody."""
    told = statuses(records[kind])
    if kind == "alone, functional":
        # What functional collectives give is a tensor subclass; torchview follows it by luck.
        assert told.pop("torchview") in {"ok", "failed"}
    assert told == {name: ALL_OK[name] for name in told}


def test_a_norm_that_synchronizes_is_not_replayed(records) -> None:
    """That is known before."""
    manifest = read_manifest(records["norm"])
    reasons = {a["error"] for a in manifest["artifacts"] if a["status"] == "skipped"}
    assert reasons == {
        "no extra forward: SyncBatchNorm in train mode waits for the other ranks",
    }
    assert statuses(records["norm"]) == SKIPPED


@pytest.mark.parametrize("kind", ["frozen norm", "norm of one rank"])
def test_a_norm_that_waits_for_nobody_is_replayed(kind, records) -> None:
    """In eval mode, or in a group of its own."""
    assert statuses(records[kind]) == ALL_OK


def test_a_compiled_forward_that_communicates_is_not_looked_into(records) -> None:
    """Its eager rehearsal ends where it would wait; the compiled call runs."""
    manifest = read_manifest(records["compiled"])
    assert manifest["status"] == "complete"
    assert statuses(records["compiled"])["torchview"] == "skipped"
    graph = (Path(records["compiled"]) / "architecture.json").read_text("utf-8")
    assert "was not looked into: no extra forward: the forward calls allreduce" in graph


def test_an_input_fn_that_communicates_is_told_of(records) -> None:
    """It is called on rank 0 alone."""
    assert statuses(records["input_fn"])["graph"] == "ok"
    assert statuses(records["input_fn"])["summary"] == "skipped"


@pytest.mark.parametrize("target", [None, "head"])
def test_a_record_without_a_loop_on_one_rank_ends_where_it_would_wait(target, records) -> None:
    """It says so."""
    manifest = read_manifest(records[f"no loop, {target}"])
    assert manifest["status"] == "partial"
    assert "the forward calls allreduce" in manifest["notes"][0]


def test_another_thread_may_communicate_meanwhile(records) -> None:
    """A checkpoint that is written in the background, for one."""
    assert records["in a thread"] == "3.0"


def test_a_lone_process_is_replayed(tmp_path) -> None:
    """With one rank nothing waits."""
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        _, record = train(Communicates(_all_reduce), tmp_path / "run")
    finally:
        distributed.destroy_process_group()
    assert record is not None
    assert statuses(record) == ALL_OK
