"""Hooks of sharding libraries: found by where they come from, covered while a step is watched."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from modelviz_callbacks.watch.parallel_hooks import cover_hooks, has_parallel_hooks


def library_hook(*_given: Any) -> None:
    return None


library_hook.__module__ = "torch.distributed.tensor._api"


def users_hook(*_given: Any) -> None:
    return None


def covered(model: nn.Module, seen: list[Any]) -> list[Any]:
    def around(hook: Any, *given: Any) -> Any:
        seen.append(hook)
        return hook(*given)

    return list(cover_hooks(model, around, around))


def test_a_librarys_hook_is_told_by_its_module() -> None:
    """Anywhere in the model; a user's own is none."""
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].register_forward_pre_hook(users_hook)
    assert not has_parallel_hooks(model)
    model[0].register_forward_hook(library_hook)
    assert has_parallel_hooks(model)


def test_covers_are_in_the_hooks_places_and_go_again() -> None:
    """The order stays, and so does what is not a library's."""
    model = nn.Linear(2, 2)
    model.register_forward_hook(library_hook)
    model.register_forward_hook(users_hook)
    before = dict(model._forward_hooks)
    seen: list[Any] = []
    covers = covered(model, seen)
    assert list(model._forward_hooks) == list(before)
    assert has_parallel_hooks(model)
    model(torch.ones(1, 2))
    assert seen == [library_hook]
    for cover in covers:
        cover.remove()
        cover.remove()
    assert dict(model._forward_hooks) == before


def test_a_hook_that_was_removed_meanwhile_stays_away() -> None:
    """Its handle works while it is covered."""
    model = nn.Linear(2, 2)
    handle = model.register_forward_pre_hook(library_hook)
    (cover,) = covered(model, [])
    handle.remove()
    cover.remove()
    assert not model._forward_pre_hooks


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "pickle"],
)
def test_a_copy_gets_the_plain_hook(copied) -> None:
    """Whoever copies the model in its first step takes nothing of ours along."""
    model = nn.Linear(2, 2)
    # To be pickled a function must be found in its module.
    model.register_forward_hook(torch.distributed.is_available)
    (cover,) = covered(model, [])
    (hook,) = copied(model)._forward_hooks.values()
    assert hook is torch.distributed.is_available
    cover.remove()


def test_a_traced_call_passes_straight_through() -> None:
    """Nothing of ours goes into the traced program."""
    model = nn.Linear(2, 2)
    model.register_forward_hook(library_hook)
    seen: list[Any] = []
    (cover,) = covered(model, seen)
    torch.jit.trace(model, torch.ones(1, 2), check_trace=False)
    assert seen == []
    cover.remove()
