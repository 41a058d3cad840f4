"""What a forward changes outside of its module, put back: each kind of place by itself."""

import array
import functools
import random
import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.replay import snapshot
from modelviz_callbacks.replay.isolation import Isolation
from tests import models
from tests.conftest import find_record, statuses
from tests.models import digits
from tests.test_untouched import assert_same, reset

REGISTRY: dict[str, int] = {}
DICE = random.Random(1)
NOISE = torch.Generator().manual_seed(1)
NUMPY_DICE = np.random.default_rng(1)
TABLE = np.zeros(3)
TEACHER = nn.BatchNorm1d(8)
STEPS = 0


class Slotted:
    __slots__ = ("count", "late", "lines")

    def __init__(self) -> None:
        self.count, self.lines = 0, [0]


class Plain:
    shared: ClassVar[list[int]] = []
    total = 0

    def __init__(self) -> None:
        self.count = 0

    def step(self) -> None:
        self.count += 1
        Plain.total += 1
        self.shared.append(self.count)


COUNTER = Plain()


@functools.lru_cache
def cached_noise(count: int) -> Tensor:
    return torch.rand(count)


def helper() -> None:
    second_helper()


def second_helper() -> None:
    REGISTRY["calls"] = REGISTRY.get("calls", 0) + 1
    DICE.random()
    torch.rand(1, generator=NOISE)
    NUMPY_DICE.random()
    TABLE[:] += 1


