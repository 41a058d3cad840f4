"""Checkpoints name their record, and runs that go on from them keep it or tell what is another."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LearningRateFinder, ModelCheckpoint
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn

from modelviz_callbacks import ModelVizCallback, ModelVizWarning
from modelviz_callbacks.archive.places import joined
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.models import TakesTensor, digits, lit, loader, trainer


class Net(nn.Module):
    """[N, 8] → [N, 4] through a part that can be chosen."""

    def __init__(self, part: Any = None, *, gelu: bool = False) -> None:
        super().__init__()
        self.part = part or nn.Dropout(0.1)
        self.head = nn.Linear(8, 4)
        self.gelu = gelu

    def forward(self, x: Tensor) -> Tensor:
        x = self.part(x)
        return self.head(nn.functional.gelu(x) if self.gelu else x.relu())


def fit(
    folder: Path,
    net: nn.Module | None = None,
    resumed: str | None = None,
    callback: Any = None,
    module: Any = None,
    **options: Any,
) -> tuple[str, Any]:
    """Trains an epoch, or one more; gives the checkpoint and the callback."""
    callback = callback or ModelVizCallback(formats=())
    keep = ModelCheckpoint(dirpath=folder / "checkpoints", save_top_k=-1)
    epochs = {"max_epochs": 2 if resumed else 1}
    trainer(folder, keep, callback, **(epochs | options)).fit(
        lit(net or Net()) if module is None else module, loader(), ckpt_path=resumed
    )
    return keep.best_model_path, callback


def state_of(checkpoint: str, key: str = "ModelVizCallback") -> Any:
    return torch.load(checkpoint, weights_only=True)["callbacks"].get(key)


def drift_warning(caught: Any) -> str:
    (warning,) = [w for w in caught if w.category is ModelVizWarning]
    return str(warning.message)


def records(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.rglob("manifest.json"))


def test_a_checkpoint_names_its_record_and_fingerprints(tmp_path) -> None:
    """In plain types; the record is found from the checkpoint's own folder."""
    checkpoint, callback = fit(tmp_path / "run")
    expected = read_manifest(callback.directory)["fingerprints"]
    assert set(expected) == {"structure", "dataflow", "trainable"}
    assert state_of(checkpoint) == {
        "fingerprints": expected,
        "record": "../architecture",
        "directory": str(tmp_path / "run" / "architecture"),
    }
    shutil.move(tmp_path / "run", tmp_path / "moved")
    checkpoint = str(tmp_path / "moved" / "checkpoints" / Path(checkpoint).name)
    found = joined(str(Path(checkpoint).parent), state_of(checkpoint)["record"])
    assert read_manifest(found)["fingerprints"] == expected


def test_several_callbacks_name_each_their_own_record(tmp_path) -> None:
    """Whatever their options are; a Trainer takes two that are equal, too."""
    callbacks = [ModelVizCallback(depth=depth, formats=()) for depth in (1, 1, 2)]
    keep = ModelCheckpoint(dirpath=tmp_path / "checkpoints")
    trainer(tmp_path, *callbacks, keep).fit(lit(Net()), loader())
    kept = torch.load(keep.best_model_path, weights_only=True)["callbacks"]
    assert [kept[callback.state_key]["directory"] for callback in callbacks] == [
        str(tmp_path / name) for name in ("architecture", "architecture-2", "architecture-3")
    ]


def test_a_checkpoint_of_before_the_first_batch_knows_the_modules(tmp_path) -> None:
    """Their fingerprints are those of the record; a data flow has not been seen."""
    from lightning.pytorch import Callback

    class SavesEarly(Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / "early.ckpt")

    callback = ModelVizCallback(formats=())
    trainer(tmp_path, callback, SavesEarly(), enable_checkpointing=False).fit(lit(Net()), loader())
    expected = read_manifest(callback.directory)["fingerprints"]
    expected.pop("dataflow")
    state = state_of(str(tmp_path / "early.ckpt"))
    assert (state["fingerprints"], state["record"]) == (expected, "architecture")


