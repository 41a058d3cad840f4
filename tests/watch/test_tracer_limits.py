"""What the watching must not disturb: modes, threads, recursion, memory, hooks, changing models."""

import gc
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.tracer import StepTracer
from tests.conftest import find_record
from tests.graph.tracing import rehearsal, traced
from tests.models import digits
from tests.watch.flow import names, outline, paths, reaches
from tests.watch.test_tracer import Model

OURS: Any = {"formats": (), "visualizers": ("architecture",)}


class SeesFunctions(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


class SeesDispatch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def run_with_everything(self: Any, x: Tensor) -> Tensor:
    y = self.layer(x)
    y = y.relu_() + x[:, :4]
    return (y * self.layer.weight.mean()).sum()


@pytest.mark.parametrize("kind", [SeesFunctions, SeesDispatch])
def test_a_users_mode_in_a_forward_sees_what_it_sees_without_us(kind) -> None:
    """And we see what is done under it."""
    modes = [kind(), kind()]

    def run(self: Any, x: Tensor) -> Tensor:
        with self.mode:
            return run_with_everything(self, x)

    model = Model(run)
    model.mode = modes[0]
    model(digits())
    model.mode = modes[1]
    graph = traced(model, digits())
    assert modes[0].seen == modes[1].seen
    assert len(modes[0].seen) >= 5
    assert names(graph, "op") == ["relu_", "getitem", "add", "mul", "sum"]
    assert reaches(graph, "x?", "output!")


@pytest.mark.parametrize("kind", [SeesFunctions, SeesDispatch])
def test_a_users_mode_around_the_step_sees_what_it_sees_without_us(kind, tmp_path) -> None:
    """And we see the step, also where the mode was entered before the model was made."""
    modes, x = [kind(), kind()], digits()
    model = Model(run_with_everything)
    with modes[0]:
        model(x)
    hook = ModelVizHook(model, tmp_path, **OURS)
    with modes[1]:
        model(x)
    hook.close()
    assert modes[0].seen == modes[1].seen
    graph = ArchitectureGraph.from_json(Path(str(hook.directory), "architecture.json").read_text())
    assert names(graph, "op") == ["relu_", "getitem", "add", "mul", "sum"]


def test_other_threads_are_run_and_not_watched() -> None:
    """As DataParallel's replicas are; what they give comes from what went in."""

    def run(self: Any, x: Tensor) -> Tensor:
        results: list[Tensor] = []
        thread = threading.Thread(target=lambda: results.append(self.other(x * 2)))
        thread.start()
        thread.join()
        return self.layer(results[0])

    graph = traced(Model(run, other=nn.Linear(8, 8)), digits())
    assert paths(graph) == ["", "layer"]
    assert reaches(graph, "x?", "output!")


def test_a_thread_that_runs_the_model_meanwhile_is_none_of_the_step() -> None:
    """A service that answers with the same model while it is trained."""
    model = Model(lambda self, x: self.wait_and_run(x))
    entered, answered = threading.Event(), threading.Event()

    def wait_and_run(x: Tensor) -> Tensor:
        if threading.current_thread() is not threading.main_thread():
            return model.layer(x * 3)
        entered.set()
        assert answered.wait(10)
        return model.layer(x)

    def serve() -> None:
        entered.wait(10)
        model(digits())
        answered.set()

    model.wait_and_run = wait_and_run
    server = threading.Thread(target=serve)
    server.start()
    graph = traced(model, digits())
    server.join()
    assert outline(graph) == ["x?", ".", " layer", "output!"]


def nested(levels: int) -> nn.Module:
    inner: nn.Module = nn.Linear(8, 8)
    for _ in range(levels):
        inner = nn.Sequential(inner)
    return inner


def fits(model: nn.Module) -> bool:
    try:
        model(digits())
    except RecursionError:
        return False
    return True


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="Python 3.12 counts calls through C apart, for good"
)
def test_deep_nesting_needs_no_more_recursion_than_without_us() -> None:
    """The deepest model that fits the recursion limit fits it still."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_500)
    try:
        levels = next(n for n in range(500, 0, -5) if fits(nested(n)))
        graph = traced(nested(levels), digits())
    finally:
        sys.setrecursionlimit(limit)
    assert levels > 300
    assert len(paths(graph)) == levels + 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_limit_and_modes_are_as_before_after_a_step_that_raises(error, tmp_path) -> None:
    """Whatever it raises: no mode, no shadow, the same recursion limit."""

    def run(self: Any, x: Tensor) -> Tensor:
        self.layer(x)
        raise error

    limit = sys.getrecursionlimit()
    model = Model(run)
    ModelVizHook(model, tmp_path, **OURS)
    with pytest.raises(error):
        model(digits())
    assert sys.getrecursionlimit() == limit
    assert torch.overrides._get_current_function_mode_stack() == []
    assert not any("_call_impl" in vars(part) for part in model.modules())
    assert (find_record(tmp_path) / "architecture.json").exists()


def test_a_forward_that_leaves_its_own_mode_on_keeps_it() -> None:
    """Ours is taken off wherever it is in the stack."""
    mode = SeesFunctions()

    def run(self: Any, x: Tensor) -> Tensor:
        mode.__enter__()
        return self.layer(x)

    traced(Model(run), digits())
    try:
        assert torch.overrides._get_current_function_mode_stack() == [mode]
    finally:
        mode.__exit__(None, None, None)


def test_a_forward_that_changes_the_recursion_limit_keeps_its_own() -> None:
    """It is the user's to set."""

    def run(self: Any, x: Tensor) -> Tensor:
        sys.setrecursionlimit(5_000)
        return self.layer(x)

    limit = sys.getrecursionlimit()
    try:
        traced(Model(run), digits())
        assert sys.getrecursionlimit() == 5_000
    finally:
        sys.setrecursionlimit(limit)


