"""Describing modules without a step: paths, classes, configuration, parameters, ties."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel

from modelviz_callbacks.graph.model import ModuleEntry, StateEntry
from modelviz_callbacks.watch.module_entries import class_name, describe_modules
from tests.models import TakesTensor


def entries(model: nn.Module) -> dict[str, ModuleEntry]:
    return {entry.path: entry for entry in describe_modules(model)}


def test_every_module_has_an_entry_in_the_order_of_the_model() -> None:
    """With class, configuration, mode, and its own parameters and buffers only."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4).eval())
    root, convolution, norm = describe_modules(model)
    assert [e.path for e in (root, convolution, norm)] == ["", "0", "1"]
    assert root.parameters == root.buffers == ()
    assert convolution.class_name == "torch.nn.modules.conv.Conv2d"
    assert convolution.config == "3, 4, kernel_size=(3, 3), stride=(1, 1), bias=False"
    assert (convolution.training, norm.training) == (True, False)
    weight = StateEntry("weight", (4, 3, 3, 3), "float32", "cpu", requires_grad=True)
    assert convolution.parameters == (weight,)
    assert [b.name for b in norm.buffers] == ["running_mean", "running_var", "num_batches_tracked"]
    assert [(b.dtype, b.shape, b.requires_grad) for b in norm.buffers][2] == ("int64", (), False)


def test_the_order_is_that_of_named_modules() -> None:
    """A reader finds what `print(model)` shows in the same order."""
    model = nn.Transformer(8, 2, 1, 1, 16)
    assert [e.path for e in describe_modules(model)] == [n for n, _ in model.named_modules()]