def test_a_checkpoint_of_a_run_without_a_record_says_so(tmp_path) -> None:
    """The fingerprints are true all the same."""
    (tmp_path / "taken").write_text("a file")
    module = lit(Net())
    fit = trainer(tmp_path / "taken", ModelVizCallback(formats=()), enable_checkpointing=False)
    with pytest.warns(ModelVizWarning, match="Give a writable folder"):
        fit.fit(module, loader())
    fit.save_checkpoint(tmp_path / "x.ckpt")
    state = state_of(str(tmp_path / "x.ckpt"))
    assert set(state["fingerprints"]) == {"structure", "dataflow", "trainable"}
    assert (state["record"], state["directory"]) == (None, None)


def test_weights_alone_name_no_record(tmp_path) -> None:
    """Lightning keeps no callback's state in them."""
    keep = ModelCheckpoint(dirpath=tmp_path, save_weights_only=True)
    trainer(tmp_path, keep, ModelVizCallback(formats=())).fit(lit(Net()), loader())
    assert "callbacks" not in torch.load(keep.best_model_path, weights_only=True)


def test_a_second_fit_keeps_the_record_and_its_checkpoints_name_it(tmp_path) -> None:
    """Also where another run folder came between; another model gets a record of its own."""
    checkpoint, callback = fit(tmp_path / "one")
    fit(tmp_path / "two", callback=callback)
    again, _ = fit(tmp_path / "one", callback=callback)
    assert state_of(again) == state_of(checkpoint)
    assert callback.directory == str(tmp_path / "one" / "architecture")
    assert records(tmp_path / "one") == ["architecture"]
    other, _ = fit(tmp_path / "one", Net(nn.Tanh()), callback=callback)
    assert records(tmp_path / "one") == ["architecture", "architecture-2"]
    assert state_of(other)["record"] == "../architecture-2"


@pytest.fixture
def shown(monkeypatch) -> list[Any]:
    """What the libraries are asked to show; they are not asked after all."""
    asked: list[Any] = []

    def ask(*args: Any) -> list[Any]:
        asked.append(args)
        return []

    monkeypatch.setattr("modelviz_callbacks.recording.root_views.run_replays", ask)
    monkeypatch.setattr("modelviz_callbacks.recording.root_views.run_on_output", ask)
    return asked


@pytest.mark.parametrize("options", [{}, {"depth": 1, "visualizers": ("architecture", "torchviz")}])
def test_a_resumed_run_keeps_its_record_and_notes_the_resume(
    options, tmp_path, recwarn, request
) -> None:
    """Nothing else is written or run again, also where only the drawing is another."""
    checkpoint, _ = fit(tmp_path)
    record = tmp_path / "architecture"
    before = {f: f.read_bytes() for f in record.rglob("*") if f.name != "manifest.json"}
    old = read_manifest(record)
    shown = request.getfixturevalue("shown")
    again, callback = fit(tmp_path, Net(), checkpoint, ModelVizCallback(formats=(), **options))
    assert shown == []
    assert records(tmp_path) == ["architecture"]
    assert {f: f.read_bytes() for f in record.rglob("*") if f.name != "manifest.json"} == before
    new = read_manifest(record)
    (resume,) = new.pop("resumes")
    at = resume.pop("at")
    assert at >= old["created_at"]
    assert resume == {
        "checkpoint": checkpoint,
        "epoch": 0,
        "global_step": 3,
        "compared": ["dataflow", "structure", "trainable"],
        "record": None,
        "note": None,
    }
    assert new == {key: value for key, value in old.items() if key != "resumes"}
    assert state_of(again) == state_of(checkpoint)
    assert callback.directory == str(record)
    assert [w for w in recwarn if "callbacks used to create" in str(w.message)] == []
    assert [w for w in recwarn if w.category is ModelVizWarning] == []


