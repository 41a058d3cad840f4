"""Watching what does unusual things with autograd: the graph stays connected, nothing twice."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from modelviz_callbacks.watch.tracer import StepTracer
from tests.graph.tracing import rehearsal, traced
from tests.models import digits
from tests.watch.flow import arrows, names, outline, paths, reaches
from tests.watch.test_tracer import Model


def traced_step(model: nn.Module, step: Any, *args: Any) -> ArchitectureGraph:
    """Gives the graph of a whole training step, which may do more than to call the model."""
    tracer = StepTracer(model, rehearsal)
    tracer.arm()
    tracer.begin({"batch": args})
    output = step(*args)
    tracer.end(output, "loss")
    tracer.disarm()
    assert tracer.error is None
    return tracer.graph(describe_modules(model), None)


@pytest.mark.parametrize("reentrant", [False, True])
def test_the_second_forward_of_gradient_checkpointing_is_not_seen(reentrant) -> None:
    """Backward runs the body again; the graph has it once."""
    calls = []

    def run(self: Any, x: Tensor) -> Tensor:
        return checkpoint(self.body, x * 1, use_reentrant=reentrant)

    body = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4))
    body[0].register_forward_hook(lambda *_: calls.append(1))
    model = Model(run, body=body)

    def step(x: Tensor) -> None:
        model(x.requires_grad_()).mean().backward()

    graph = traced_step(model, step, digits())
    assert len(calls) == 2
    assert paths(graph) == ["", "body", "body.0", "body.1", "body.2"]
    assert outline(graph)[-2:] == ["mean", "backward!"]
    assert reaches(graph, "batch[0]?", "backward!")


def test_backward_in_a_step_ends_the_graph_there() -> None:
    """Manual optimization: nothing of the backward pass, the optimizer or the clipping."""
    model = Model(lambda self, x: self.layer(x))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

    def step(x: Tensor) -> None:
        loss = model(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    graph = traced_step(model, step, digits())
    assert outline(graph) == ["batch[0]?", ".", " layer", "square", "mean", "backward!"]
    assert arrows(graph)[-1] == "mean > backward!"


def test_two_backwards_are_two_outputs() -> None:
    """As a GAN's two losses."""
    model = Model(lambda self, x: self.layer(x))

    def step(x: Tensor) -> None:
        model(x).mean().backward()
        model(x).sum().backward()

    graph = traced_step(model, step, digits())
    assert names(graph, "output") == ["backward", "backward"]
    assert arrows(graph)[2] == "mean > backward!"
    assert arrows(graph)[-1] == "sum > backward!#2"


def _is_told_of_backward() -> bool:
    told: list[Any] = []

    class Told(TorchFunctionMode):
        def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None):
            told.append(func)
            return func(*args, **kwargs or {})

    with Told():
        torch.autograd.backward([torch.ones((), requires_grad=True)])
    return torch.autograd.backward in told


@pytest.mark.skipif(
    not _is_told_of_backward(), reason="this torch tells no mode of torch.autograd.backward([…])"
)
def test_a_backward_of_a_list_is_an_output() -> None:
    """As of one tensor."""
    model = Model(lambda self, x: self.layer(x))
    graph = traced_step(model, lambda x: torch.autograd.backward([model(x).sum()]), digits())
    assert names(graph, "output") == ["backward"]
    assert arrows(graph)[-1] == "sum > backward!"


def test_a_gradient_taken_inside_forward_is_connected() -> None:
    """Forces are the derivative of an energy."""

    def run(self: Any, x: Tensor) -> Tensor:
        x = x.requires_grad_()
        energy = self.layer(x).sum()
        (force,) = torch.autograd.grad(energy, x, create_graph=True)
        return force.square().mean()

    graph = traced(Model(run), digits())
    assert reaches(graph, "layer", "output!")
    assert reaches(graph, "x?", "output!")


