"""Compiled, scripted and fused modules: looked into beside the real call, or left alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.nn import functional as F

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph.tracing import traced
from tests.models import digits
from tests.watch.flow import arrows, outline, paths, reaches
from tests.watch.test_tracer import Model


class Compiler:
    """A backend that counts what it compiles, and runs it eagerly."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, module: Any, _inputs: Any) -> Any:
        self.graphs += 1
        return module.forward


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    torch._dynamo.reset()
    counters.clear()


def body() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4))


def recorded(model: nn.Module, folder: Path) -> ArchitectureGraph:
    """Records the first of three steps."""
    with ModelVizHook(model, folder, formats=(), visualizers=("architecture",)):
        pass_thrice(model)
    (found,) = folder.rglob("architecture.json")
    return ArchitectureGraph.from_json(found.read_text("utf-8"))


def pass_thrice(model: nn.Module) -> None:
    for _ in range(3):
        model(digits()).mean().backward()


def counted(make: Callable[[Compiler], nn.Module], folder: Path | None) -> tuple[Any, ...]:
    """Trains with us or without, and tells what the compiler did and what came of it."""
    torch._dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    compiler = Compiler()
    model = make(compiler)
    if folder is None:
        pass_thrice(model)
    else:
        recorded(model, folder)
    gradients = [p.grad.tolist() for p in model.parameters() if p.grad is not None]
    work = {k: dict(counters[k]) for k in ("frames", "stats", "recompiles", "graph_break")}
    return compiler.graphs, work, gradients


def compiled_part(compiler: Any) -> nn.Module:
    return Model(lambda self, x: self.part(x * 2), part=torch.compile(body(), backend=compiler))


def compiled_whole(compiler: Any) -> nn.Module:
    return torch.compile(body(), backend=compiler)


def compiled_in_place(compiler: Any) -> nn.Module:
    model = body()
    model.compile(backend=compiler)
    return model


def compiled_part_in_place(compiler: Any) -> nn.Module:
    part = body()
    part.compile(backend=compiler)
    return Model(lambda self, x: self.part(x * 2), part=part)


def compiled_function(compiler: Any) -> nn.Module:
    gelu = torch.compile(lambda y: F.gelu(y) * 2 + 1, backend=compiler, fullgraph=True)
    return Model(lambda self, x: gelu(self.layer(x)))


def compiled_function_around_a_module(compiler: Any) -> nn.Module:
    def run(self: Any, x: Tensor) -> Tensor:
        return function(self, x)

    function = torch.compile(lambda self, x: self.layer(x * 2).tanh(), backend=compiler)
    return Model(run)