def test_a_resume_in_a_new_folder_writes_a_record_there(tmp_path, recwarn) -> None:
    """It says where the run came from; the earlier record is left as it is."""
    checkpoint, _ = fit(tmp_path / "one")
    before = (tmp_path / "one" / "architecture" / "manifest.json").read_bytes()
    _, callback = fit(tmp_path / "two", resumed=checkpoint)
    manifest = read_manifest(tmp_path / "two" / "architecture")
    assert manifest["resumed_from"] == {
        "checkpoint": checkpoint,
        "epoch": 0,
        "global_step": 3,
        "record": str(tmp_path / "one" / "architecture"),
        "differ": [],
    }
    assert (manifest["drift"], manifest["resumes"]) == ([], [])
    assert statuses(callback.directory) == ALL_OK
    assert (tmp_path / "one" / "architecture" / "manifest.json").read_bytes() == before
    assert [w for w in recwarn if w.category is ModelVizWarning] == []


def test_a_resume_with_other_modules_is_told_and_recorded(tmp_path) -> None:
    """One warning in people's words; the new record says the same and is complete."""
    checkpoint, _ = fit(tmp_path)
    with pytest.warns(ModelVizWarning) as caught:
        again, _ = fit(tmp_path, Net(nn.Dropout(0.3)), checkpoint)
    said = drift_warning(caught)
    assert "part with p 0.1 → 0.3" in said
    assert str(tmp_path / "architecture-2") in said
    assert "In the first step" not in said
    manifest = read_manifest(tmp_path / "architecture-2")
    assert manifest["drift"] == ["reconfigured: net.part with p 0.1 → 0.3"]
    assert manifest["resumed_from"]["differ"] == ["structure"]
    assert manifest["resumed_from"]["record"] == str(tmp_path / "architecture")
    assert statuses(tmp_path / "architecture-2") == ALL_OK
    assert read_manifest(tmp_path / "architecture")["resumes"] == []
    assert state_of(again)["record"] == "../architecture-2"


def test_a_resume_that_trains_other_parameters_is_told(tmp_path) -> None:
    """Frozen by mistake, or on purpose: it is said which."""
    checkpoint, _ = fit(tmp_path)
    net = Net()
    net.head.bias.requires_grad_(requires_grad=False)
    with pytest.warns(ModelVizWarning) as caught:
        fit(tmp_path, net, checkpoint)
    said = drift_warning(caught)
    assert "other parameters are trained than then" in said
    assert "Not trained any more: 1 parameter tensor (net.head.bias)." in said


def test_a_resume_whose_forward_is_another_is_told(tmp_path) -> None:
    """The weights fit, so nobody else would tell; only the step shows it."""
    checkpoint, _ = fit(tmp_path)
    with pytest.warns(ModelVizWarning) as caught:
        again, callback = fit(tmp_path, Net(gelu=True), checkpoint)
    said = drift_warning(caught)
    assert "More in the first step: gelu in net. No more in the first step: relu in net" in said
    assert "depends on its batch or on chance" in said
    assert callback.directory == str(tmp_path / "architecture-2")
    assert state_of(again)["record"] == "../architecture-2"
    skipped = dict.fromkeys(("summary", "torchview", "autograd"), "skipped")
    assert statuses(callback.directory) == ALL_OK | skipped
    manifest = read_manifest(callback.directory)
    assert (manifest["status"], manifest["model"]["roots"]) == ("complete", [""])
    assert manifest["resumed_from"]["differ"] == ["dataflow"]
    (resume,) = read_manifest(tmp_path / "architecture")["resumes"]
    assert resume["record"] == "architecture-2"


def test_a_resume_whose_record_is_lost_is_told_as_far_as_it_can_be(tmp_path) -> None:
    """The fingerprints are in the checkpoint; the warning says that there is no more."""
    checkpoint, _ = fit(tmp_path / "one")
    shutil.rmtree(tmp_path / "one" / "architecture")
    with pytest.warns(ModelVizWarning) as caught:
        fit(tmp_path / "two", Net(nn.Dropout(0.3)), checkpoint)
    assert "record was not found" in drift_warning(caught)
    manifest = read_manifest(tmp_path / "two" / "architecture")
    assert manifest["resumed_from"]["record"] is None
    assert manifest["resumed_from"]["differ"] == ["structure"]


