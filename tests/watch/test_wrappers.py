"""Wrappers around a user's module: seen through, in paths, classes and calls."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    CheckpointImpl,
    checkpoint_wrapper,
    offload_wrapper,
)
from torch.nn.parallel import DataParallel

from modelviz_callbacks.watch.module_entries import class_name, describe_modules
from modelviz_callbacks.watch.module_paths import find_module, walk
from modelviz_callbacks.watch.root_calls import watchable_modules
from modelviz_callbacks.watch.wrappers import see_through, unwrap, users_class, without_compilers
from tests.fake_deepspeed import DeepSpeedEngine

WRAPPERS = {
    "checkpointing": checkpoint_wrapper,
    "reentrant checkpointing": partial(
        checkpoint_wrapper, checkpoint_impl=CheckpointImpl.REENTRANT
    ),
    "offloading of activations": offload_wrapper,
    "DeepSpeed's engine": DeepSpeedEngine,
    "several": lambda module: checkpoint_wrapper(DeepSpeedEngine(offload_wrapper(module))),
}
WRAPPED = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))


@WRAPPED
def test_a_wrapper_is_seen_through(wrap) -> None:
    """The user's own module has the path that it had, and so has all that is in it."""
    plain = net()
    expected = [e.path for e in describe_modules(plain)]
    inner = plain[1]
    plain[1] = wrap(inner)
    model = wrap(plain)
    assert unwrap(model) is plain
    assert [e.path for e in describe_modules(model)] == expected
    assert find_module(model, "1") is inner
    assert list(watchable_modules(model)) == expected
    assert watchable_modules(model)["1"] is inner


def test_a_wrapper_comes_before_what_it_wraps() -> None:
    """Both under one path."""
    model = net()
    wrapped = model[1]
    model[1] = checkpoint_wrapper(wrapped)
    found = [module for path, module in walk(model, into_compiled=False) if path == "1"]
    assert found == [model[1], wrapped]


def test_an_empty_container_in_a_wrapper_is_found() -> None:
    """Although it is false."""
    empty = nn.ModuleList()
    assert unwrap(checkpoint_wrapper(empty)) is empty
    assert watchable_modules(nn.Sequential(checkpoint_wrapper(empty)))["0"] is empty


def test_a_users_own_part_named_module_is_no_wrapper() -> None:
    """Only DeepSpeed's engine is one."""

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(2, 2)

    holder = Holder()
    assert see_through(holder) is None
    assert [e.path for e in describe_modules(holder)] == ["", "module"]


def test_compilers_come_off_down_to_what_shards() -> None:
    """That one knows the parameters' shapes."""
    engine = DeepSpeedEngine(net())
    assert without_compilers(torch.compile(engine, backend="eager")) is engine
    plain = net()
    assert without_compilers(DataParallel(torch.compile(plain, backend="eager"))) is plain


def test_a_class_that_fsdp2_made_is_the_users() -> None:
    """`fully_shard` changes the class of a module to one made for it."""

    class FSDPModule:
        pass

    class ReplicateModule(FSDPModule):
        pass

    for base in (FSDPModule, ReplicateModule):
        made = type("FSDPLinear", (base, nn.Linear), {})
        module = nn.Linear(2, 2)
        module.__class__ = made
        assert users_class(module) is nn.Linear
        assert class_name(module) == "torch.nn.modules.linear.Linear"


def test_a_class_with_several_bases_is_its_own() -> None:
    """Nothing but FSDP2's is seen through."""

    class Mixed(nn.Linear, nn.ReLU):
        pass

    assert users_class(Mixed(2, 2)) is Mixed