KINDS = {
    "submodule": compiled_part,
    "whole model": compiled_whole,
    "in place": compiled_in_place,
    "submodule in place": compiled_part_in_place,
    "function": compiled_function,
    "function around a module": compiled_function_around_a_module,
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_the_compiler_does_the_same_work_with_us(make, tmp_path) -> None:
    """As many graphs, breaks and recompilations, and the same gradients."""
    assert counted(make, tmp_path) == counted(make, None)


def test_a_compiled_function_is_connected(tmp_path) -> None:
    """What it gives comes from what it was given."""
    graph = recorded(compiled_function("eager"), tmp_path)
    assert paths(graph) == ["", "layer"]
    assert reaches(graph, "layer", "output!")


@pytest.mark.parametrize("make", list(KINDS.values())[:4], ids=list(KINDS)[:4])
def test_a_compiled_module_is_looked_into(make, tmp_path) -> None:
    """The modules inside are there under their plain paths, between input and output."""
    graph = recorded(make("eager"), tmp_path)
    prefix = "part." if "part" in {entry.path for entry in graph.modules} else ""
    inside = [f"{prefix}{index}" for index in range(3)]
    assert paths(graph)[-3:] == inside
    (given,) = [node.name for node in graph.nodes if node.kind == "input"]
    assert all(reaches(graph, f"{given}?", path) for path in inside)
    assert all(reaches(graph, path, "output!") for path in inside)
    assert any("runs compiled; it was looked into" in note for note in graph.notes)


@pytest.mark.parametrize("make", list(KINDS.values())[:4], ids=list(KINDS)[:4])
def test_the_flops_of_what_was_looked_into_are_known(make, tmp_path) -> None:
    """All of them, as of an eager run: an activation counts as nothing, not as unknown."""
    total = Costs.of(recorded(make("eager"), tmp_path)).total()
    # [16, 8] through [8, 8], then through [8, 4].
    assert (total.flops_forward, total.uncounted_calls) == (2 * 16 * 8 * (8 + 4), 0)


def test_a_module_is_said_to_run_compiled() -> None:
    """By a wrapper in the model or by its own `compile()`."""
    for make in (compiled_part, compiled_part_in_place):
        graph = traced(make("eager"), digits())
        assert {entry.path: entry.runs for entry in graph.modules}["part"] == "compiled"


@pytest.mark.parametrize("make", list(KINDS.values())[:4], ids=list(KINDS)[:4])
def test_no_watch_is_left_in_or_on_a_compiled_module(make, tmp_path) -> None:
    """Not even one that would be compiled in later."""
    model = make("eager")
    before = {name: set(vars(part)) for name, part in model.named_modules()}
    recorded(model, tmp_path)
    assert {name: set(vars(part)) for name, part in model.named_modules()} == before


def test_a_compiled_module_that_may_not_run_again_is_a_leaf(tmp_path) -> None:
    """The note tells why; data still flows through it."""

    class TakesIterator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(8, 4)

        def forward(self, parts: Any) -> Tensor:
            return self.inner(torch.stack(list(parts)).sum(0))

    part = torch.compile(TakesIterator(), backend="eager")
    model = Model(lambda self, x: self.part(iter([x, x + 1])), part=part)
    graph = recorded(model, tmp_path)
    assert paths(graph) == ["", "part"]
    assert any("was not looked into" in note for note in graph.notes)


def test_a_scripted_module_is_a_leaf_without_flops() -> None:
    """Nothing can be attached inside; it is a node on the way."""
    model = Model(lambda self, x: self.part(x), part=torch.jit.script(body()))
    graph = traced(model, digits())
    assert outline(graph) == ["x?", ".", " part", "output!"]
    assert arrows(graph) == ["x? > part", "part > output!"]
    assert graph.nodes[2].flops is None
    assert {entry.path: entry.runs for entry in graph.modules}["part"] == "scripted"


def test_a_traced_module_is_a_leaf_too() -> None:
    """`torch.jit.trace` makes scripted modules as well."""
    part = torch.jit.trace(body(), (digits(),))
    graph = traced(Model(lambda self, x: self.part(x), part=part), digits())
    assert arrows(graph) == ["x? > part", "part > output!"]
    assert graph.nodes[2].flops is None


def test_a_frozen_teacher_takes_its_fast_path_and_stays_connected(monkeypatch) -> None:
    """The encoder and its layers are blind nodes; the student flows on from them."""
    fused = []
    original = torch._transformer_encoder_layer_fwd
    monkeypatch.setattr(
        torch, "_transformer_encoder_layer_fwd", lambda *a: fused.append(1) or original(*a)
    )
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    teacher = nn.TransformerEncoder(layer, 2).eval().requires_grad_(False)

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            hint = self.teacher(x.unsqueeze(1)).squeeze(1)
        return self.layer(x) - self.layer(hint)

    graph = traced(Model(run, teacher=teacher), digits())
    assert len(fused) == 2
    assert paths(graph) == ["", "teacher", "teacher.layers.0", "teacher.layers.1", "layer", "layer"]
    assert all(reaches(graph, f"teacher.layers.{n}", "output!") for n in range(2))
    assert reaches(graph, "unsqueeze", "teacher.layers.0")
    assert reaches(graph, "teacher.layers.0", "teacher.layers.1")
    assert [n.flops for n in graph.nodes if n.path == "teacher.layers.0"] == [None]


def test_an_encoder_in_training_is_looked_into() -> None:
    """Only the fused path is left alone."""
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    graph = traced(Model(lambda self, x: self.encoder(x.unsqueeze(1)), encoder=encoder), digits())
    assert "encoder.linear1" in paths(graph)
    assert reaches(graph, "encoder.linear2", "output!")
