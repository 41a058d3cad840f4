"""Several callbacks of ours in one Trainer: a record each, and neither hides the other."""

from pathlib import Path
from typing import Any

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.lightning_loops.both_ways import Fit, both_ways, logging_module
from tests.models import TakesTensor, lit, loader, trainer
from tests.sinks.test_tensorboard import PICTURES, events, logger, text

SHALLOW: Any = {"depth": 1, "formats": ()}
DEEP: Any = {"depth": 2, "formats": (), "visualizers": ("repr", "torchinfo", "architecture")}


def test_two_callbacks_make_two_records_and_leave_no_mark(flavour, tmp_path) -> None:
    """Bit-identical with both; each record has what its own settings ask for."""

    def work(fit: Fit) -> dict[str, Any]:
        if any(isinstance(c, ModelVizCallback) for c in fit.trainer.callbacks):
            fit.trainer.callbacks.insert(0, ModelVizCallback(**DEEP, dirpath=tmp_path / "deep"))
        return fit.run(logging_module(fit.flavour))

    manifest = both_ways(work, tmp_path, flavour, SHALLOW)
    assert statuses_of(manifest) == ALL_OK
    other = tmp_path / "deep" / "architecture"
    kept = ("modules", "summary", "graph", "table", "architecture")
    assert statuses(other) == dict.fromkeys(kept, "ok")
    assert read_manifest(other)["fingerprints"] == manifest["fingerprints"]


def statuses_of(manifest: dict[str, Any]) -> dict[str, str]:
    return {a["name"]: a["status"] for a in manifest["artifacts"]}


def test_two_records_of_a_run_have_tags_of_their_own(tmp_path) -> None:
    """Named by their folders: every text, number and picture of both is in TensorBoard."""
    callbacks = [ModelVizCallback(depth=depth) for depth in (1, 2)]
    trainer(tmp_path, *callbacks, logger=logger(tmp_path)).fit(lit(TakesTensor()), loader())
    run = tmp_path / "run" / "version_0"
    assert [Path(str(c.directory)).name for c in callbacks] == ["architecture", "architecture-2"]
    reader = events(run)
    assert set(reader.Tags()["images"]) == {
        f"{record}/{name}" for record in ("architecture", "architecture-2") for name in PICTURES
    }
    for record in ("architecture", "architecture-2"):
        assert len(reader.Scalars(f"{record}/parameters")) == 1
        summary = (run / record / "summary.txt").read_text("utf-8").rstrip()
        assert summary in text(reader, f"{record}/summary")


def test_a_second_trainer_records_what_it_trains_with_the_same_callback(tmp_path) -> None:
    """One callback object in two Trainers, one after the other: a record in each run's folder."""
    callback = ModelVizCallback(**SHALLOW)
    for name in ("one", "two"):
        trainer(tmp_path / name, callback).fit(lit(TakesTensor()), loader())
        assert statuses(str(callback.directory)) == ALL_OK
        assert (tmp_path / name) in Path(str(callback.directory)).parents


def test_a_callback_and_a_hook_share_a_network(tmp_path) -> None:
    """The hook sees the network's first call, the callback the whole step."""
    module = lit(TakesTensor())
    hook = ModelVizHook(module.net, tmp_path / "hook", formats=())
    callback = ModelVizCallback(formats=(), dirpath=tmp_path / "callback")
    trainer(tmp_path, callback).fit(module, loader())
    assert statuses(str(hook.directory)) == statuses(str(callback.directory)) == ALL_OK
