"""Who listens for compiled calls hears of each, and nothing of torch's is changed by it."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.eval_frame import _TorchDynamoContext

from modelviz_callbacks.watch import compiled_code
from modelviz_callbacks.watch.compiled_code import _SET_MEANWHILE, on_entry
from modelviz_callbacks.watch.forced_eager import forced_eager, is_forced_eager
from modelviz_callbacks.watch.shadow import Shadow, Watch
from tests.compilers import compiler_work, fresh_compiler
from tests.models import TakesTensor, digits

HOOKS = "enter_exit_hooks"


@pytest.fixture
def heard() -> Iterator[list[str]]:
    calls: list[str] = []

    def listener() -> Callable[[], object]:
        calls.append("in")
        return lambda: calls.append("out")

    end = on_entry(listener)
    yield calls
    end()
    end()
    assert HOOKS not in vars(_TorchDynamoContext)


def double(x: Tensor) -> Tensor:
    return x * 2


def test_each_compiled_call_is_heard_of(heard) -> None:
    """Of a function and of a module, compiled before or meanwhile, and also when it raises."""
    backend = fresh_compiler()
    function = torch.compile(double, backend=backend)
    function(digits())
    assert heard == ["in", "out"]
    torch.compile(TakesTensor(), backend=backend)(digits())
    assert heard == ["in", "out"] * 2
    with pytest.raises(TypeError):
        function()
    assert heard == ["in", "out"] * 3


def test_torchs_own_hooks_go_on(heard) -> None:
    """What torch does around a call of any shape still happens, then and later."""
    backend = fresh_compiler()
    function = torch.compile(double, backend=backend, dynamic=True)
    function(digits(3))
    function(digits(5))
    assert backend.graphs == 1


def test_what_was_compiled_meanwhile_keeps_its_own_hooks() -> None:
    """Its list is its own again when nobody listens."""
    backend = fresh_compiler()
    end = on_entry(lambda: lambda: None)
    function = torch.compile(double, backend=backend, dynamic=True)
    end()
    assert _SET_MEANWHILE == {}
    function(digits(3))
    function(digits(5))
    assert backend.graphs == 1


def test_another_threads_compiled_calls_are_not_heard_of(heard) -> None:
    """They would take the watching off in the middle of this thread's step."""
    function = torch.compile(double, backend=fresh_compiler())
    thread = threading.Thread(target=function, args=(digits(),))
    thread.start()
    thread.join()
    assert heard == []


def test_a_listener_that_raises_stops_no_compiled_call(heard) -> None:
    """Neither before the call nor after it; the others hear of it."""
    backend = fresh_compiler()
    ends = [on_entry(lambda: 1 / 0), on_entry(lambda: lambda: 1 / 0)]
    assert torch.equal(torch.compile(double, backend=backend)(digits()), digits() * 2)
    for end in ends:
        end()
    assert heard == ["in", "out"]


def test_what_is_forced_to_run_eagerly_is_not_compiled_code(heard) -> None:
    """In a replay everything is watched."""
    function = torch.compile(double, backend=fresh_compiler())
    with forced_eager():
        assert is_forced_eager()
        function(digits())
    assert not is_forced_eager()
    assert heard == []


def test_what_ran_eagerly_first_is_compiled_at_its_next_call() -> None:
    """The replay of a step leaves the compiler as it was."""
    backend = fresh_compiler()
    function = torch.compile(double, backend=backend)
    with forced_eager():
        function(digits())
        function(digits())
    assert backend.graphs == 0
    function(digits())
    assert backend.graphs == 1


def test_listening_gives_the_compiler_no_work() -> None:
    """Not even a frame to look at, also where it keeps something from being compiled meanwhile."""

    def keeps(x: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return torch._dynamo.disable(double)(x)

    work = []
    for listens in (False, True, False):
        backend = fresh_compiler()
        end = on_entry(lambda: lambda: None) if listens else lambda: None
        torch.compile(keeps, backend=backend)(digits())
        end()
        # What torch says of a break differs from one to the next.
        work.append(compiler_work(backend) | {"graph_break": None})
    assert work[0] == work[1] == work[2]


def watched(module: nn.Module) -> tuple[Shadow, Watch]:
    shadow, watch = Shadow.of(module), Watch(lambda _module, proceed, *args: proceed(*args))
    shadow.watches.append(watch)
    return shadow, watch


def test_no_shadow_is_on_a_module_while_compiled_code_runs() -> None:
    """Each is back afterwards, unless it was taken off meanwhile."""
    stays, goes = TakesTensor(), TakesTensor()
    before = set(vars(stays))
    shadow, watch = watched(stays)
    other = watched(goes)

    def backend(graph: Any, _inputs: Any) -> Any:
        assert set(vars(stays)) == set(vars(goes)) == before
        other[0].drop(other[1])
        return graph.forward

    torch._dynamo.reset()
    torch.compile(double, backend=backend)(digits())
    assert vars(stays)["_call_impl"] is shadow
    assert set(vars(goes)) == before
    shadow.drop(watch)
    assert set(vars(stays)) == before


@pytest.mark.parametrize(
    "compile_it",
    [lambda net: torch.compile(net, backend="eager"), lambda net: net.compile(backend="eager")],
    ids=["wrapped", "in place"],
)
def test_a_compiler_that_comes_after_the_watching_is_listened_to(compile_it, monkeypatch) -> None:
    """Torch loads it when something is compiled for the first time."""
    with monkeypatch.context() as before_it_is_loaded:
        before_it_is_loaded.setattr(compiled_code, "_context_class", lambda: None)
        shadow, watch = watched(net := TakesTensor())
    assert HOOKS not in vars(_TorchDynamoContext)
    compile_it(net)
    assert HOOKS in vars(_TorchDynamoContext)
    shadow.drop(watch)
    assert HOOKS not in vars(_TorchDynamoContext)


def test_a_watched_model_may_go() -> None:
    """What knows all shadows keeps no model alive."""
    net = TakesTensor()
    watched(net)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
    # The next one finds everything in order.
    shadow, watch = watched(TakesTensor())
    shadow.drop(watch)
    assert not nn.modules.module._global_module_registration_hooks
    assert HOOKS not in vars(_TorchDynamoContext)
