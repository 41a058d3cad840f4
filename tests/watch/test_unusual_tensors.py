"""Tensors of every layout and objects with slots, in arguments and in buffers."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.replay.isolation import Isolation
from modelviz_callbacks.watch.input_spec import tensor_specs
from modelviz_callbacks.watch.tensor_tree import clone_tensor, map_tensors, named_tensors
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.models import TakesTensor, digits


@dataclass(slots=True)
class Slots:
    image: Tensor
    label: Any = None


@dataclass(frozen=True, slots=True)
class FrozenSlots:
    image: Tensor


class Base:
    __slots__ = ("__hidden", "image")

    def __init__(self, image: Tensor) -> None:
        self.image, self.__hidden = image, [image + 1]


class Derived(Base):
    """Has slots of its own, one of them empty, and attributes too."""

    __slots__ = ("__dict__", "mask", "never")

    def __init__(self, image: Tensor) -> None:
        super().__init__(image)
        self.mask, self.extra = image > 0, image * 2


SLOTTED = {
    Slots: ["image", "label[0]"],
    FrozenSlots: ["image"],
    Derived: ["mask", "_Base__hidden[0]", "image", "extra"],
}


def make(kind: type) -> Any:
    return kind(digits(), [digits(2)]) if kind is Slots else kind(digits())


@pytest.mark.parametrize("kind", SLOTTED)
def test_objects_with_slots_are_looked_into(kind) -> None:
    """Like those with attributes; a copy shares no tensor with the original."""
    value = make(kind)
    assert [name for name, _ in named_tensors(value)] == SLOTTED[kind]
    twin = map_tensors(value, clone_tensor)
    pairs = list(zip(named_tensors(value), named_tensors(twin), strict=True))
    assert all(torch.equal(old, new) for (_, old), (_, new) in pairs)
    assert not any(old is new for (_, old), (_, new) in pairs)


class TakesSlots(TakesTensor):
    def forward(self, batch: Any) -> Tensor:
        return self.layer(batch.image.mul_(2))


@pytest.mark.parametrize("kind", SLOTTED)
def test_a_call_with_slots_is_shown(kind, tmp_path) -> None:
    """What the replay writes into its input does not reach the real one."""
    hook = ModelVizHook(net := TakesSlots(), tmp_path, formats=())
    batch = make(kind)
    net(batch)
    assert torch.equal(batch.image, 2 * digits())
    assert statuses(str(hook.directory)) == ALL_OK
    assert "batch.image" in read_manifest(str(hook.directory))["input"]


def nested(layout: torch.layout) -> Tensor:
    return torch.nested.nested_tensor([torch.ones(2, 8), torch.ones(3, 8)], layout=layout)


UNUSUAL = {
    "nested": (lambda: nested(torch.strided), [2, -1, 8]),
    "jagged": (lambda: nested(torch.jagged), [2, -1, 8]),
    "sparse": (lambda: torch.eye(8).to_sparse(), [8, 8]),
    "compressed sparse": (lambda: torch.eye(8).to_sparse_csr(), [8, 8]),
    "expanded": (lambda: torch.ones(1, 8).expand(5, 8), [5, 8]),
    "meta": (lambda: torch.ones(5, 8, device="meta"), [5, 8]),
}
LAYOUTS = pytest.mark.parametrize(("tensor", "shape"), UNUSUAL.values(), ids=UNUSUAL)
PROTOTYPES = pytest.mark.filterwarnings("ignore:.*:UserWarning")


class TakesUnusual(TakesTensor):
    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        if rows.layout in (torch.sparse_coo, torch.sparse_csr):
            return self.layer(x) + torch.mv(rows, self.layer.weight[0]).sum()
        if rows.is_nested and rows.layout == torch.strided:
            return self.layer(x) + torch.nested.to_padded_tensor(self.layer(rows), 0.0).sum()
        return self.layer(x)


@LAYOUTS
@PROTOTYPES
def test_tensors_of_every_layout_are_described_and_their_call_is_recorded(
    tensor, shape, tmp_path
) -> None:
    """Whatever the libraries make of them, the call is listed and the autograd graph is there."""
    hook = ModelVizHook(net := TakesUnusual(), tmp_path, formats=())
    given = tensor()
    before = net.layer.weight.clone()
    net(digits(), given)
    manifest = read_manifest(str(hook.directory))
    assert manifest["input"]["rows"]["shape"] == shape
    assert [call["path"] for call in manifest["root_calls"]] == [""]
    told = statuses(str(hook.directory))
    assert set(told) == set(ALL_OK)
    assert (told["modules"], told["autograd"]) == ("ok", "ok")
    assert torch.equal(net.layer.weight, before)
    assert given.grad is None
    assert given._version == 0


class Unclonable(Tensor):
    """A tensor of a kind that nothing can copy."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.clone:
            raise RuntimeError("there is only one")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_call_that_cannot_be_cloned_is_not_replayed(tmp_path) -> None:
    """The reason names the argument; no warning, since nothing of ours has failed."""
    hook = ModelVizHook(net := TakesUnusual(), tmp_path, formats=())
    net(digits(), torch.ones(2).as_subclass(Unclonable))
    assert statuses(str(hook.directory)) == ALL_OK | {"summary": "skipped", "torchview": "skipped"}
    artifacts = read_manifest(str(hook.directory))["artifacts"]
    assert "(Unclonable, torch.strided) cannot be copied: RuntimeError" in artifacts[1]["error"]
    assert tensor_specs(torch.ones(2), "x")["x"]["shape"] == [2]


class HasBuffer(TakesTensor):
    def __init__(self, buffer: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", buffer)


@LAYOUTS
@PROTOTYPES
def test_buffers_of_every_layout_are_kept(tensor, shape, tmp_path) -> None:
    """Expanded, sparse, nested and meta ones make no picture fail."""
    hook = ModelVizHook(net := HasBuffer(tensor()), tmp_path, formats=())
    net(digits())
    assert {k: v for k, v in statuses(str(hook.directory)).items() if v != "ok"} == {}
    assert net.table.dim() == len(shape)


@pytest.mark.parametrize(
    "view",
    [
        lambda base: base[:1].expand(5, 8),
        lambda base: base.view(-1).unfold(0, 4, 2),
        lambda base: base[:, ::2],
        lambda base: base.t(),
    ],
    ids=["expanded", "unfolded", "sliced", "transposed"],
)
def test_a_buffer_that_shows_part_of_a_memory_is_put_back(view) -> None:
    """What is written into the memory below it, too."""
    base = digits()
    net = HasBuffer(view(base))
    before = net.table.clone()
    with Isolation(net).replay():
        nn.functional.relu_(base.add_(1))
        assert not torch.equal(net.table, before)
    assert torch.equal(net.table, before)
    assert net.table._base is base
