"""The mode that sees operations, and its place among other people's."""

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from modelviz_callbacks.watch.operation_mode import OperationMode


class Other(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def mode(seen: list[str]) -> OperationMode:
    def operation(function: Any, args: Any, kwargs: Any) -> Any:
        # Inside, the mode is off: this is not seen again.
        torch.ones(2) + 1
        seen.append(function.__name__)
        return function(*args, **kwargs)

    return OperationMode(operation)


def test_operations_are_seen_once_while_the_mode_is_on() -> None:
    """Not before, not after, and not what the observer does itself."""
    seen: list[str] = []
    ours = mode(seen)
    x = torch.ones(2)
    x.exp()
    ours.put_on()
    x.sin()
    assert ours.take_off()
    x.cos()
    assert seen == ["sin"]


def test_it_comes_off_wherever_it_is() -> None:
    """The user's modes above and below stay, in their order."""
    ours, modes = mode([]), [Other() for _ in range(4)]
    for index, other in enumerate(modes):
        if index == 2:
            ours.put_on()
        other.__enter__()
    assert ours.take_off()
    assert _get_current_function_mode_stack() == modes
    for other in reversed(modes):
        other.__exit__(None, None, None)


def test_a_mode_that_is_not_on_takes_nothing_off() -> None:
    """It says so, and every other one stays."""
    ours = mode([])
    assert not ours.take_off()
    with Other() as other:
        assert not ours.take_off()
        assert _get_current_function_mode_stack() == [other]


def test_lifted_for_a_while_it_comes_back() -> None:
    """Also if the body raises; not if it was not on."""
    seen: list[str] = []
    ours = mode(seen)
    with ours.lifted():
        assert _get_current_function_mode_stack() == []
    assert _get_current_function_mode_stack() == []
    ours.put_on()
    with pytest.raises(ZeroDivisionError), ours.lifted():
        torch.ones(()).exp().item() / 0
    torch.ones(2).sin()
    assert ours.take_off()
    assert "exp" not in seen
    assert "sin" in seen


def test_a_compiler_finds_nothing_in_it(monkeypatch) -> None:
    """What a compiler reads of the mode is the plain operation."""
    seen: list[str] = []
    ours = mode(seen)
    ours.put_on()
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    result = torch.ones(2).sum()
    monkeypatch.undo()
    ours.take_off()
    assert seen == []
    assert result == 2
