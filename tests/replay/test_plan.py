"""Whether an extra forward is safe, and the reason where it is not."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from modelviz_callbacks.replay.plan import replay_refusal
from tests import fake_deepspeed


def test_a_plain_module_may_run_once_more() -> None:
    """Also one with hooks of the user's own."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model.register_forward_hook(lambda *_: None)
    assert replay_refusal(model) is None


def zero3() -> nn.Module:
    return fake_deepspeed.partition(nn.Linear(2, 2))


def zero3_gathered() -> nn.Module:
    model = zero3()
    fake_deepspeed.gather(model, ())
    model._forward_pre_hooks.clear()
    model._forward_hooks.clear()
    return model


def hooked(module_name: str) -> nn.Module:
    def hook(*_given: object) -> None:
        return None

    hook.__module__ = module_name
    model = nn.Sequential(nn.Identity())
    model[0].register_forward_pre_hook(hook)
    return model


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "ZeRO-3": (zero3, "ZeRO-3 gathers parameters"),
    "ZeRO-3, gathered": (zero3_gathered, "ZeRO-3 gathers parameters"),
    "hooks of tensor parallelism": (
        lambda: hooked("torch.distributed.tensor._api"),
        "hooks that a library put on it may wait",
    ),
    "hooks of DeepSpeed's engine": (
        lambda: hooked("deepspeed.runtime.engine"),
        "hooks that a library put on it may wait",
    ),
    "lazy": (lambda: nn.LazyLinear(2), "lazy parameters"),
    "scripted": (lambda: torch.jit.script(nn.Linear(2, 2)), "scripted code"),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_waits_for_others_or_cannot_be_put_back_is_refused(make, reason) -> None:
    """With the reason in words; a part of the model is enough."""
    assert reason in str(replay_refusal(make()))
    assert reason in str(replay_refusal(nn.Sequential(nn.ReLU(), make())))


def test_replicated_parameters_of_zero1_and_2_may_be_replayed() -> None:
    """Without hooks of the engine's, the module in it is a plain one."""
    engine = fake_deepspeed.DeepSpeedEngine(nn.Linear(2, 2))
    assert replay_refusal(engine.module) is None


def test_an_iterator_can_be_used_only_once() -> None:
    """Wherever it is in the arguments."""
    assert "iterator" in str(replay_refusal(nn.Linear(2, 2), {"x": [iter([1])]}))
