"""What the callback makes of unusual runs: folders, compiled steps, failures while it watches."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from modelviz_callbacks import ModelVizCallback, ModelVizHook, ModelVizWarning
from modelviz_callbacks.lightning_run import folder_of
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import HostileNet, TakesTensor, digits, gan, lit, loader, trainer
from tests.test_untouched import assert_same, fingerprint, hostile_state, reset


@pytest.mark.parametrize(
    ("checkpoints", "run"),
    [
        ("/checkpoints", "/"),
        ("/runs/one/checkpoints", "/runs/one"),
        ("/runs/one/checkpoints/", "/runs/one"),
        ("checkpoints", "."),
        ("runs/checkpoints", "runs"),
        ("/runs/mine", "/runs/mine"),
        ("s3://bucket/run/checkpoints", "s3://bucket/run"),
        ("s3://bucket/run/checkpoints/", "s3://bucket/run"),
        ("s3://bucket/checkpoints", "s3://bucket"),
        ("s3://bucket/mine", "s3://bucket/mine"),
        ("memory://checkpoints", "memory://checkpoints"),
        ("file:///checkpoints", "file:///"),
        ("file:///runs/checkpoints", "file:///runs"),
    ],
)
def test_the_record_lies_in_the_folder_that_holds_the_checkpoints(checkpoints, run) -> None:
    """Also at the root, relative, and in URLs, where what comes first may be a bucket."""
    assert folder_of(checkpoints) == run


def test_checkpoints_in_a_store_have_the_record_beside_them(tmp_path) -> None:
    """The store's first folder is not left."""
    import fsspec

    keep = ModelCheckpoint(dirpath="memory://checkpoints")
    trainer(tmp_path, keep, ModelVizCallback(formats=())).fit(lit(TakesTensor()), loader())
    assert fsspec.filesystem("memory").exists("/checkpoints/architecture/manifest.json")


BREAKS = {
    "arming": ("modelviz_callbacks.lightning_step.CallWatcher.arm", True),
    "finding the modules": ("modelviz_callbacks.lightning_step.watchable_modules", True),
    "disarming": ("modelviz_callbacks.watch.root_calls.CallWatcher.disarm", False),
    "detaching": ("modelviz_callbacks.watch.tracer.StepTracer.disarm", False),
    "the run's folder": ("modelviz_callbacks.lightning.find_run_dir", False),
    "the environment": ("modelviz_callbacks.lightning.describe_run", False),
}


def broken(*_args: Any, **_kwargs: Any) -> Any:
    raise KeyError("ours")


@pytest.mark.parametrize(("place", "recorded"), BREAKS.values(), ids=BREAKS)
def test_what_goes_wrong_in_the_callback_never_ends_the_fit(
    place, recorded, tmp_path, monkeypatch
) -> None:
    """One warning, not one a batch; the record says that the step could not be watched."""
    monkeypatch.setattr(place, broken)
    module = lit(TakesTensor())
    with pytest.warns(ModelVizWarning, match="ours") as caught:
        trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    assert len(module.losses) == 3
    assert len([w for w in caught if w.category is ModelVizWarning]) == 1
    if recorded:
        manifest = read_manifest(find_record(tmp_path))
        assert manifest["status"] == "partial"
        assert "could not be watched" in manifest["notes"][0]
        assert not any("_call_impl" in vars(part) for part in module.modules())


def test_a_logger_out_of_reach_costs_only_its_texts(tmp_path, monkeypatch) -> None:
    """The record itself is whole."""
    monkeypatch.setattr("modelviz_callbacks.lightning_step.tensorboard_sinks", broken)
    with pytest.warns(ModelVizWarning, match="reach the loggers"):
        trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(TakesTensor()), loader())
    assert statuses(find_record(tmp_path)) == ALL_OK


def test_on_error_raise_lets_it_out(tmp_path, monkeypatch) -> None:
    """For debugging; the model is left clean all the same."""
    monkeypatch.setattr("modelviz_callbacks.lightning_step.CallWatcher.arm", broken)
    module = lit(TakesTensor())
    with pytest.raises(KeyError, match="ours"):
        trainer(tmp_path, ModelVizCallback(on_error="raise")).fit(module, loader())


class FailsOnce(TakesTensor):
    """Raises in its first real call."""

    failed = False

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def fail_once(self: Any, batch: Any) -> Tensor:
    if not FailsOnce.failed:
        FailsOnce.failed = True
        raise ZeroDivisionError("once")
    return self.loss(self(batch[0]), batch[1])