@pytest.mark.parametrize("damage", ["cut", "empty", "rubbish"])
def test_a_damaged_record_does_not_hinder_a_resume(damage, tmp_path) -> None:
    """The graph cannot be read: the warning says so, and the new record is complete."""
    checkpoint, _ = fit(tmp_path)
    graph = tmp_path / "architecture" / "architecture.json"
    text = graph.read_text("utf-8")
    graph.write_text({"cut": text[:99], "empty": "", "rubbish": '{"schema_version": 1}'}[damage])
    with pytest.warns(ModelVizWarning) as caught:
        fit(tmp_path, Net(nn.Dropout(0.3)), checkpoint)
    assert "cannot be said" in drift_warning(caught)
    assert statuses(tmp_path / "architecture-2") == ALL_OK


def test_a_resume_from_a_checkpoint_without_us_says_where_it_came_from(tmp_path, recwarn) -> None:
    """There is nothing to compare with."""
    keep = ModelCheckpoint(dirpath=tmp_path / "checkpoints")
    trainer(tmp_path, keep).fit(lit(Net()), loader())
    fit(tmp_path, resumed=keep.best_model_path)
    manifest = read_manifest(tmp_path / "architecture")
    assert manifest["resumed_from"]["checkpoint"] == keep.best_model_path
    assert manifest["resumed_from"]["record"] is None
    assert [w for w in recwarn if w.category is ModelVizWarning] == []


