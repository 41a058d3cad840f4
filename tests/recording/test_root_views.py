"""What the libraries show of a step's calls: which of them, before them or on their output."""

from typing import Any

import pytest
import torch
from torch import nn

from modelviz_callbacks.recording.containment import Containment
from modelviz_callbacks.recording.root_views import MOST_ROOTS, RootViews
from modelviz_callbacks.settings import Settings
from modelviz_callbacks.watch.root_calls import RootCall
from tests.models import TakesTensor, digits

NAMES = {"summary", "torchview", "autograd"}


def views(*, on_error: str = "warn", **options: Any) -> RootViews:
    return RootViews(Settings(formats=(), **options), Containment(on_error))


def call(module: nn.Module, path: str = "", *, compiled: bool = False) -> RootCall:
    return RootCall(path, module, (digits(),), {}, compiled)


def statuses(seen: RootViews) -> dict[tuple[str, str], str]:
    return {(r.root, r.artifact): r.status for r in seen.results("nothing was called")}


def test_a_call_is_shown_by_every_library() -> None:
    """Before it runs, by replays alone."""
    seen, net = views(), TakesTensor()
    seen.show(net, call(net), output_follows=False)
    assert statuses(seen) == {("", name): "ok" for name in NAMES}


def test_with_its_output_autograds_graph_is_the_real_one() -> None:
    """It waits for the output instead of a forward of its own."""
    seen, net = views(), TakesTensor()
    the_call = call(net)
    seen.show(net, the_call, output_follows=True)
    assert seen.awaits_output(the_call)
    assert not seen.awaits_output(call(net))
    before = [r.artifact for r in seen.results("") if r.status == "ok"]
    assert set(before) == NAMES - {"autograd"}
    seen.show_output(the_call, net(digits()))
    assert not seen.awaits_output(the_call)
    assert statuses(seen) == {("", name): "ok" for name in NAMES}


def test_a_call_that_raised_has_no_output_to_show() -> None:
    """That is a reason to skip, not a failure."""
    seen, net = views(), TakesTensor()
    seen.show(net, call(net), output_follows=True)
    (missing,) = (r for r in seen.results("") if r.artifact == "autograd")
    assert (missing.status, missing.error) == ("skipped", "the call has no output: it raised")


def test_a_compiled_calls_output_tells_nothing() -> None:
    """Its autograd graph is one opaque node: the replay is eager."""
    seen, net = views(), TakesTensor()
    the_call = call(net, compiled=True)
    seen.show(net, the_call, output_follows=True)
    assert not seen.awaits_output(the_call)
    assert statuses(seen) == {("", name): "ok" for name in NAMES}


def test_a_loss_is_no_root() -> None:
    """Nor any other module without parameters."""
    seen = views()
    assert not seen.is_new(call(nn.CrossEntropyLoss()))
    assert seen.is_new(call(TakesTensor()))


def test_a_part_of_a_root_and_a_root_again_are_none() -> None:
    """They are in its picture; an enclosing module is a root of its own."""
    seen, net = views(visualizers=("repr",)), TakesTensor()
    seen.show(net, call(net, "net"), output_follows=False)
    assert not seen.is_new(call(net, "net"))
    assert not seen.is_new(call(net.layer, "net.layer"))
    assert seen.is_new(call(nn.Sequential(net), "outer"))


def test_there_is_a_most() -> None:
    """The last one that was left out is told."""
    seen = views(visualizers=("repr",))
    for number in range(MOST_ROOTS):
        net = TakesTensor()
        assert seen.is_new(call(net, str(number)))
        seen.show(net, call(net, str(number)), output_follows=False)
    assert seen.left_out is None
    assert not seen.is_new(call(TakesTensor(), "too many"))
    assert seen.left_out == "too many"


def test_without_any_root_each_library_says_why() -> None:
    """The manifest has an entry for each of them."""
    results = views().results("nothing was called")
    assert {(r.artifact, r.status, r.error) for r in results} == {
        (name, "skipped", "nothing was called") for name in NAMES
    }


def test_a_call_that_must_not_run_again_is_skipped_with_the_reason() -> None:
    """Uninitialised lazy modules draw random numbers in their first forward."""
    seen, net = views(), nn.LazyLinear(4)
    seen.show(net, call(net), output_follows=False)
    results = seen.results("")
    assert {r.status for r in results} == {"skipped"}
    assert all("lazy" in str(r.error) for r in results)


@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_a_failure_is_let_out_where_that_is_asked(on_error) -> None:
    """Else it is a result like others."""

    class Broken(TakesTensor):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ZeroDivisionError

    seen, net = views(on_error=on_error), Broken()
    if on_error == "raise":
        with pytest.raises(RuntimeError, match="torchinfo"):
            seen.show(net, call(net), output_follows=False)
    else:
        seen.show(net, call(net), output_follows=False)
        assert statuses(seen) == {("", name): "failed" for name in NAMES}


def test_clearing_lets_go_of_everything() -> None:
    """The model must not live on in a record."""
    seen, net = views(visualizers=("torchinfo",)), TakesTensor()
    seen.show(net, call(net), output_follows=False)
    seen.clear()
    assert seen.roots == []
    assert [r.error for r in seen.results("closed")] == ["closed"]