def test_a_module_under_vmap_is_a_node_on_the_way() -> None:
    """The batched tensors are followed to what they wrap."""
    graph = traced(Model(lambda self, x: torch.vmap(self.layer)(x)), digits())
    assert paths(graph) == ["", "layer"]
    assert reaches(graph, "x?", "layer")
    assert reaches(graph, "layer", "output!")


def test_functional_call_shows_the_module_and_the_weights_that_were_made() -> None:
    """A hyper-network: the made weight flows on into the layer's call."""

    def run(self: Any, x: Tensor) -> Tensor:
        weight = self.maker(x.mean(0)).view(4, 8)
        return functional_call(self.layer, {"weight": weight, "bias": torch.zeros(4)}, (x,))

    graph = traced(Model(run, maker=nn.Linear(8, 32)), digits())
    assert paths(graph) == ["", "maker", "layer"]
    assert reaches(graph, "x?", "layer")
    assert reaches(graph, "layer", "output!")


class Reverse(torch.autograd.Function):
    """Turns gradients around."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


class NumpySine(torch.autograd.Function):
    """Computes where no one can watch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(np.sin(x.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * x.cos()


@pytest.mark.parametrize("function", [Reverse, NumpySine])
def test_a_custom_autograd_function_is_connected(function) -> None:
    """Whatever it computes with, what comes out comes from what went in."""
    graph = traced(Model(lambda self, x: function.apply(self.layer(x)).mean()), digits())
    assert reaches(graph, "layer", "output!")
    assert names(graph, "op")[-1] == "mean"


def test_a_function_that_computes_with_numpy_has_its_own_name() -> None:
    """Autograd's graph knows it, and that it came from the layer's output."""
    graph = traced(Model(lambda self, x: NumpySine.apply(self.layer(x)) * 2), digits())
    assert outline(graph) == ["x?", ".", " layer", " detach", " NumpySine", " mul", "output!"]
    assert arrows(graph)[2:4] == ["layer > NumpySine", "NumpySine > mul"]
    assert graph.nodes[4].flops is None


def test_numpy_without_autograd_is_unwatched_code_from_the_calls_inputs() -> None:
    """Nothing tells where the array came from but the call that it was made in."""

    class Detours(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.from_numpy(np.sin(x.detach().numpy()))

    graph = traced(Model(lambda self, x: self.layer(self.detour(x)), detour=Detours()), digits())
    assert outline(graph)[2:] == [
        " detour",
        "  detach",
        "  unwatched code",
        " layer",
        "output!",
    ]
    assert arrows(graph)[1:3] == ["x? > unwatched code", "unwatched code > layer"]
    assert graph.nodes[4].flops is None


def test_no_grad_and_inference_mode_do_not_hide_anything() -> None:
    """Features under `no_grad`, a mask under `inference_mode`."""

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = x * 2
        with torch.inference_mode():
            mask = (x > 0).float()
        return self.layer(features * mask.clone())

    graph = traced(Model(run), digits())
    assert names(graph, "op") == ["mul", "gt", "float", "clone", "mul"]
    assert arrows(graph)[-4:] == [
        "mul > mul#2",
        "clone > mul#2",
        "mul#2 > layer",
        "layer > output!",
    ]


def test_detached_data_still_flows() -> None:
    """A straight-through estimator."""

    def run(self: Any, x: Tensor) -> Tensor:
        z = self.layer(x)
        return z + (z.round() - z).detach()

    graph = traced(Model(run), digits())
    assert names(graph, "op") == ["round", "sub", "detach", "add"]
    assert arrows(graph)[-4:] == ["sub > detach", "layer > add", "detach > add", "add > output!"]


def test_autocast_is_no_operation() -> None:
    """The casts that autocast makes inside of operations are not the model's."""

    def run(self: Any, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return F.relu(self.layer(x))

    graph = traced(Model(run), digits())
    assert outline(graph) == ["x?", ".", " layer", " relu", "output!"]
    assert graph.nodes[2].outputs[0].dtype == "bfloat16"