def test_weights_that_do_not_fit_are_explained_before_lightnings_error(tmp_path) -> None:
    """Lightning names the parameters; we name the module and what was configured otherwise."""
    convolution = lambda k: nn.Sequential(  # noqa: E731
        nn.Unflatten(1, (1, 8)), nn.Conv1d(1, 1, k, padding=k // 2), nn.Flatten()
    )
    checkpoint, _ = fit(tmp_path, Net(convolution(3)))
    with (
        pytest.warns(ModelVizWarning) as caught,
        pytest.raises(RuntimeError, match="size mismatch"),
    ):
        fit(tmp_path, Net(convolution(5)), checkpoint)
    said = drift_warning(caught)
    assert "net.part.1 with kernel_size (3,) → (5,)" in said
    assert records(tmp_path) == ["architecture"]


def test_a_resumed_first_step_that_raises_has_a_record(tmp_path) -> None:
    """The modules are the same, and the record shows where it stopped."""
    checkpoint, _ = fit(tmp_path)

    def step(self: Any, batch: Any) -> Tensor:
        return self.loss(self(batch[0]), torch.tensor([9, 9, 9, 9]))

    with pytest.raises(IndexError):
        fit(tmp_path, resumed=checkpoint, module=lit(Net(), step=step))
    manifest = read_manifest(tmp_path / "architecture-2")
    assert (manifest["status"], manifest["exception"]["type"]) == ("failed_step", "IndexError")
    (resume,) = read_manifest(tmp_path / "architecture")["resumes"]
    assert resume["record"] == "architecture-2"


def test_a_record_of_a_step_that_raised_is_not_kept(tmp_path) -> None:
    """A checkpoint of before it; the resumed run's step shows all."""
    from lightning.pytorch import Callback

    class SavesEarly(Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / "early.ckpt")

    def step(self: Any, batch: Any) -> Tensor:
        raise ZeroDivisionError

    callbacks = [ModelVizCallback(formats=(), dirpath=tmp_path), SavesEarly()]
    with pytest.raises(ZeroDivisionError):
        trainer(tmp_path, *callbacks, enable_checkpointing=False).fit(
            lit(Net(), step=step), loader()
        )
    fit(tmp_path, resumed=str(tmp_path / "early.ckpt"))
    assert read_manifest(tmp_path / "architecture")["status"] == "failed_step"
    assert statuses(tmp_path / "architecture-2") == ALL_OK


def test_a_fit_after_a_resumed_one_is_no_resume(tmp_path) -> None:
    """With the same callback, and without a checkpoint."""
    checkpoint, callback = fit(tmp_path)
    fit(tmp_path, resumed=checkpoint, callback=callback)
    fit(tmp_path, Net(nn.Tanh()), callback=callback)
    assert len(read_manifest(tmp_path / "architecture")["resumes"]) == 1
    assert read_manifest(tmp_path / "architecture-2")["resumed_from"] is None


def test_a_compiled_step_is_not_rehearsed_for_a_resume(tmp_path, shown) -> None:
    """Its modules are compared; that its data flow is not, is said."""
    checkpoint, _ = fit(tmp_path)
    shown.clear()
    fit(tmp_path, resumed=checkpoint, module=torch.compile(lit(Net()), backend="eager"))
    assert shown == []
    assert records(tmp_path) == ["architecture"]
    (resume,) = read_manifest(tmp_path / "architecture")["resumes"]
    assert resume["compared"] == ["structure", "trainable"]


def test_a_resume_without_a_batch_keeps_the_record(tmp_path) -> None:
    """A run that was finished already; its modules are the same, and that is all there is."""
    checkpoint, _ = fit(tmp_path)
    fit(tmp_path, resumed=checkpoint, max_epochs=1)
    assert records(tmp_path) == ["architecture"]
    (resume,) = read_manifest(tmp_path / "architecture")["resumes"]
    assert resume["compared"] == ["structure", "trainable"]
    assert resume["note"] == "no training batch was run"


def test_lazy_modules_are_no_drift(tmp_path, recwarn) -> None:
    """They get shapes from the checkpoint and their class in the first step, and are not run again.

    Before that step they are others than in the record, so that a new one is made; nothing is
    another in it.
    """
    checkpoint, _ = fit(tmp_path, Net(nn.LazyLinear(8)))
    assert state_of(checkpoint)["fingerprints_at_start"].keys() == {"structure"}
    _, callback = fit(tmp_path, Net(nn.LazyLinear(8)), checkpoint)
    skipped = dict.fromkeys(("summary", "torchview"), "skipped")
    assert statuses(callback.directory) == ALL_OK | skipped
    drift = read_manifest(callback.directory)["drift"]
    if drift == ["reconfigured: net.part with in_features 8 → 0"]:
        pytest.skip("this torch leaves in_features at 0 where a checkpoint gives the shape")
    assert drift == []
    assert [w for w in recwarn if w.category is ModelVizWarning] == []


class RestoresLate(SingleDeviceStrategy):
    """Loads checkpoints after `on_fit_start`, as sharding strategies do."""

    restore_checkpoint_after_setup = True


@pytest.mark.parametrize("sanity_check", [False, True])
def test_a_strategy_that_loads_late_resumes_all_the_same(sanity_check, tmp_path) -> None:
    """FSDP and DeepSpeed wrap the model first: the record waits for the checkpoint."""
    checkpoints = []
    for epochs in (1, 2):
        keep = ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_top_k=-1)
        strategy = RestoresLate(torch.device("cpu"))
        options = {"num_sanity_val_steps": int(sanity_check), "max_epochs": epochs}
        callback = ModelVizCallback(formats=())
        trainer(tmp_path, keep, callback, strategy=strategy, **options).fit(
            lit(Net()), loader(), loader(), ckpt_path=checkpoints[0] if checkpoints else None
        )
        checkpoints.append(keep.best_model_path)
    assert records(tmp_path) == ["architecture"]
    assert statuses(tmp_path / "architecture") == ALL_OK
    assert len(read_manifest(tmp_path / "architecture")["resumes"]) == 1


def test_a_strategy_that_loads_late_explains_weights_that_do_not_fit(tmp_path) -> None:
    """There is one warning, and the record of a fit that did not come to its first batch."""
    checkpoint, _ = fit(tmp_path)
    strategy = RestoresLate(torch.device("cpu"))
    with (
        pytest.warns(ModelVizWarning) as caught,
        pytest.raises(RuntimeError, match="Missing key"),
    ):
        fit(tmp_path, Net(nn.Linear(8, 8)), checkpoint, strategy=strategy)
    assert "part with" in drift_warning(caught)


