"""One small network in all the ways of splitting it between ranks, and its training."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.nn import functional as F

from modelviz_callbacks import ModelVizHook
from tests.distributed.ranks import WORLD_SIZE

STEPS = 3


class Block(nn.Module):
    """`[N, 16]` → `[N, 16]`; counts its forwards."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.up = nn.Linear(16, 32)
        self.down = nn.Linear(32, 16)
        self.dropout = nn.Dropout(0.2)
        self.calls = 0

    def compute(self, x: Tensor, scale: Tensor) -> Tensor:
        return x + self.dropout(self.down(F.gelu(self.up(self.norm(x))))) * scale

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        self.calls += 1
        return self.compute(x, scale)


class Net(nn.Module):
    """`[N, 8]` → `[N, 4]` with a frozen parameter, a tied one and buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm = nn.BatchNorm1d(16)
        self.frozen = nn.Parameter(torch.ones(16), requires_grad=False)
        self.head = nn.Linear(16, 8, bias=False)
        self.again = nn.Linear(16, 8, bias=False)
        self.again.weight = self.head.weight
        self.by_method = False
        self.calls = 0

    def encode(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block.compute(x, x) if self.by_method else block(x, scale=x)
        return self.norm(x) * self.frozen

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        hidden = self.encode(x)
        return self.head(hidden) + self.again(hidden)


def count_forwards(model: nn.Module) -> list[int]:
    return [module.calls for module in model.modules() if isinstance(module, (Net, Block))]


# Ways of sharding; each takes the network and gives what the loop calls.


def unsharded(net: Net) -> nn.Module:
    return net


def unsharded_by_method(net: Net) -> Net:
    net.by_method = True
    return net


def fsdp2(net: Net, root: dict[str, Any] | None = None, **policies: Any) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (WORLD_SIZE,))
    for block in net.blocks:
        fully_shard(block, mesh=mesh, **policies)
    return fully_shard(net, mesh=mesh, **(policies if root is None else root))


def fsdp2_of_armed(net: Net) -> nn.Module:
    """Shards a network that a hook is armed on already."""
    return fsdp2(net)


def fsdp2_kept(net: Net) -> nn.Module:
    model = fsdp2(net)
    model.set_reshard_after_forward(False)
    return model


def fsdp2_bf16(net: Net) -> nn.Module:
    from torch.distributed.fsdp import MixedPrecisionPolicy

    # Batch norm on CPU does not take bfloat16.
    policy = MixedPrecisionPolicy(torch.bfloat16, output_dtype=torch.float32)
    model = fsdp2(net, root={}, mp_policy=policy)
    # After the step the blocks still hold what was gathered in bfloat16.
    model.set_reshard_after_forward(False)
    return model


def fsdp2_offloaded(net: Net) -> nn.Module:
    from torch.distributed.fsdp import CPUOffloadPolicy

    return fsdp2(net, offload_policy=CPUOffloadPolicy(pin_memory=False))


def fsdp2_checkpointed(net: Net) -> nn.Module:
    return fsdp2(checkpointed(net))


def fsdp2_compiled(net: Net) -> nn.Module:
    return torch.compile(fsdp2(net), backend="eager")


def fsdp2_compiled_blocks(net: Net) -> nn.Module:
    for index, block in enumerate(net.blocks):
        net.blocks[index] = torch.compile(block, backend="eager")
    return fsdp2(net)


class Talkative(nn.Linear):
    """Tells what all ranks would have to work out together."""

    def extra_repr(self) -> str:
        return f"norm={self.weight.norm().item():.2f}"


def fsdp2_talkative(net: Net) -> nn.Module:
    net.blocks[0].up = Talkative(16, 32)
    return fsdp2(net)


def checkpointed(net: Net, *, reentrant: bool = False) -> Net:
    from torch.distributed.algorithms._checkpoint import checkpoint_wrapper as wrapper

    how = wrapper.CheckpointImpl.REENTRANT if reentrant else wrapper.CheckpointImpl.NO_REENTRANT
    wrapper.apply_activation_checkpointing(
        net,
        checkpoint_wrapper_fn=lambda module: wrapper.checkpoint_wrapper(module, how),
        check_fn=lambda module: isinstance(module, Block),
    )
    return net


def tensor_parallel(net: Net) -> nn.Module:
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        RowwiseParallel,
        parallelize_module,
    )

    plan = {"up": ColwiseParallel(), "down": RowwiseParallel()}
    mesh = init_device_mesh("cpu", (WORLD_SIZE,))
    for block in net.blocks:
        parallelize_module(block, mesh, plan)
    return net


def sequence_parallel(net: Net) -> nn.Module:
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        PrepareModuleInput,
        RowwiseParallel,
        SequenceParallel,
        parallelize_module,
    )

    from tests.distributed.sharding_api import Replicate, Shard

    split, whole = Shard(0), Replicate()
    mesh = init_device_mesh("cpu", (WORLD_SIZE,))
    to_split = PrepareModuleInput(input_layouts=whole, desired_input_layouts=split)
    plan = {
        "norm": SequenceParallel(sequence_dim=0),
        "up": ColwiseParallel(input_layouts=split),
        "down": RowwiseParallel(output_layouts=split, use_local_output=False),
        # Dropout of what is whole again takes the same random numbers on every rank.
        "dropout": PrepareModuleInput(
            input_layouts=split, desired_input_layouts=whole, use_local_output=True
        ),
    }
    for block in net.blocks:
        parallelize_module(block.norm, mesh, to_split)
        parallelize_module(block, mesh, plan)
    return net


def fsdp2_of_tensor_parallel(net: Net) -> nn.Module:
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        RowwiseParallel,
        parallelize_module,
    )

    mesh = init_device_mesh("cpu", (1, WORLD_SIZE), mesh_dim_names=("data", "tensor"))
    for block in net.blocks:
        parallelize_module(
            block, mesh["tensor"], {"up": ColwiseParallel(), "down": RowwiseParallel()}
        )
        fully_shard(block, mesh=mesh["data"])
    return fully_shard(net, mesh=mesh["data"])


def fsdp2_by_method(net: Net) -> nn.Module:
    """A method of the blocks gathers their parameters; they are not called themselves."""
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh("cpu", (WORLD_SIZE,))
    for block in net.blocks:
        fully_shard(block, mesh=mesh)
        register_fsdp_forward_method(block, "compute")
    return fully_shard(unsharded_by_method(net), mesh=mesh)


def fsdp1(net: Net, *, use_orig_params: bool) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.distributed.fsdp.wrap import ModuleWrapPolicy

    return FullyShardedDataParallel(
        net,
        use_orig_params=use_orig_params,
        auto_wrap_policy=ModuleWrapPolicy({Block}),
        # Without `use_orig_params` what is flattened together must train together.
        ignored_states=[] if use_orig_params else [net.frozen],
        device_id=torch.device("cpu"),
    )


def fsdp1_originals(net: Net) -> nn.Module:
    return fsdp1(net, use_orig_params=True)


def fsdp1_flat(net: Net) -> nn.Module:
    return fsdp1(net, use_orig_params=False)


def fsdp1_checkpointed(net: Net) -> nn.Module:
    return checkpointed(fsdp1(net, use_orig_params=True), reentrant=True)


# Their training.


def train(shard: Callable[[Net], nn.Module], folder: Path | None) -> dict[str, Any]:
    """Trains a sharded network for some steps.

    Args:
        shard: The way of sharding.
        folder: Where to record it, or None to train it without us.

    Returns:
        Everything that this rank has afterwards.
    """
    torch.manual_seed(0)
    random.seed(0)
    begun = collectives()
    net = Net()
    armed_first = arm(net, folder) if shard is fsdp2_of_armed else None
    model = shard(net)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
    hook = armed_first or arm(model, folder)
    losses = []
    for step in range(STEPS):
        inputs = torch.randn(4, 8, generator=torch.Generator().manual_seed(step))
        loss = model(inputs).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if hook is not None:
        hook.close()
    return {
        "losses": losses,
        "forwards": count_forwards(net),
        "collectives": collectives() - begun,
        "attributes": attributes(model),
        "parameters": {name: local(p) for name, p in model.named_parameters()},
        "buffers": {name: local(b) for name, b in model.named_buffers()},
        "random": (torch.get_rng_state(), random.getstate()),
    }


def arm(model: nn.Module, folder: Path | None) -> ModelVizHook | None:
    """Arms a hook on a model if there is a folder for its record."""
    return ModelVizHook(model, folder, formats=(), on_error="raise") if folder else None


def collectives() -> int:
    """Gives how many collectives this rank has taken part in."""
    group = distributed.distributed_c10d._get_default_group()
    number: int = group._get_sequence_number_for_group()
    return number


def local(tensor: Tensor) -> Tensor:
    """Gives what lies on this rank, without asking the others."""
    part: Any = getattr(tensor, "_local_tensor", tensor)
    return part.detach().clone()


def attributes(model: nn.Module) -> dict[str, list[str]]:
    """Names what hangs on each module and on what shards it, and the kinds of its hooks."""
    held = {}
    for name, module in model.named_modules():
        state = module._get_fsdp_state() if hasattr(module, "_get_fsdp_state") else None
        hooks = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
        held[name] = [
            *vars(module),
            *(f"state {key}" for key in (vars(state) if state else ())),
            *(f"hook {type(hook).__name__}" for hook in hooks),
        ]
    return held
