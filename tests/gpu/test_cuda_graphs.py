"""CUDA graphs: what is captured is the user's alone."""

import pytest
import torch
from torch import nn

from modelviz_callbacks import ModelVizHook
from tests.conftest import ALL_OK, statuses
from tests.models import digits
from tests.test_untouched import assert_same, fingerprint, reset


@pytest.fixture(autouse=True)
def needs_cuda(device: str) -> None:
    if device != "cuda":
        pytest.skip("only CUDA captures graphs")


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)).cuda()


@pytest.mark.parametrize("warm", [True, False], ids=["after a warm-up", "in the capture"])
def test_a_captured_step_is_as_without_us(warm, tmp_path) -> None:
    """The warm-up is the first step; a call that is only captured is not watched."""
    states = []
    for ours in (False, True):
        reset()
        net = network()
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        x = digits().cuda()
        if not warm:
            for _ in range(3):
                net(x).sum().backward()
            optimizer.zero_grad(set_to_none=True)
        folder = tmp_path / str(warm)
        hook = ModelVizHook(net, folder, formats=(), on_error="raise") if ours else None
        if warm:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(3):
                    optimizer.zero_grad(set_to_none=True)
                    net(x).pow(2).mean().backward()
                    optimizer.step()
            torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            loss = net(x).pow(2).mean()
            loss.backward()
            optimizer.step()
        losses = []
        for _ in range(4):
            graph.replay()
            losses.append(loss.item())
        if hook is not None:
            hook.close()
            assert (statuses(str(hook.directory)) == ALL_OK) is warm
        states.append(fingerprint(net) | {"losses": losses})
    assert_same(*states)


def test_graphed_callables_are_as_without_us(tmp_path) -> None:
    """`make_graphed_callables` warms the model up and captures it."""
    states = []
    for ours in (False, True):
        reset()
        net = network()
        hook = ModelVizHook(net, tmp_path, formats=(), on_error="raise") if ours else None
        graphed = torch.cuda.make_graphed_callables(net, (digits().cuda(),))
        losses = [graphed(digits(16).cuda() * scale).sum().item() for scale in (1, 2)]
        if hook is not None:
            hook.close()
        states.append(fingerprint(net) | {"losses": losses})
    assert_same(*states)
