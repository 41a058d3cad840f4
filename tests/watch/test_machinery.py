"""What wrappers and sharding libraries do around modules: unseen, and data followed through it."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointImpl,
    checkpoint_wrapper,
    offload_wrapper,
)

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.graph.fingerprint import fingerprints
from tests.conftest import ALL_OK, find_record, statuses
from tests.fake_deepspeed import DeepSpeedEngine
from tests.graph.tracing import traced
from tests.watch.flow import arrows, outline


class Block(nn.Module):
    """`[N, 8]` → `[N, 8]`, with operations of its own between its modules."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.dropout = nn.Dropout(0.5)
        self.forwards = 0

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        self.forwards += 1
        return x + self.dropout(self.layer(x) * scale).relu()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 8)
        self.blocks = nn.ModuleList([Block(), Block()])

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x, scale=x)
        return x.sum()


def wrapped(wrap: Any) -> Net:
    torch.manual_seed(0)
    net = Net()
    for index, block in enumerate(net.blocks):
        net.blocks[index] = wrap(block)
    return net


def hooked(block: nn.Module) -> nn.Module:
    """What FSDP2 and tensor parallelism do: tensors in and out are made anew, with operations."""

    def before(_module: nn.Module, args: Any, kwargs: Any) -> Any:
        return tuple(x * 1 for x in args), {name: x * 1 for name, x in kwargs.items()}

    def after(_module: nn.Module, _args: Any, output: Tensor) -> Tensor:
        return output.double().float()

    def before_part(_module: nn.Module, args: Any) -> Any:
        return args[0].clone()

    for hook in (before, after, before_part):
        hook.__module__ = "torch.distributed.fsdp._fully_shard._fsdp_state"
    block.register_forward_pre_hook(before, prepend=True, with_kwargs=True)
    block.register_forward_hook(after)
    block.layer.register_forward_pre_hook(before_part)
    return block


class Engine(DeepSpeedEngine):
    """Passes keyword arguments through operations of its own too."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*(x * 1 for x in args), **{k: x * 1 for k, x in kwargs.items()}) * 1


WRAPPERS = {
    "checkpointing": checkpoint_wrapper,
    "reentrant checkpointing": partial(
        checkpoint_wrapper, checkpoint_impl=CheckpointImpl.REENTRANT
    ),
    "offloading of activations": offload_wrapper,
    "several": lambda block: checkpoint_wrapper(checkpoint_wrapper(block)),
    "DeepSpeed's engine": DeepSpeedEngine,
    "an engine that computes": Engine,
    "one in another": lambda block: Engine(Engine(block)),
    "hooks": hooked,
    "hooks in a wrapper": lambda block: checkpoint_wrapper(hooked(block)),
}
AROUND = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


@AROUND
def test_the_graph_is_that_of_the_module_alone(wrap) -> None:
    """Calls, operations, edges and fingerprints."""
    plain, around = traced(wrapped(lambda block: block), inputs()), traced(wrapped(wrap), inputs())
    assert outline(around) == outline(plain)
    assert arrows(around) == arrows(plain)
    assert fingerprints(around) == fingerprints(plain)


@AROUND
def test_a_training_is_as_without_us(wrap, tmp_path) -> None:
    """The same gradients after the same number of forwards, and no hook is left."""
    without, with_us = wrapped(wrap), wrapped(wrap)
    for net, ours in ((without, False), (with_us, True)):
        torch.manual_seed(0)
        hook = ModelVizHook(net, tmp_path, formats=(), on_error="raise") if ours else None
        for _ in range(2):
            net(inputs()).backward()
        if hook is not None:
            hook.close()
    for one, other in zip(without.parameters(), with_us.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    for one, other in zip(without.modules(), with_us.modules(), strict=True):
        assert list(vars(one)) == list(vars(other))
        assert getattr(one, "forwards", 0) == getattr(other, "forwards", 0)
        assert [type(hook) for hook in other._forward_hooks.values()] == [
            type(hook) for hook in one._forward_hooks.values()
        ]


@pytest.mark.parametrize("kind", ["checkpointing", "reentrant checkpointing"])
def test_a_checkpointed_model_is_replayed(kind, tmp_path) -> None:
    """Nothing is shared with other ranks: every library shows it."""
    net = wrapped(WRAPPERS[kind])
    with ModelVizHook(net, tmp_path, formats=()):
        net(inputs()).backward()
    assert statuses(find_record(tmp_path)) == ALL_OK


def test_a_hook_that_raises_ends_the_step_in_its_module(tmp_path) -> None:
    """As without us; the covers come off."""

    def fails(_module: nn.Module, _args: Any) -> None:
        raise ValueError("lost another rank")

    fails.__module__ = "torch.distributed.tensor._api"
    net = wrapped(lambda block: block)
    net.blocks[1].register_forward_pre_hook(fails)
    hook = ModelVizHook(net, tmp_path, formats=())
    with pytest.raises(ValueError, match="lost another rank"):
        net(inputs())
    hook.close()
    assert list(net.blocks[1]._forward_pre_hooks.values()) == [fails]
    assert '"path": "blocks.1", "operation": null' in (
        find_record(tmp_path) / "architecture.json"
    ).read_text("utf-8")


def inputs() -> Tensor:
    return torch.linspace(-1, 1, 32).view(4, 8)