@pytest.mark.parametrize("when", ["before the first batch", "in the first step"])
def test_a_fit_after_one_that_failed_is_recorded(when, tmp_path, monkeypatch) -> None:
    """With the same callback and the same Trainer; the failed one's record stays."""
    monkeypatch.setattr(FailsOnce, "failed", when == "before the first batch")
    module = lit(FailsOnce(), step=fail_once)
    callback = ModelVizCallback(formats=())
    fit = trainer(tmp_path, callback)
    bad = [[torch.zeros(4, 8)]] if when == "in the first step" else iter_raising()
    with pytest.raises((ZeroDivisionError, OSError)):
        fit.fit(module, bad)
    failed = str(callback.directory)
    fit.fit(module, loader())
    assert read_manifest(failed)["status"] == "failed_step"
    assert Path(str(callback.directory)).name == "architecture-2"
    assert statuses(str(callback.directory)) == ALL_OK
    assert len(module.losses) == 3


def iter_raising() -> Any:
    class Bad:
        def __iter__(self) -> Any:
            raise OSError("unreadable")

    return Bad()


def test_a_fit_without_batches_is_followed_by_one_that_is_recorded(tmp_path) -> None:
    """What was not seen is not taken for recorded."""
    callback = ModelVizCallback(formats=())
    trainer(tmp_path, callback, limit_train_batches=0).fit(lit(TakesTensor()), loader())
    trainer(tmp_path, callback).fit(lit(TakesTensor()), loader())
    assert statuses(str(callback.directory)) == ALL_OK


def scripted(kind: str) -> nn.Module:
    inner = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    if kind == "traced":
        return torch.jit.trace(inner, (digits(),))
    whole = torch.jit.script(inner)
    return whole if kind == "scripted" else nn.Sequential(whole, nn.Linear(8, 4))


@pytest.mark.parametrize("kind", ["scripted", "traced", "scripted part"])
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_scripted_models_are_not_replayed_and_the_record_says_so(kind, tmp_path) -> None:
    """Every artifact is in the manifest; the autograd graph is the real call's own."""
    hook = ModelVizHook(net := scripted(kind), tmp_path, formats=())
    net(digits())
    assert statuses(str(hook.directory)) == ALL_OK | {"summary": "skipped", "torchview": "skipped"}
    assert "scripted" in read_manifest(str(hook.directory))["artifacts"][1]["error"]


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_a_scripted_module_beside_the_recorded_one_does_no_harm(tmp_path) -> None:
    """A scripted transform in the LightningModule: the network is shown."""
    module = lit(TakesTensor(), step=lambda self, b: self.loss(self.net(self.norm(b[0])), b[1]))
    module.norm = torch.jit.script(nn.LayerNorm(8, elementwise_affine=False))
    trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    assert statuses(find_record(tmp_path)) == ALL_OK


def test_a_model_that_cannot_be_isolated_fails_each_visualizer(tmp_path, monkeypatch) -> None:
    """Nothing is missing from the manifest."""
    monkeypatch.setattr("modelviz_callbacks.replay.isolation.Snapshot", broken)
    hook = ModelVizHook(net := TakesTensor(), tmp_path, formats=())
    with pytest.warns(ModelVizWarning, match="ours"):
        net(digits())
    assert statuses(str(hook.directory)) == ALL_OK | {"summary": "failed", "torchview": "failed"}


def compiled_fit(folder: Path, net: nn.Module, callbacks: list[Any]) -> dict[str, Any]:
    module = lit(net)
    compiled = torch.compile(module, backend="eager")
    fit = trainer(folder, *callbacks)
    fit.fit(compiled, loader())
    state = fingerprint(module) | {"losses": module.losses}
    return state | {"adam": fit.optimizers[0].state_dict()}


@pytest.mark.parametrize("net", [TakesTensor, HostileNet])
def test_a_compiled_lightning_module_is_rehearsed(net, tmp_path) -> None:
    """Summary, diagram and autograd graph are there, and the training is bit-identical."""
    results = []
    for callbacks in ([], [ModelVizCallback(dirpath=tmp_path / "with", formats=())]):
        torch._dynamo.reset()
        reset()
        model = net()
        results.append(compiled_fit(tmp_path / str(len(callbacks)), model, callbacks))
        if net is HostileNet:
            results[-1] |= hostile_state(model)
    assert_same(*results)
    record = find_record(tmp_path / "with")
    assert statuses(record) == ALL_OK
    assert "eager rehearsal" in read_manifest(record)["notes"][0]


def test_a_compiled_step_with_manual_optimization_is_not_rehearsed(tmp_path) -> None:
    """It would move the optimizers; the record gives the reason."""
    torch._dynamo.reset()
    callback = ModelVizCallback(formats=())
    trainer(tmp_path, callback).fit(torch.compile(gan(), backend="eager"), loader())
    artifacts = read_manifest(str(callback.directory))["artifacts"]
    assert [a["status"] for a in artifacts] == ["ok", *["skipped"] * 6]
    assert all("manual optimization" in a["error"] for a in artifacts[1:])