class Net(nn.Module):
    """Does one thing to one place in its forward; `look` tells what is there."""

    history: ClassVar[list[int]] = []
    seen: ClassVar[dict[str, Any]] = {"deep": [0]}
    calls = 0

    def __init__(self, act: Callable[["Net"], Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)
        self.act = act
        self.array, self.bytes = np.zeros(3), bytearray(b"abc")
        self.numbers, self.slotted = array.array("i", [1, 2]), Slotted()
        self.by_key: Any = weakref.WeakKeyDictionary({self.layer: [0]})
        self.by_value: Any = weakref.WeakValueDictionary({"layer": self.layer})
        self.weak: Any = weakref.WeakSet([self.layer])

    def forward(self, x: Tensor) -> Tensor:
        self.act(self)
        return self.layer(x) + cached_noise(4) * 0

    def remember(self) -> None:
        REGISTRY["method"] = len(REGISTRY)

    @property
    def busy(self) -> int:
        REGISTRY["property"] = 1
        return 1


def arrays(net: Net) -> None:
    net.array += 1
    net.bytes[0] = 0
    net.numbers[0] += 1


def slots(net: Net) -> None:
    net.slotted.count += 1
    net.slotted.late = 1
    net.slotted.lines.append(1)


def class_body(net: Net) -> None:
    net.history.append(len(net.history))
    net.seen["deep"].append(1)
    type(net).calls += 1
    type(net).late = 1


def weak_containers(net: Net) -> None:
    net.by_key[net.layer].append(1)
    net.by_key[net] = [1]
    net.by_value["net"] = net
    net.weak.discard(net.layer)


def helpers(_net: Net) -> None:
    helper()


def through_a_module(_net: Net) -> None:
    models.SEEN_BY_GLOBAL_HOOK.append(torch.zeros(1))


def methods(net: Net) -> None:
    net.remember()


def a_property(net: Net) -> None:
    assert net.busy


def global_objects(_net: Net) -> None:
    COUNTER.step()
    TEACHER(torch.ones(2, 8))


def global_name(_net: Net) -> None:
    global STEPS  # noqa: PLW0603 - as users write it
    STEPS += 1


ACTS = [
    arrays,
    slots,
    class_body,
    weak_containers,
    helpers,
    through_a_module,
    global_objects,
    global_name,
]


def look(net: Net) -> dict[str, Any]:
    return {
        "arrays": [net.array.tolist(), bytes(net.bytes), list(net.numbers)],
        "slots": [net.slotted.count, hasattr(net.slotted, "late"), list(net.slotted.lines)],
        "class": [list(Net.history), list(Net.seen["deep"]), Net.calls, hasattr(Net, "late")],
        "weak": [list(net.by_key.values()), list(net.by_value), len(net.weak)],
        "registry": dict(REGISTRY),
        "dice": [DICE.random(), torch.rand(1, generator=NOISE), NUMPY_DICE.random()],
        "objects": [TABLE.tolist(), vars(COUNTER), list(Plain.shared), Plain.total, STEPS],
        "elsewhere": [len(models.SEEN_BY_GLOBAL_HOOK), TEACHER.num_batches_tracked.item()],
    }


def clean() -> None:
    global STEPS  # noqa: PLW0603 - as users write it
    reset()
    STEPS = Net.calls = Plain.total = COUNTER.count = 0
    for container in (REGISTRY, Net.history, Plain.shared):
        container.clear()
    Net.seen["deep"] = [0]
    if hasattr(Net, "late"):
        del Net.late
    DICE.seed(1)
    NOISE.manual_seed(1)
    NUMPY_DICE.bit_generator.state = np.random.default_rng(1).bit_generator.state
    TABLE[:] = 0
    TEACHER.reset_running_stats()
    cached_noise.cache_clear()


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_whatever_a_forward_reaches_is_put_back(act, tmp_path) -> None:
    """A training step with us leaves every place as one without us."""
    results = []
    for ours in (False, True):
        clean()
        net = Net(act)
        if ours:
            ModelVizHook(net, tmp_path, formats=())
        net(digits())
        results.append(look(net))
    clean()
    assert_same(*results)
    assert set(statuses(find_record(tmp_path)).values()) == {"ok"}


@pytest.mark.parametrize("act", [methods, a_property], ids=lambda act: act.__name__)
def test_methods_that_forward_names_are_followed(act) -> None:
    """Those of the module's own class, properties too."""

    class Calls(Net):
        def forward(self, x: Tensor) -> Tensor:
            (self.remember if act is methods else lambda: self.busy)()
            return self.layer(x)

    clean()
    net = Calls(act)
    with Isolation(net).replay():
        net(digits())
        assert REGISTRY
    assert not REGISTRY


def test_a_hooks_nonlocal_variable_is_put_back() -> None:
    """It is bound to what it was bound to before the replay."""
    calls = 0

    def hook(*_arguments: Any) -> None:
        nonlocal calls
        calls += 1

    net = nn.Linear(8, 4)
    net.register_forward_hook(hook)
    with Isolation(net).replay():
        net(digits())
        net(digits())
        assert calls == 2
    assert calls == 0


def test_random_numbers_that_a_cache_keeps_are_drawn_again() -> None:
    """A cache that was empty is emptied: the training draws its own, and the generators agree."""
    clean()
    net = Net(lambda _net: None)
    with Isolation(net).replay():
        net(digits())
        assert cached_noise.cache_info().currsize == 1
    assert cached_noise.cache_info().currsize == 0
    cached_noise(4)
    kept = cached_noise(4)
    with Isolation(net).replay():
        net(digits())
    assert cached_noise(4) is kept


def test_what_nothing_refers_to_any_more_does_not_come_back() -> None:
    """A weak container's dead entries stay dead."""
    net = Net(lambda _net: None)
    mortal = Plain()
    net.by_key[mortal] = 1
    isolation = Isolation(net)
    with isolation.replay():
        del mortal
        net.by_key.clear()
    assert list(net.by_key.values()) == [[0]]


def test_big_arrays_are_not_copied(monkeypatch) -> None:
    """A data set that a model holds is not held twice."""
    monkeypatch.setattr(snapshot, "_MAX_MEMORY", 100)
    net = Net(lambda net: net.array.__iadd__(1))
    net.big = np.zeros(1000)
    kept = snapshot.Snapshot([net])
    assert kept._memory > 100
    copies = [r.args[1] for r in kept.restorers() if getattr(r, "func", None) is np.copyto]
    assert all(copy.nbytes <= 100 for copy in copies)


def test_what_cannot_be_reached_tells_how_often_a_forward_ran() -> None:
    """The other tests count replays so."""
    calls: SimpleQueue[int] = SimpleQueue()
    bounded: deque[int] = deque(maxlen=1)

    def act(_net: Net) -> None:
        calls.put(1)
        bounded.append(calls.qsize())

    net = Net(act)
    with Isolation(net).replay():
        net(digits())
    assert (calls.qsize(), len(bounded)) == (1, 0)