def test_a_model_may_add_and_delete_modules_while_it_runs() -> None:
    """What is added is seen by its operations; what is deleted was seen before."""

    def run(self: Any, x: Tensor) -> Tensor:
        x = self.first(x)
        del self.first
        if not hasattr(self, "made"):
            self.made = nn.Linear(8, 8)
        return self.layer(self.made(x))

    model = Model(run, first=nn.Linear(8, 8))
    graph = traced(model, digits())
    assert paths(graph) == ["", "first", "layer"]
    assert names(graph, "op") == ["linear"]
    assert reaches(graph, "x?", "output!")
    assert not any("_call_impl" in vars(part) for part in model.modules())


def test_a_deleted_module_is_left_clean() -> None:
    """Who keeps it has a plain module."""
    kept = []

    def run(self: Any, x: Tensor) -> Tensor:
        kept.append(self.first)
        x = self.first(x)
        del self.first
        return x

    traced(Model(run, first=nn.Linear(8, 8)), digits())
    assert set(vars(kept[0])) == set(vars(nn.Linear(8, 8)))


def test_hooks_that_change_outputs_are_seen() -> None:
    """What a hook does is a part of the call that it hangs on, and data flows through it."""
    model = Model(lambda self, x: self.layer(x) * 2)
    model.layer.register_forward_pre_hook(lambda _m, args: (args[0] + 1,))
    model.layer.register_forward_hook(lambda _m, _args, output: output.tanh())
    expected = model(digits())
    outputs: list[Tensor] = []
    model.register_forward_hook(lambda _m, _args, output: outputs.append(output))
    graph = traced(model, digits())
    assert torch.equal(outputs[0], expected)
    assert reaches(graph, "x?", "output!")
    assert reaches(graph, "layer", "output!")
    (call,) = (node for node in graph.nodes if node.path == "layer")
    assert call.outputs[0].shape == (16, 4)


def test_no_activation_is_kept_alive_while_we_watch() -> None:
    """A tensor that forward deletes is gone at once."""
    alive: list[bool] = []

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = self.wide(x)
            extra = hidden + 1
            references = [weakref.ref(hidden), weakref.ref(extra)]
            result = self.narrow(extra)
            del hidden, extra
            gc.collect()
            alive.extend(reference() is not None for reference in references)
        return result

    traced(Model(run, wide=nn.Linear(8, 64), narrow=nn.Linear(64, 4)), digits())
    assert alive == [False, False]


def test_a_recycled_identity_is_not_mistaken() -> None:
    """Many short-lived tensors have the addresses of earlier ones; none inherits their source."""

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            for _ in range(50):
                x * 2
            made = [torch.ones(16, 8) for _ in range(50)]
        return self.layer(made[-1])

    graph = traced(Model(run), digits())
    assert not reaches(graph, "x?", "layer")


def test_the_tracer_can_be_ended_without_a_beginning() -> None:
    """A step that never began has no graph and leaves nothing."""
    model = Model(lambda self, x: self.layer(x))
    tracer = StepTracer(model, rehearsal)
    tracer.arm()
    tracer.end(None, "output")
    tracer.disarm()
    tracer.disarm()
    assert not tracer.began
    assert "_call_impl" not in vars(model.layer)
    graph = tracer.graph(describe_modules(model), None)
    assert graph == ArchitectureGraph(describe_modules(model))


def test_nothing_is_seen_before_the_beginning_and_after_the_end() -> None:
    """The sanity check's calls, and what a callback does after the step."""
    model = Model(lambda self, x: self.layer(x))
    tracer = StepTracer(model, rehearsal)
    tracer.arm()
    model(digits())
    tracer.begin({"x": (x := digits())})
    output = model(x)
    tracer.end(output, "output")
    model(digits())
    tracer.disarm()
    assert outline(tracer.graph((), None)) == ["x?", ".", " layer", "output!"]


def test_an_endless_step_is_watched_up_to_a_limit(monkeypatch) -> None:
    """Beyond it nothing is added but the ends, and a note says so."""
    monkeypatch.setattr("modelviz_callbacks.watch.graph_builder.MOST_NODES", 50)
    monkeypatch.setattr("modelviz_callbacks.watch.tracer.MOST_NODES", 50)

    class Loop(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(500):
                x = x + 1
            return x

    graph = traced(Loop(), torch.zeros(2))
    assert len(graph.nodes) < 60
    assert graph.notes == ("only the first 50 calls and operations were watched",)
    assert graph.nodes[-1].kind == "output"


def test_a_call_in_another_thread_is_noted() -> None:
    """It is not watched, and not silently called unused."""

    class Threaded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            thread = threading.Thread(target=self.part, args=(x,))
            thread.start()
            thread.join()
            return x * 2

    graph = traced(Threaded(), torch.zeros(1, 2))
    assert graph.notes == ("part was called in another thread, which is not watched",)


def test_a_square_of_edges_is_left_out_and_noted(monkeypatch) -> None:
    """A growing list that is stacked in every round is shown by some of its tensors."""
    monkeypatch.setattr("modelviz_callbacks.watch.graph_builder._MANY_OPERANDS_IN_ALL", 100)

    class Grows(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            outs = [x + 1]
            for _ in range(40):
                outs.append(torch.stack(outs).mean(0))
            return outs[-1]

    graph = traced(Grows(), torch.zeros(2))
    stacks = [len(node.inputs) for node in graph.nodes if node.name == "stack"]
    assert stacks[:13] == list(range(1, 14))
    assert max(stacks[14:]) == 16
    assert graph.notes == (
        f"{sum(range(1, 41)) - sum(stacks)} tensors of operations with very many are left out",
    )