def test_a_buffer_that_no_state_dict_holds_is_told() -> None:
    """Also of scripted modules; of a parameter there is nothing to tell."""

    class Tables(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))
            self.register_buffer("kept", torch.ones(2))
            self.register_buffer("cache", torch.ones(2), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            return x * self.kept * self.cache * self.weight

    for model in (Tables(), torch.jit.script(Tables())):
        (entry,) = describe_modules(model)
        assert [p.persistent for p in entry.parameters] == [None]
        persistent = {b.name for b in entry.buffers if b.persistent}
        assert persistent == model.state_dict().keys() - {"weight"}
    assert [(b.name, b.persistent) for b in entries(Tables())[""].buffers] == [
        ("kept", True),
        ("cache", False),
    ]


def test_a_frozen_parameter_is_told() -> None:
    """It does not train, and the entry says so."""
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(requires_grad=False)
    assert [p.requires_grad for p in entries(model)[""].parameters] == [True, False]


def test_tied_parameters_name_where_they_came_first() -> None:
    """A head with the embedding's weights; also a buffer that two modules share."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 8)
            self.head = nn.Linear(8, 20, bias=False)
            self.head.weight = self.embed.weight
            table = torch.arange(3)
            self.register_buffer("table", table)
            self.embed.register_buffer("table", table)

    found = entries(Tied())
    assert found["embed"].parameters[0].tied_to is None
    assert found["head"].parameters[0].tied_to == "embed.weight"
    assert found["embed"].buffers[0].tied_to == "table"


def test_a_module_under_two_paths_is_described_once_and_named_twice() -> None:
    """The second entry is tied; what lies below is not repeated."""
    shared = nn.Sequential(nn.Linear(8, 8))
    found = entries(nn.ModuleDict({"a": shared, "b": shared}))
    assert list(found) == ["", "a", "a.0", "b"]
    assert (found["a"].tied_to, found["b"].tied_to) == (None, "a")


def test_a_module_that_holds_itself_ends() -> None:
    """A cycle is one more path of what was described."""
    model = nn.Module()
    model.add_module("again", model)
    assert [(e.path, e.tied_to) for e in describe_modules(model)] == [("", None), ("again", "")]


def test_an_absent_submodule_or_parameter_has_no_entry() -> None:
    """`bias=False` and `self.downsample = None`."""
    model = nn.Module()
    model.add_module("downsample", None)
    model.register_parameter("bias", None)
    model.register_buffer("mask", None)
    (entry,) = describe_modules(model)
    assert entry.parameters == entry.buffers == ()


@pytest.mark.parametrize("wrap", [DataParallel, lambda m: torch.compile(m, backend="eager")])
def test_wrappers_leave_no_trace_in_the_paths(wrap) -> None:
    """Around the model or in it."""
    plain = [e.path for e in describe_modules(TakesTensor())]
    assert [e.path for e in describe_modules(wrap(TakesTensor()))] == plain
    inside = describe_modules(nn.Sequential(wrap(TakesTensor())))
    assert [e.path for e in inside] == ["", "0", "0.layer"]
    assert inside[1].class_name == class_name(TakesTensor())


def test_how_a_module_runs_is_told() -> None:
    """Compiled by a wrapper or in place, scripted, or eagerly."""
    in_place = TakesTensor()
    in_place.compile(backend="eager")
    model = nn.ModuleDict(
        {
            "wrapped": torch.compile(TakesTensor(), backend="eager"),
            "in_place": in_place,
            "scripted": torch.jit.script(nn.Linear(2, 2)),
            "plain": nn.Linear(2, 2),
        }
    )
    runs = {path: entry.runs for path, entry in entries(model).items()}
    assert runs == {
        "": "eager",
        "wrapped": "compiled",
        "wrapped.layer": "eager",
        "in_place": "compiled",
        "in_place.layer": "eager",
        "scripted": "scripted",
        "plain": "eager",
    }


def test_a_lazy_module_has_parameters_without_a_shape() -> None:
    """It gets one in its first forward."""
    (entry,) = describe_modules(nn.LazyLinear(4))
    assert [(p.name, p.shape) for p in entry.parameters] == [("weight", None), ("bias", None)]


class Says(nn.Module):
    def __init__(self, text: Any) -> None:
        super().__init__()
        self.text = text

    def extra_repr(self) -> str:
        return self.text() if callable(self.text) else self.text


CONFIGS = {
    "an address": ("fn=<function f at 0x7f0012ab34cd>", "fn=<function f at 0x…>"),
    "a raising one": (lambda: 1 / 0, ""),
    "no text": (None, "None"),
    "a very long one": ("x" * 5_000, "x" * 1_000),
    "a short number in hexadecimal": ("mask=0xff", "mask=0xff"),
}


@pytest.mark.parametrize(("text", "config"), CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_is_the_same_in_every_run(text, config) -> None:
    """Addresses are left out, and whatever a user's method does costs only its own text."""
    (entry,) = describe_modules(Says(text))
    assert entry.config == config


def test_a_parameter_that_zero3_took_away_has_its_true_shape() -> None:
    """DeepSpeed leaves an empty tensor with the shape beside it."""
    model = nn.Linear(8, 4)
    model.weight.ds_shape = torch.Size((4, 8))
    model.weight.data = torch.empty(0)
    assert entries(model)[""].parameters[0].shape == (4, 8)


def test_a_sharded_parameter_has_the_whole_ones_shape(tmp_path) -> None:
    """As DTensor tells it, whichever part of it lies here."""
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh

    from tests.distributed.sharding_api import Shard, distribute_tensor

    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        model = nn.Linear(8, 4)
        model.weight = nn.Parameter(distribute_tensor(model.weight.detach(), mesh, [Shard(0)]))
        weight = entries(model)[""].parameters[0]
    finally:
        distributed.destroy_process_group()
    assert (weight.shape, weight.dtype, weight.device) == ((4, 8), "float32", "cpu")


def test_parameters_of_containers_are_described() -> None:
    """ParameterList and ParameterDict are modules with parameters of their own."""
    model = nn.ModuleDict({"scales": nn.ParameterList([torch.ones(2)])})
    (scale,) = entries(model)["scales"].parameters
    assert (scale.name, scale.shape, scale.requires_grad) == ("0", (2,), True)


def test_describing_changes_nothing() -> None:
    """Neither modes nor gradients nor attributes."""

    def state(model: nn.Module) -> list[Any]:
        return [(m.training, dict(vars(m))) for m in model.modules()]

    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    before: list[Any] = state(model)
    describe_modules(model)
    assert [b[1].keys() for b in state(model)] == [b[1].keys() for b in before]
    assert all(isinstance(p, Tensor) and p.grad is None for p in model.parameters())
