"""Module paths, wrappers and the outermost calls."""

import threading
from typing import Any

import pytest
import torch
from torch import nn

from modelviz_callbacks.errors import SettingsError
from modelviz_callbacks.watch.module_paths import find_module, walk
from modelviz_callbacks.watch.root_calls import (
    CallObserver,
    CallWatcher,
    RootCall,
    watchable_modules,
)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))


def test_wrappers_leave_no_trace_in_paths() -> None:
    """A compiled submodule is found under the path that the user wrote."""
    model = net()
    inner = model[1]
    model[1] = torch.compile(inner, backend="eager")
    assert find_module(model, "1.1") is inner[1]
    assert find_module(model, "1") is inner
    assert [path for path, _ in walk(model)] == ["", "0", "1", "1", "1.0", "1.1"]


def test_a_shared_module_is_found_under_each_of_its_paths() -> None:
    """Both names are right."""
    model = nn.ModuleDict({"a": nn.Linear(2, 2)})
    model["b"] = model["a"]
    assert find_module(model, "b") is find_module(model, "a")


def test_a_wrong_path_names_what_there_is() -> None:
    """Near names first; without any, the top ones."""
    model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "decoder": nn.Linear(2, 2)})
    with pytest.raises(SettingsError, match="'encoder'"):
        find_module(model, "encodr")
    with pytest.raises(SettingsError, match="'encoder', 'decoder'"):
        find_module(model, "zzzzzz")


def test_nothing_is_watched_inside_compiled_and_scripted_code() -> None:
    """Their outermost call is."""
    model = nn.ModuleDict(
        {
            "compiled": torch.compile(net(), backend="eager"),
            "in_place": net(),
            "scripted": torch.jit.script(net()),
        }
    )
    model["in_place"].compile(backend="eager")
    assert list(watchable_modules(model)) == ["", "compiled", "in_place", "scripted"]


def test_only_outermost_calls_are_seen_with_all_their_arguments() -> None:
    """Calls from inside another module's forward are its own business."""
    seen: list[RootCall] = []
    model = net()
    watcher = CallWatcher(watchable_modules(model), CallObserver(seen.append))
    watcher.arm()
    model(torch.ones(1, 2))
    model[1](input=torch.zeros(1, 2))
    watcher.disarm()
    model(torch.ones(1, 2))
    assert [(c.path, len(c.args), list(c.kwargs)) for c in seen] == [
        ("", 1, []),
        ("1", 0, ["input"]),
    ]
    assert list(seen[0].named_arguments()) == ["input"]


def test_arguments_are_seen_before_hooks_change_them() -> None:
    """A replay goes through the user's hooks again, so it must start from the same arguments."""
    seen: list[RootCall] = []
    model = nn.Linear(2, 2)
    model.register_forward_pre_hook(lambda _m, args: (args[0] * 0,))
    watcher = CallWatcher({"": model}, CallObserver(seen.append))
    watcher.arm()
    model(torch.ones(1, 2))
    watcher.disarm()
    assert seen[0].args[0].sum() == 2


def test_the_end_of_a_call_is_told_with_its_output_or_its_exception() -> None:
    """The exception passes on as the same object."""
    ends: list[Any] = []
    model = nn.Linear(2, 2)
    observer = CallObserver(lambda _call: None, lambda _call, *end: ends.append(end))
    watcher = CallWatcher({"": model}, observer)
    watcher.arm()
    output = model(torch.ones(1, 2))
    with pytest.raises(RuntimeError) as caught:
        model(torch.ones(1, 3))
    watcher.disarm()
    assert ends == [(output, None), (None, caught.value)]


def test_each_thread_has_its_own_outermost_calls() -> None:
    """DataParallel and pipelines call modules from several threads."""
    seen: list[RootCall] = []
    inner = nn.Linear(2, 2)

    class Threaded(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            thread = threading.Thread(target=lambda: inner(x))
            thread.start()
            thread.join()
            return x

    model = Threaded()
    watcher = CallWatcher({"": model, "inner": inner}, CallObserver(seen.append))
    watcher.arm()
    model(torch.ones(1, 2))
    watcher.disarm()
    assert [call.path for call in seen] == ["", "inner"]
