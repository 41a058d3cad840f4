"""Compiled models in a plain loop: the compiler's work and the training are as without us."""

import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modelviz_callbacks import ModelVizHook, ModelVizWarning
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.compilers import compiler_work, fresh_compiler
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import digits
from tests.test_untouched import assert_same, fingerprint, reset
from tests.watch.flow import paths, reaches

Arm = Callable[[nn.Module], object]

HAS_STANCES = pytest.mark.skipif(
    not hasattr(torch.compiler, "set_stance"), reason="this torch has no stances"
)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(torch.relu(self.inner(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Block()
        self.second = Block()
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x * 2)))


INSIDE = ["", "first", "first.inner", "first.drop", "second", "second.inner", "second.drop", "head"]


# The model is compiled, or a part of it: each gives what the loop calls and what it trains.


def whole(backend: Any, arm: Arm, **options: Any) -> tuple[Any, nn.Module]:
    model = torch.compile(net := Net(), backend=backend, **options)
    arm(model)
    return model, net


def whole_in_one_graph(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    return whole(backend, arm, fullgraph=True)


def whole_with_any_shape(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    return whole(backend, arm, dynamic=True)


def whole_after_the_hook(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    arm(net := Net())
    return torch.compile(net, backend=backend), net


def in_place(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    net = Net()
    net.compile(backend=backend)
    arm(net)
    return net, net


def in_place_after_the_hook(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    arm(net := Net())
    net.compile(backend=backend)
    return net, net


def part(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    net = Net()
    net.first = torch.compile(net.first, backend=backend)
    arm(net)
    return net, net


def part_after_the_hook(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    arm(net := Net())
    net.first = torch.compile(net.first, backend=backend)
    return net, net


def regions(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    net = Net()
    net.first.compile(backend=backend)
    net.second.compile(backend=backend)
    arm(net)
    return net, net


def regions_after_the_hook(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    arm(net := Net())
    net.first.compile(backend=backend)
    net.second.compile(backend=backend)
    return net, net


def forward_only(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    net = Net()
    net.forward = torch.compile(net.forward, backend=backend)
    arm(net)
    return net, net


def forward_of_a_part_after_the_hook(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    arm(net := Net())
    net.first.forward = torch.compile(net.first.forward, backend=backend)
    return net, net


def graph_breaks(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    net = Net()
    net.second.register_forward_hook(lambda *_call: torch._dynamo.graph_break())
    arm(net)
    return torch.compile(net, backend=backend), net


MODULES = [
    whole,
    whole_in_one_graph,
    whole_with_any_shape,
    whole_after_the_hook,
    in_place,
    in_place_after_the_hook,
    part,
    part_after_the_hook,
    regions,
    regions_after_the_hook,
    forward_only,
    forward_of_a_part_after_the_hook,
    graph_breaks,
]


# A function is compiled that is called in the step, or that is the step.


def function_in_a_forward(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    gelu = torch.compile(lambda x: F.gelu(x) * 2, backend=backend)
    net = Net()
    net.second.register_forward_hook(lambda _module, _args, output: gelu(output))
    arm(net)
    return net, net


def function_that_calls_modules(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    class Runs(Net):
        @torch.compile(backend=backend)
        def run(self, x: Tensor) -> Tensor:
            return self.second(self.first(x * 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.run(x))

    arm(net := Runs())
    return net, net


def function_compiled_in_the_first_step(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    class Compiles(Net):
        function: Any = None

        def forward(self, x: Tensor) -> Tensor:
            if self.function is None:
                self.function = torch.compile(lambda x: x.sin() + 1, backend=backend)
            return super().forward(self.function(x))

    arm(net := Compiles())
    return net, net


def compiled_step(backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
    arm(net := Net())
    return torch.compile(lambda x: net(x) * 1, backend=backend), net


FUNCTIONS = [
    function_in_a_forward,
    function_that_calls_modules,
    function_compiled_in_the_first_step,
]


def trained(make: Any, folder: Path | None) -> dict[str, Any]:
    """Trains three steps with an evaluation after each; with us where there is a folder."""
    backend = fresh_compiler()
    reset()
    hooks: list[ModelVizHook] = []

    def arm(model: nn.Module) -> None:
        if folder is not None:
            hooks.append(ModelVizHook(model, folder, formats=(), on_error="raise"))

    run, net = make(backend, arm)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(run(digits()), torch.arange(16) % 4)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        net.eval()
        with torch.no_grad():
            losses += [loss.item(), run(digits()).sum().item()]
        net.train()
    for hook in hooks:
        hook.close()
        # The compiler must not notice that the watching is over.
        run(digits())
    if folder is None:
        run(digits())
    state = fingerprint(net) | {"losses": losses, "adam": optimizer.state_dict()}
    return state | {"compiler": compiler_work(backend), "left": left_on(net)}


def left_on(net: nn.Module) -> dict[str, list[str]]:
    return {name: sorted(vars(module)) for name, module in net.named_modules()}


def graph_of(record: Path) -> ArchitectureGraph:
    return ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))


@pytest.mark.parametrize("make", MODULES)
def test_a_compiled_module_trains_as_without_us_and_is_shown(make, tmp_path) -> None:
    """Graphs, breaks, recompilations, weights, losses; every module inside is in the record."""
    without = trained(make, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelVizWarning)
        assert_same(without, trained(make, tmp_path))
    assert without["compiler"]["graphs"] > 0
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK
    assert read_manifest(record)["status"] == "complete"
    assert "shown as it runs eagerly" in (record / "architecture.gv").read_text("utf-8")
    graph = graph_of(record)
    assert sorted(paths(graph)) == sorted(INSIDE)
    assert all(
        reaches(graph, "x?", path) and reaches(graph, path, "output!")
        for path in ("first.inner", "second.inner", "head")
    )


@pytest.mark.parametrize("make", FUNCTIONS)
def test_a_compiled_function_is_compiled_as_without_us(make, tmp_path) -> None:
    """It is not watched, and the record says so; data still flows through it."""
    without = trained(make, None)
    assert_same(without, trained(make, tmp_path))
    assert without["compiler"]["graphs"] > 0
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK
    graph = graph_of(record)
    assert graph.notes == ("a compiled function was called; what runs inside it is not watched",)
    assert reaches(graph, "x?", "head")


def test_a_step_that_is_compiled_as_a_whole_is_as_without_us(tmp_path) -> None:
    """The model is called only inside; the record says why there is no more in it."""
    without = trained(compiled_step, None)
    assert_same(without, trained(compiled_step, tmp_path))
    manifest = read_manifest(find_record(tmp_path))
    assert manifest["status"] == "partial"
    assert "inside compiled or traced code" in manifest["notes"][0]
    assert manifest["totals"]["parameters"] == sum(p.numel() for p in Net().parameters())


def test_what_must_not_be_compiled_again_is_not(tmp_path) -> None:
    """A run in which a recompilation is an error goes on: with a function, a part, all of it."""
    for make in (function_in_a_forward, part, whole_after_the_hook):
        backend = fresh_compiler()
        run, _ = make(backend, lambda net: ModelVizHook(net, tmp_path, formats=()))
        with torch._dynamo.config.patch(error_on_recompile=True):
            for _ in range(3):
                run(digits()).sum().backward()
        assert backend.graphs == 1


def test_a_step_in_another_thread_is_compiled_as_without_us(tmp_path) -> None:
    """Than the one that made the hook, in a server or a sweep."""
    backend = fresh_compiler()
    hooks: list[ModelVizHook] = []
    run, _ = function_that_calls_modules(
        backend, lambda net: hooks.append(ModelVizHook(net, tmp_path, formats=()))
    )
    for _ in range(3):
        thread = threading.Thread(target=lambda: run(digits()).sum().backward())
        thread.start()
        thread.join()
    assert backend.graphs == 1
    assert statuses(str(hooks[0].directory)) == ALL_OK


@HAS_STANCES
def test_the_users_stance_is_kept(tmp_path) -> None:
    """What is compiled before the hook is not compiled again; the stance is put back."""
    for number, make in enumerate((function_in_a_forward, whole)):
        backend = fresh_compiler()
        models: list[nn.Module] = []
        run, _ = make(backend, models.append)
        run(digits()).sum().backward()
        hook = ModelVizHook(models[0], tmp_path / str(number), formats=())
        with torch.compiler.set_stance("fail_on_recompile"):
            run(digits()).sum().backward()
            assert torch._dynamo.eval_frame._stance.stance == "fail_on_recompile"
        assert torch._dynamo.eval_frame._stance.stance == "default"
        assert statuses(str(hook.directory)) == ALL_OK
        assert backend.graphs == 1


@HAS_STANCES
def test_a_model_that_a_stance_forces_to_run_eagerly_is_shown(tmp_path) -> None:
    """The stance is the user's."""
    backend = fresh_compiler()
    model = torch.compile(Net(), backend=backend)
    hook = ModelVizHook(model, tmp_path, formats=())
    with torch.compiler.set_stance("force_eager"):
        model(digits())
    assert statuses(str(hook.directory)) == ALL_OK
    assert set(paths(graph_of(Path(str(hook.directory))))) == set(INSIDE)
    assert backend.graphs == 0


def test_a_model_whose_compiling_is_switched_off_is_shown(tmp_path) -> None:
    """As one that was never to be compiled."""
    backend = fresh_compiler()
    model = torch.compile(Net(), backend=backend, disable=True)
    hook = ModelVizHook(model, tmp_path, formats=())
    model(digits())
    assert statuses(str(hook.directory)) == ALL_OK
    assert set(paths(graph_of(Path(str(hook.directory))))) == set(INSIDE)
    assert backend.graphs == 0


def test_an_eager_call_of_a_model_that_is_compiled_for_later_is_the_step(tmp_path) -> None:
    """Whichever is called first, the model or what was compiled of it, is recorded."""
    backend = fresh_compiler()
    hook = ModelVizHook(net := Net(), tmp_path, formats=())
    compiled = torch.compile(net, backend=backend)
    net(digits())
    graph = graph_of(Path(str(hook.directory)))
    assert paths(graph) == INSIDE
    assert graph.notes == ()
    compiled(digits())
    assert backend.graphs == 1
    assert not {"_call_impl", "compile"} & {*vars(compiled), *vars(net)}


def test_a_part_that_was_exported_is_shown_as_what_it_is(tmp_path) -> None:
    """The program of `torch.export` runs in the model as any module does."""

    def make(_backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
        net = Net().train()
        net.first = torch.export.export(net.first, (digits(),)).module()
        arm(net)
        return net, net.head

    assert_same(trained(make, None), trained(make, tmp_path))
    assert statuses(find_record(tmp_path)) == ALL_OK


@pytest.mark.skipif(not (which("g++") or which("clang++")), reason="inductor needs a compiler")
@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
@pytest.mark.usefixtures("recursion_limit")
def test_inductor_trains_as_without_us(mode, tmp_path) -> None:
    """The whole model and a function of the step, through torch's own backend."""

    def make(_backend: Any, arm: Arm) -> tuple[Any, nn.Module]:
        net = Net()
        scale = torch.compile(lambda x: F.gelu(x) * 2, mode=mode)
        net.head.register_forward_hook(lambda _module, _args, output: scale(output))
        net.first.compile(mode=mode)
        arm(net)
        net.second = torch.compile(net.second, mode=mode)
        return net, net

    assert_same(trained(make, None), trained(make, tmp_path))
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK
    assert paths(graph_of(record)) == INSIDE


def test_a_hook_that_comes_before_torchs_compiler_is_loaded_sees_compiled_calls(tmp_path) -> None:
    """Nothing of the compiler is imported by us, and nothing is lost if the user does."""
    script = f"""
        import sys
        import torch
        from modelviz_callbacks import ModelVizHook

        net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
        hook = ModelVizHook(net, {str(tmp_path)!r}, formats=(), on_error="raise")
        assert "torch._dynamo" not in sys.modules


        def graphs(net):
            found = []
            model = torch.compile(net, backend=lambda graph, _: found.append(1) or graph.forward)
            for _ in range(2):
                net.eval()
                model(torch.ones(2, 4))
                net.train()
                model(torch.ones(2, 4)).sum().backward()
                hook.close()
            return len(found)


        with_us = graphs(net)
        torch._dynamo.reset()
        # Whether a change of mode is compiled is torch's affair.
        assert with_us == graphs(torch.nn.Sequential(*net))
        """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)
    assert statuses(find_record(tmp_path)) == ALL_OK
