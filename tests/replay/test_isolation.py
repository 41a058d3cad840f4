"""What a replay may change, put back: each kind by itself."""

import random
from collections import OrderedDict, deque
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from modelviz_callbacks.replay.isolation import Isolation

MEMORY: dict[str, Any] = {}


class Scripted(nn.Module):
    """A module whose forward is the test's own function."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("count", torch.zeros(2))
        self.table = torch.zeros(4)
        self.child = nn.BatchNorm1d(3)
        self.items = [1, {"deep": [2]}]
        self.ordered = OrderedDict(a=1, b=2)
        self.queue = deque([1], maxlen=2)
        self.names = {"x"}
        self.act = act

    def forward(self) -> Any:
        return self.act(self)


def rebind_parameter(m: Any) -> None:
    m.weight = nn.Parameter(torch.zeros(1))


def write_through_data(m: Any) -> None:
    m.weight.data.mul_(0)


def write_a_view(m: Any) -> None:
    with torch.no_grad():
        m.weight[0, 1:].fill_(9)


def write_by_foreach(m: Any) -> None:
    with torch.no_grad():
        torch._foreach_add_([m.weight, m.frozen], 1.0)


def swap_storage(m: Any) -> None:
    m.weight.data = torch.full((5,), 7.0)


def batch_norm(m: Any) -> None:
    m.child(torch.randn(4, 3))


def write_buffer(m: Any) -> None:
    m.count += 1


def write_plain_tensor(m: Any) -> None:
    m.table.fill_(3)


def attributes(m: Any) -> None:
    m.extra = 1
    del m.table
    m.training = False


def containers(m: Any) -> None:
    m.items[1]["deep"].append(3)
    m.items.insert(0, 0)
    m.ordered.move_to_end("a")
    m.queue.append(5)
    m.names.add("y")


def structure(m: Any) -> None:
    m.new = nn.Linear(1, 1)
    m.child.eval()
    m.child.register_forward_hook(lambda *_a: None)


def gradients(m: Any) -> None:
    m.weight.grad = torch.ones_like(m.weight)
    m.frozen.requires_grad_()
    m.weight.requires_grad_(requires_grad=False)


def randomness(_m: Any) -> None:
    random.random()
    np.random.rand()  # noqa: NPY002
    torch.rand(1)


def defaults(_m: Any) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)


def a_named_global(_m: Any) -> None:
    MEMORY["seen"] = 1


ACTS = [
    rebind_parameter,
    write_through_data,
    write_a_view,
    write_by_foreach,
    swap_storage,
    batch_norm,
    write_buffer,
    write_plain_tensor,
    attributes,
    containers,
    structure,
    gradients,
    randomness,
    defaults,
    a_named_global,
]


def everything(m: Any) -> Any:
    return repr(
        (
            m,
            [(n, p, p._version, p.grad, p.requires_grad) for n, p in m.named_parameters()],
            [(n, b, b._version) for n, b in m.named_buffers()],
            [sorted(vars(part)) for part in m.modules()],
            [(part.training, len(part._forward_hooks)) for part in m.modules()],
            (vars(m).get("table"), m.items, m.ordered, m.queue, m.names, MEMORY),
            (random.getstate()[1][:5], random.getstate()[1][-1]),
            np.random.get_state()[2],  # noqa: NPY002
            torch.get_rng_state().sum(),
            (torch.get_default_dtype(), torch.is_grad_enabled()),
        )
    )


@pytest.mark.parametrize("raises", [False, True], ids=["", "then raises"])
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_whatever_a_forward_changes_is_put_back(act, raises) -> None:
    """Also when it raises afterwards; parameters stay the same objects."""
    # A list or a variable that a forward reaches would be put back, too.
    during: SimpleQueue[str] = SimpleQueue()

    def forward(m: Any) -> None:
        act(m)
        during.put(everything(m))
        if raises:
            raise ZeroDivisionError

    net = Scripted(forward)
    before, parameters = everything(net), list(net.parameters())
    isolation = Isolation(net)
    for _ in range(2):
        try:
            with isolation.replay():
                net()
        except ZeroDivisionError:
            assert raises
        assert everything(net) == before
    assert during.get() != before
    assert all(a is b for a, b in zip(parameters, net.parameters(), strict=True))


def test_only_what_is_written_is_copied() -> None:
    """A second copy of all parameters is never held: fresh tensors and unwritten ones are not."""
    from modelviz_callbacks.replay.write_guard import WriteGuard

    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, 8))
    guard = WriteGuard()
    with guard:
        net(torch.randn(2, 8)).relu_()
        assert guard._kept == {}
        net[0].bias.data.zero_()
        assert len(guard._kept) == 1
    guard.restore()
    assert net[0].bias.abs().sum() > 0


def test_autocasts_cache_is_neither_used_nor_filled() -> None:
    """A cast made without gradients would starve the training's gradient."""
    net = nn.Linear(4, 4)
    isolation = Isolation(net)
    with torch.autocast("cpu", torch.bfloat16):
        with isolation.replay(), torch.no_grad():
            assert not torch.is_autocast_cache_enabled()
            net(torch.randn(2, 4))
            with torch.autocast("cpu", torch.bfloat16):
                net(torch.randn(2, 4))
        net(torch.randn(2, 4)).sum().backward()
        assert torch.is_autocast_cache_enabled()
    assert net.weight.grad is not None


def test_a_hidden_teacher_is_kept_too() -> None:
    """Modules in a plain list are no submodules, and still part of the model."""
    teacher = nn.BatchNorm1d(3)

    class Student(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [teacher]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.hidden[0](x)

    net = Student()
    with Isolation(net).replay():
        net(torch.randn(4, 3))
    assert teacher.num_batches_tracked == 0


def test_a_lazy_module_that_is_only_reached_hinders_nothing() -> None:
    """One that waits for its shape somewhere near a model is no part of the replay."""
    net = nn.Linear(8, 4)
    net.waiting = [nn.LazyLinear(4)]
    with Isolation(net).replay():
        net(torch.ones(2, 8))
    assert isinstance(net.waiting[0].weight, nn.UninitializedParameter)
