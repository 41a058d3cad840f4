"""A watching that breaks costs the graph and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from modelviz_callbacks import (
    ModelVizCallback,
    ModelVizHook,
    ModelVizWarning,
    record_architecture,
)
from modelviz_callbacks.recording import account
from modelviz_callbacks.watch import tracer
from modelviz_callbacks.watch.graph_builder import GraphBuilder
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import HostileNet, TakesTensor, digits, lit, loader, trainer
from tests.test_untouched import assert_same, fingerprint, hostile_state, reset

OPTIONS: Any = {"formats": ()}


class SabotageError(Exception):
    """Raised in our own code."""


def sabotaged(*_args: Any, **_kwargs: Any) -> Any:
    raise SabotageError("lost the thread")


def our_warnings(caught: Any) -> list[Any]:
    return [w for w in caught if issubclass(w.category, ModelVizWarning)]


def train_plainly(folder: Path, *, ours: bool) -> dict[str, Any]:
    reset()
    net = HostileNet()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    hook = ModelVizHook(net, folder, **OPTIONS) if ours else None
    for _ in range(3):
        loss = F.cross_entropy(net(digits()), torch.arange(16) % 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if hook is not None:
        hook.close()
    return fingerprint(net) | hostile_state(net)


def train_with_lightning(folder: Path, *, ours: bool) -> dict[str, Any]:
    reset()
    module = lit(HostileNet())
    trainer(folder, *([ModelVizCallback(**OPTIONS)] if ours else [])).fit(module, loader())
    return fingerprint(module) | hostile_state(module.net) | {"losses": module.losses}


# Where the watching passes through in every step.
PLACES = {
    "an operation": (GraphBuilder, "add_operation"),
    "a call's beginning": (GraphBuilder, "begin_call"),
    "a call's end": (GraphBuilder, "end_call"),
    "the inputs": (GraphBuilder, "add_inputs"),
    "the outputs": (GraphBuilder, "add_outputs"),
    "the constants": (GraphBuilder, "add_constants"),
    "an operation's name": (tracer, "operation_name"),
    "what is computed": (tracer, "describe_call"),
    "a call's argument names": (tracer, "named_by_position"),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("train", [train_plainly, train_with_lightning])
def test_a_watching_that_breaks_costs_only_the_graph(train, place, tmp_path, monkeypatch) -> None:
    """The training is bit-identical, the record tells it, the libraries' views are there."""
    without = train(tmp_path / "without", ours=False)
    monkeypatch.setattr(*place, sabotaged)
    with pytest.warns(ModelVizWarning) as caught:
        with_us = train(tmp_path / "with", ours=True)
    assert_same(without, with_us)
    assert len(our_warnings(caught)) == 1
    record = find_record(tmp_path / "with")
    found = statuses(record)
    assert found["graph"] == "failed"
    assert {found[name] for name in ("modules", "summary", "torchview", "autograd")} == {"ok"}
    (entry,) = [a for a in read_manifest(record)["artifacts"] if a["name"] == "graph"]
    assert "lost the thread" in entry["error"]
    assert "sabotaged" in (record / "errors" / "graph.txt").read_text()
    graph = json.loads((record / "architecture.json").read_text())
    assert any("the watching broke off" in note for note in graph["notes"])
    assert len(graph["modules"]) >= 9


@pytest.mark.parametrize("name", ["architecture_table", "architecture_dot"])
def test_a_view_of_the_graph_that_breaks_costs_only_itself(name, tmp_path, monkeypatch) -> None:
    """The graph's data and the other view are there."""
    monkeypatch.setattr(f"modelviz_callbacks.visualizers.architecture.{name}", sabotaged)
    net = TakesTensor()
    with (
        pytest.warns(ModelVizWarning, match="lost the thread"),
        ModelVizHook(net, tmp_path, visualizers=("architecture",), **OPTIONS),
    ):
        net(digits())
    views = {"architecture_table": "table", "architecture_dot": "architecture"}
    expected = {"graph": "ok", "table": "ok", "architecture": "ok", views[name]: "failed"}
    assert statuses(find_record(tmp_path)) == expected


def test_building_the_graph_that_breaks_leaves_the_rest(tmp_path, monkeypatch) -> None:
    """One warning; what the libraries made before is there, the model is clean."""
    monkeypatch.setattr(GraphBuilder, "build", sabotaged)
    net = TakesTensor()
    ModelVizHook(net, tmp_path, **OPTIONS)
    with pytest.warns(ModelVizWarning, match="lost the thread") as caught:
        net(digits())
    assert len(our_warnings(caught)) == 1
    assert "_call_impl" not in vars(net)
    assert statuses(find_record(tmp_path)) == ALL_OK | {
        "graph": "failed",
        "architecture": "skipped",
    }


def test_fingerprints_that_break_leave_the_rest(tmp_path, monkeypatch) -> None:
    """The manifest has those of the beginning, and every artifact is there."""
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, **OPTIONS)
    monkeypatch.setattr(account, "fingerprints", sabotaged)
    with pytest.warns(ModelVizWarning, match="lost the thread") as caught:
        net(digits())
    assert len(our_warnings(caught)) == 1
    assert statuses(str(hook.directory)) == ALL_OK
    assert read_manifest(str(hook.directory))["totals"]["parameters"] == 36


@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_counting_costs_that_breaks_leaves_what_needs_none(tmp_path, monkeypatch) -> None:
    """What counts fails; the pictures and the graph's data are there."""
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, **OPTIONS)
    monkeypatch.setattr(account.Costs, "of", sabotaged)
    net(digits())
    expected = ALL_OK | {"table": "failed", "summary": "failed"}
    assert statuses(str(hook.directory)) == expected


def test_a_watching_that_breaks_raises_where_that_is_asked(tmp_path, monkeypatch) -> None:
    """`on_error="raise"` is for debugging us."""
    monkeypatch.setattr(GraphBuilder, "add_operation", sabotaged)
    with pytest.raises(SabotageError), pytest.warns(ModelVizWarning):
        record_architecture(HostileNet(), digits(), log_dir=tmp_path, on_error="raise", **OPTIONS)
