"""Costs: every toy model carries its own hand-computed figures."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.model import ArchitectureGraph, Node
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.graph.tracing import traced


def costs(model: nn.Module, *args: Any, **kwargs: Any) -> Costs:
    return Costs.of(traced(model, *args, **kwargs))


class Tied(nn.Module):
    """An embedding `[10, 4]` that is the head's weight as well."""

    parameters_by_hand = 10 * 4
    flops = 2 * (2 * 3) * 4 * 10

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embed(tokens))


class Shared(nn.Module):
    """One layer `[8, 8]`, held under two names and called three times; one is never called."""

    parameters_by_hand = (8 * 8 + 8) + (8 * 2 + 2)
    flops = 3 * 2 * 5 * 8 * 8

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.again = self.layer
        self.unused = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.again(self.layer(self.layer(x)))


class Attention(nn.Module):
    """Four heads of size 8 over 6 tokens."""

    flops = 2 * (2 * 2 * 4 * 6 * 6 * 8) + 2 * (2 * 6) * 32 * (3 * 32)

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(32, 96)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).view(2, 6, 3, 4, 8).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v)


class Functions(nn.Module):
    """What models compute without a module: einsum, matmul, a function of a parameter."""

    flops = 2 * 5 * 8 * 8 + 2 * 5 * 8 * 3 + 2 * 5 * 3 * 5

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8, 8))
        self.project = nn.Linear(8, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.einsum("ni,ij->nj", x, self.weight)
        h = F.linear(h, self.project.weight)
        return h @ h.T


class Step(nn.Module):
    """Holds a list that is never called, with blocks that are."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.scales = nn.ParameterList([torch.ones(4)])
        self.empty = nn.ModuleDict()
        self.aux = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x * self.scales[0]


class Mixed(nn.Module):
    """A half-precision layer, quantised integers, a step counter."""

    def __init__(self) -> None:
        super().__init__()
        self.half = nn.Linear(16, 4, dtype=torch.bfloat16)
        self.codes = nn.Parameter(torch.zeros(32, 8, dtype=torch.int8), requires_grad=False)
        self.register_buffer("scale", torch.ones(32))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        return self.half(x)


MHA = nn.MultiheadAttention(32, 4, batch_first=True)
X32 = torch.zeros(2, 6, 32)
COUNTED = [
    ("linear", nn.Linear(8, 3), (torch.zeros(5, 8),), 2 * 5 * 8 * 3),
    (
        "conv",
        nn.Conv2d(3, 8, 3, padding=1),
        (torch.zeros(2, 3, 10, 12),),
        2 * (2 * 10 * 12) * 8 * 3 * 9,
    ),
    (
        "grouped conv",
        nn.Conv1d(6, 12, 5, groups=3),
        (torch.zeros(2, 6, 20),),
        2 * (2 * 16) * 12 * 2 * 5,
    ),
    (
        "transposed conv",
        nn.ConvTranspose2d(4, 6, 2, stride=2),
        (torch.zeros(2, 4, 5, 7),),
        2 * (2 * 5 * 7) * 4 * 6 * 4,
    ),
    ("bilinear", nn.Bilinear(3, 4, 5), (torch.zeros(2, 3), torch.zeros(2, 4)), None),
    ("tied", Tied(), (torch.zeros(2, 3, dtype=torch.long),), Tied.flops),
    ("shared", Shared(), (torch.zeros(5, 8),), Shared.flops),
    ("attention", Attention(), (X32,), Attention.flops),
    ("functions", Functions(), (torch.zeros(5, 8),), Functions.flops),
    (
        "multihead attention",
        MHA,
        (X32, X32, X32),
        2 * (2 * 6) * 32 * (3 * 32 + 32) + 2 * (2 * 2 * 4 * 6 * 6 * 8),
    ),
    ("no arithmetic", nn.Sequential(nn.ReLU(), nn.Flatten()), (torch.zeros(2, 3, 4),), 0),
]


@pytest.mark.parametrize(
    ("model", "args", "by_hand"), [c[1:] for c in COUNTED], ids=[c[0] for c in COUNTED]
)
def test_flops_are_what_hand_and_torch_count(model, args, by_hand) -> None:
    """The total equals the formula, and `FlopCounterMode` on a real forward."""
    counted = costs(model, *args)
    # Torch counts no fused attention on the CPU.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*args)
    assert counted.total().flops_forward == counter.get_total_flops()
    if by_hand is not None:
        assert counted.total().flops_forward == by_hand
    assert counted.by_module()[""].flops_forward == counter.get_total_flops()
    assert counted.total().uncounted_calls == 0


def gates(width: int, hidden: int, out: int, count: int) -> int:
    """Multiplications of one element in one recurrent layer."""
    return count * hidden * (width + out)


SEQUENCE = torch.zeros(7, 3, 10)
RECURRENT = [
    ("LSTM", nn.LSTM(10, 6), SEQUENCE, 21 * gates(10, 6, 6, 4)),
    ("two layers", nn.LSTM(10, 6, 2), SEQUENCE, 21 * (gates(10, 6, 6, 4) + gates(6, 6, 6, 4))),
    (
        "bidirectional",
        nn.LSTM(10, 6, 2, bidirectional=True),
        SEQUENCE,
        21 * 2 * (gates(10, 6, 6, 4) + gates(12, 6, 6, 4)),
    ),
    (
        "projected",
        nn.LSTM(10, 6, proj_size=2, bidirectional=True),
        SEQUENCE,
        21 * 2 * (gates(10, 6, 2, 4) + 6 * 2),
    ),
    ("GRU", nn.GRU(10, 6, batch_first=True), SEQUENCE, 21 * gates(10, 6, 6, 3)),
    ("RNN", nn.RNN(10, 6), SEQUENCE, 21 * gates(10, 6, 6, 1)),
    ("unbatched", nn.GRU(10, 6), SEQUENCE[:, 0], 7 * gates(10, 6, 6, 3)),
    ("LSTM cell", nn.LSTMCell(10, 6), SEQUENCE[0], 3 * gates(10, 6, 6, 4)),
    ("GRU cell", nn.GRUCell(10, 6), SEQUENCE[0], 3 * gates(10, 6, 6, 3)),
    ("RNN cell", nn.RNNCell(10, 6), SEQUENCE[0], 3 * gates(10, 6, 6, 1)),
]


@pytest.mark.parametrize(
    ("model", "x", "multiplications"), [c[1:] for c in RECURRENT], ids=[c[0] for c in RECURRENT]
)
def test_recurrent_layers_count_as_their_unfused_products(model, x, multiplications) -> None:
    """Torch counts no fused kernel: every gate's products, each layer, direction and element."""
    assert costs(model, x).total().flops_forward == 2 * multiplications


def test_a_tied_weight_counts_once_in_the_model_and_wherever_it_is_used() -> None:
    """Each of its modules has it; what holds both has it once."""
    counted = costs(Tied(), torch.zeros(2, 3, dtype=torch.long))
    by_module = counted.by_module()
    assert counted.total().parameters == Tied.parameters_by_hand
    assert {by_module[path].parameters for path in ("", "embed", "head")} == {40}
    assert counted.total().parameter_bytes == 4 * 40


def test_a_shared_module_counts_once_and_its_calls_are_added() -> None:
    """Under both of its names there are its parameters, three calls and their FLOPs."""
    counted = costs(Shared(), torch.zeros(5, 8))
    assert counted.total().parameters == Shared.parameters_by_hand
    for path in ("layer", "again"):
        module = counted.by_module()[path]
        assert (module.parameters, module.calls) == (72, 3)
        assert module.flops_forward == Shared.flops
    assert counted.by_module()[""].parameters == Shared.parameters_by_hand


def test_never_called_modules_are_told_without_their_parts() -> None:
    """Lists whose blocks are called, parameter lists and empty containers are none."""
    counted = costs(Step(), torch.zeros(2, 4))
    assert counted.never_called() == ("aux",)
    blocks = counted.by_module()["blocks"]
    assert (blocks.calls, blocks.flops_forward) == (0, 3 * 2 * 2 * 4 * 4)
    assert counted.by_module()["aux"].flops_forward is None
    assert costs(Shared(), torch.zeros(5, 8)).never_called() == ("unused",)
    assert costs(MHA, X32, X32, X32).never_called() == ()


def test_a_list_of_modules_that_are_called_under_other_names_is_not_never_called() -> None:
    """A module is reached under all of its paths."""
    model = Step()
    model.ways = nn.ModuleList([model.blocks[0], model.blocks[2]])
    assert costs(model, torch.zeros(2, 4)).never_called() == ("aux",)


def test_frozen_parts_train_nothing() -> None:
    """Trainable parameters are those that require a gradient."""
    model = nn.Sequential(nn.Linear(8, 16).requires_grad_(requires_grad=False), nn.Linear(16, 4))
    counted = costs(model, torch.zeros(2, 8))
    assert counted.total().parameters == (8 * 16 + 16) + (16 * 4 + 4)
    assert counted.total().trainable_parameters == 16 * 4 + 4
    assert counted.by_module()["0"].trainable_parameters == 0


def test_bytes_follow_dtypes() -> None:
    """bfloat16 weights, int8 codes, a float32 and an int64 buffer."""
    total = costs(Mixed(), torch.zeros(2, 16, dtype=torch.bfloat16)).total()
    half, codes = 16 * 4 + 4, 32 * 8
    assert (total.parameters, total.trainable_parameters) == (half + codes, half)
    assert (total.parameter_bytes, total.buffers, total.buffer_bytes) == (2 * half + codes, 33, 136)
    assert total.bytes_by_dtype == {"bfloat16": 2 * half, "float32": 128, "int64": 8, "int8": codes}
    assert list(total.bytes_by_dtype) == sorted(total.bytes_by_dtype)


def test_lazy_parameters_are_told_apart() -> None:
    """Without a shape they are in no figure."""
    lazy = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    counted = Costs.of(ArchitectureGraph(describe_modules(lazy)))
    assert (counted.total().uninitialized, counted.total().parameters) == (2, 4 * 2 + 2)
    assert counted.by_module()["0"].uninitialized == 2


def test_before_any_step_there_are_no_flops_and_no_calls() -> None:
    """Modules alone tell what is held; what is computed is not known, rather than 0."""
    counted = Costs.of(ArchitectureGraph(describe_modules(Shared())))
    total = counted.total()
    assert (total.flops_forward, total.activation_bytes, total.uncounted_calls) == (None, None, 0)
    assert total.parameters == Shared.parameters_by_hand
    assert counted.never_called() == ()
    assert Costs.of(ArchitectureGraph()).total().parameters == 0


def test_activations_are_what_leaves_gave_out() -> None:
    """A container gives out what its last part gave out: that counts once."""
    model = nn.Sequential(nn.Linear(8, 16), nn.Sequential(nn.ReLU(), nn.Linear(16, 4)))
    counted = costs(model, torch.zeros(5, 8))
    assert counted.total().activation_bytes == 4 * 5 * (16 + 16 + 4)
    assert counted.by_module()["1"].activation_bytes == 4 * 5 * (16 + 4)


def test_operations_outside_of_modules_count_in_the_total_alone() -> None:
    """A loss in the training step belongs to no module."""
    graph = traced(nn.Linear(8, 3), torch.zeros(5, 8))
    outside = Node(len(graph.nodes), "op", "matmul", flops=7)
    counted = Costs.of(ArchitectureGraph(graph.modules, (*graph.nodes, outside)))
    assert counted.total().flops_forward == 2 * 5 * 8 * 3 + 7
    assert counted.by_module()[""].flops_forward == 2 * 5 * 8 * 3


def test_what_could_not_be_counted_is_told() -> None:
    """The sum of the others stays, with the number of calls that are missing in it."""
    graph = traced(nn.Linear(8, 3), torch.zeros(5, 8))
    unknown = Node(len(graph.nodes), "op", "custom")
    counted = Costs.of(ArchitectureGraph(graph.modules, (*graph.nodes, unknown)))
    assert (counted.total().flops_forward, counted.total().uncounted_calls) == (240, 1)
    assert counted.by_module()[""].uncounted_calls == 0


def test_a_module_that_holds_its_holder_is_counted() -> None:
    """A circle of references ends."""
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].owner = model
    counted = Costs.of(ArchitectureGraph(describe_modules(model)))
    assert {cost.parameters for cost in counted.by_module().values()} == {6}


@pytest.mark.parametrize(
    "model", [Tied(), Shared(), Step(), Mixed(), MHA, nn.LazyLinear(3)], ids=type
)
def test_totals_are_those_of_the_live_model(model) -> None:
    """Counting plain data gives what counting tensors gives."""
    total = Costs.of(ArchitectureGraph(describe_modules(model))).total()
    assert (total.parameters, total.trainable_parameters, total.buffers) == (
        values(model.parameters()),
        values(p for p in model.parameters() if p.requires_grad),
        values(model.buffers()),
    )
    assert total.parameter_bytes == held_bytes(model.parameters())
    assert total.buffer_bytes == held_bytes(model.buffers())


def values(tensors: Iterable[Tensor]) -> int:
    return sum(t.numel() for t in tensors if not is_lazy(t))


def held_bytes(tensors: Iterable[Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if not is_lazy(t))
