"""Watching one call of a method: seen once, unseen otherwise."""

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.watch.call_arguments import named_arguments
from modelviz_callbacks.watch.method_watch import MethodWatch
from tests.models import TakesKeywords, TakesSeveral


class Step:
    def run(self, batch: Any, index: int = 0, *more: Any, flag: bool = False) -> Any:
        """Runs."""
        if batch == "raise":
            raise ValueError("own")
        return batch, index, more, flag


class Told:
    """Keeps what a watch tells."""

    def __init__(self, owner: object, name: str = "run") -> None:
        self.begun: list[dict[str, Any]] = []
        self.ended: list[tuple[Any, Any]] = []
        self.attached_meanwhile: list[bool] = []

        def begins(arguments: dict[str, Any]) -> None:
            self.attached_meanwhile.append(name in vars(owner))
            self.begun.append(arguments)

        self.watch = MethodWatch(owner, name, begins, lambda *end: self.ended.append(end))


def test_the_next_call_is_seen_and_no_other() -> None:
    """With its arguments by name and its result; the watch is off while it runs."""
    step = Step()
    told = Told(step)
    assert step.run("a", 3, 4, flag=True) == ("a", 3, (4,), True)
    assert step.run("b") == ("b", 0, (), False)
    assert told.begun == [{"batch": "a", "index": 3, "more": (4,), "flag": True}]
    assert told.ended == [(("a", 3, (4,), True), None)]
    assert told.attached_meanwhile == [False]
    assert vars(step) == {}


def test_what_the_call_raises_is_told_and_passes_on() -> None:
    """The same exception; nothing is left."""
    step = Step()
    told = Told(step)
    with pytest.raises(ValueError, match="own") as caught:
        step.run("raise")
    assert told.ended == [(None, caught.value)]
    assert vars(step) == {}


def test_the_watched_method_looks_like_the_original() -> None:
    """Lightning looks at a step's signature before it calls it."""
    step = Step()
    before = inspect.signature(step.run)
    told = Told(step)
    assert inspect.signature(step.run) == before
    assert (step.run.__name__, step.run.__doc__) == ("run", "Runs.")
    told.watch.remove()


def test_a_method_of_the_instances_own_is_put_back() -> None:
    """As a patch for debugging."""
    step = Step()
    step.run = own = lambda batch: batch * 2  # type: ignore[method-assign]
    told = Told(step)
    assert step.run("a") == "aa"
    assert step.run is own
    assert told.begun == [{"batch": "a"}]


def test_removing_comes_before_the_call_and_may_come_again() -> None:
    """Nothing is told then."""
    step = Step()
    told = Told(step)
    told.watch.remove()
    told.watch.remove()
    step.run("a")
    assert (told.begun, vars(step)) == ([], {})


def test_a_patch_made_on_top_stays() -> None:
    """Removing takes off what is ours alone."""
    step = Step()
    told = Told(step)
    step.run = patch = lambda batch: batch  # type: ignore[method-assign]
    told.watch.remove()
    assert step.run is patch


def test_a_module_has_its_watch_in_its_own_dict() -> None:
    """Past the `__setattr__` of nn.Module; it is no submodule and no parameter."""
    net = nn.Linear(8, 4)
    told = Told(net, "forward")
    net(torch.ones(1, 8))
    assert list(told.begun[0]) == ["input"]
    assert vars(net).keys() == vars(nn.Linear(8, 4)).keys()


def test_arguments_have_the_names_of_forward() -> None:
    """Given by position or by name, defaults left out."""
    x = torch.ones(1)
    assert named_arguments(TakesSeveral(), (x, x), {"c": [x]}) == {"a": x, "b": x, "c": [x]}
    assert named_arguments(TakesKeywords(), (), {"x": x, "depth": 7}) == {"x": x, "depth": 7}


def test_arguments_that_do_not_fit_are_named_by_place() -> None:
    """The call will raise in its own way; built-in functions may have no signature."""

    def takes_one(x: Tensor) -> Tensor:
        return x

    assert named_arguments(takes_one, (1, 2), {"k": 3}) == {"args[0]": 1, "args[1]": 2, "k": 3}
    assert named_arguments(dict, (1,), {}) == {"args[0]": 1}