def test_several_callbacks_find_each_their_own_record_again(tmp_path) -> None:
    """The first notes the resume in the first, the second in the second."""
    checkpoints = []
    for epochs in (1, 2):
        keep = ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_top_k=-1)
        callbacks = [ModelVizCallback(depth=depth, formats=()) for depth in (1, 2)]
        trainer(tmp_path, *callbacks, keep, max_epochs=epochs).fit(
            lit(Net()), loader(), ckpt_path=checkpoints[0] if checkpoints else None
        )
        checkpoints.append(keep.best_model_path)
    assert records(tmp_path) == ["architecture", "architecture-2"]
    for name in records(tmp_path):
        assert len(read_manifest(tmp_path / name)["resumes"]) == 1


def test_a_checkpoint_from_elsewhere_finds_the_record_in_the_runs_folder(tmp_path) -> None:
    """Copied by hand, and its run's folder moved: the resume is the run's own all the same."""
    checkpoint, _ = fit(tmp_path / "run")
    shutil.copy(checkpoint, tmp_path / "copy.ckpt")
    shutil.move(tmp_path / "run", tmp_path / "moved")
    fit(tmp_path / "moved", resumed=str(tmp_path / "copy.ckpt"))
    assert records(tmp_path) == ["architecture"]
    assert len(read_manifest(tmp_path / "moved" / "architecture")["resumes"]) == 1


def test_a_record_that_cannot_be_noted_in_is_one_warning(tmp_path, monkeypatch) -> None:
    """The training goes on, and the record is as it was."""
    checkpoint, _ = fit(tmp_path)
    before = read_manifest(tmp_path / "architecture")

    def refused(*_args: Any) -> Any:
        raise PermissionError("read-only")

    monkeypatch.setattr("modelviz_callbacks.recording.resume.open_writer", refused)
    with pytest.warns(ModelVizWarning) as caught:
        fit(tmp_path, resumed=checkpoint)
    assert "cannot be noted there" in drift_warning(caught)
    assert read_manifest(tmp_path / "architecture") == before


def test_the_search_for_a_learning_rate_is_no_resume(tmp_path) -> None:
    """It goes back to a hidden checkpoint of its own."""
    module = lit(Net())
    module.lr = 1e-3
    finder = LearningRateFinder(num_training_steps=4)
    _, callback = fit(tmp_path, callback=ModelVizCallback(formats=()), module=module)
    keep = ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_top_k=-1)
    trainer(tmp_path, finder, keep, callback).fit(module, loader())
    for name in records(tmp_path):
        manifest = read_manifest(tmp_path / name)
        assert (manifest["resumed_from"], manifest["resumes"]) == (None, [])


def test_the_drift_is_in_tensorboard(tmp_path) -> None:
    """Under a tag of its own."""
    from lightning.pytorch.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    checkpoint, _ = fit(tmp_path / "one")
    logger = TensorBoardLogger(tmp_path, name="two")
    with pytest.warns(ModelVizWarning, match="0.3"):
        fit(tmp_path / "two", Net(nn.Dropout(0.3)), checkpoint, logger=logger)
    events = EventAccumulator(str(tmp_path / "two" / "version_0")).Reload()
    tag = "architecture/drift/text_summary"
    (event,) = events.Tensors(tag)
    assert "p 0.1 → 0.3" in event.tensor_proto.string_val[0].decode("utf-8")


def test_a_resumed_run_with_the_plain_network_is_bit_identical(tmp_path) -> None:
    """Watching a resumed first step changes nothing."""
    checkpoint, _ = fit(tmp_path)
    states = []
    for callbacks in ([], [ModelVizCallback(formats=(), dirpath=tmp_path)]):
        torch.manual_seed(5)
        module = lit(Net())
        keep = ModelCheckpoint(dirpath=tmp_path / "other")
        run = trainer(tmp_path, keep, *callbacks, max_epochs=2)
        run.fit(module, loader(), ckpt_path=checkpoint)
        states.append((json.dumps(module.losses), module(digits()).tolist()))
    assert states[0] == states[1]


def test_weights_of_another_kind_are_no_matter_of_a_fit_without_a_checkpoint(
    tmp_path, recwarn
) -> None:
    """A fit that fails before it begins, without a checkpoint, is not explained by one."""
    module = lit(TakesTensor())
    module.configure_model = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    assert [w for w in recwarn if w.category is ModelVizWarning] == []
