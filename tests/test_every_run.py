"""A record in every Lightning run, by Lightning's entry points: opt-in."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from modelviz_callbacks import ModelVizCallback, ModelVizWarning
from modelviz_callbacks.every_run import every_run, every_run_if_asked
from modelviz_callbacks.every_run_callback import EveryRunCallback
from tests.models import TakesTensor, lightning_package, lit, loader

ROOT = Path(__file__).parent.parent
# What our own package declares, as if it were installed.
OURS = """
[lightning.pytorch.callbacks_factory]
modelviz = modelviz_callbacks.every_run:every_run_if_asked
[pytorch_lightning.callbacks_factory]
modelviz = modelviz_callbacks.every_run:every_run_if_asked
"""
RUN = """
import sys
from {package} import LightningModule, Trainer
import torch
class Lit(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(8, 1)
    def training_step(self, batch, batch_idx):
        return self.net(batch).mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
trainer = Trainer(max_steps=1, enable_progress_bar=False, enable_model_summary=False)
ours = [type(c).__name__ for c in trainer.callbacks if "modelviz" in type(c).__module__]
print("callbacks:", ours)
trainer.fit(Lit(), torch.utils.data.DataLoader(torch.zeros(4, 8)))
print("modules:", sorted(m for m in sys.modules if m.startswith("modelviz_callbacks")))
"""


@pytest.fixture(autouse=True)
def not_asked(monkeypatch) -> None:
    """Whoever runs the tests may have it set."""
    monkeypatch.delenv("MODELVIZ_EVERY_RUN", raising=False)


def train(folder: Path, entry_points: str, value: str | None, package: str) -> str:
    """Trains in a process that finds a distribution with these entry points."""
    # Under our own name: it stands before what may really be installed.
    distribution = folder / "site" / "modelviz_callbacks-1.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "METADATA").write_text("Name: modelviz-callbacks\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text(entry_points)
    (folder / "site" / "our_team.py").write_text(
        "from modelviz_callbacks.every_run import every_run\n"
        "def callbacks(): return every_run(depth=1, formats=(), visualizers=['architecture'])\n"
    )
    variable = {} if value is None else {"MODELVIZ_EVERY_RUN": value}
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(package=package)],
        env=os.environ
        | variable
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder / "site")])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def records(folder: Path) -> list[str]:
    return sorted(str(p.parent.relative_to(folder)) for p in folder.rglob("manifest.json"))


def test_being_installed_changes_nothing(tmp_path) -> None:
    """No callback, no record, and nothing imported but the function that says so."""
    said = train(tmp_path, OURS, None, "lightning.pytorch")
    assert "callbacks: []" in said
    assert records(tmp_path) == []
    assert (
        "modules: ['modelviz_callbacks', 'modelviz_callbacks.errors', "
        "'modelviz_callbacks.every_run', 'modelviz_callbacks.switches']" in said
    )


def test_the_environment_variable_asks_for_records(tmp_path) -> None:
    """Beside the checkpoints, with its options; here in the other one of Lightning's packages."""
    options = "depth=1 formats= visualizers=architecture"
    said = train(tmp_path, OURS, options, "pytorch_lightning")
    assert "callbacks: ['EveryRunCallback']" in said
    assert records(tmp_path) == ["lightning_logs/version_0/architecture"]


def test_a_team_s_package_asks_for_records_once(tmp_path) -> None:
    """Where the variable is set as well, one of the two callbacks steps aside."""
    both = OURS.replace("[pytorch", "records = our_team:callbacks\n[pytorch")
    said = train(tmp_path, both, "1", "lightning.pytorch")
    assert "callbacks: ['EveryRunCallback', 'EveryRunCallback']" in said
    assert records(tmp_path) == ["lightning_logs/version_0/architecture"]


def test_who_trains_can_switch_it_off(monkeypatch) -> None:
    """A team's wish is not an order."""
    monkeypatch.setenv("MODELVIZ_EVERY_RUN", "0")
    assert every_run(depth=2) == []
    assert every_run_if_asked() == []


def test_options_of_the_variable_outrank_the_team_s(monkeypatch) -> None:
    """What it does not name stays as the team has it."""
    monkeypatch.setenv("MODELVIZ_EVERY_RUN", "depth=2 formats=svg,png draw_timeout_s=5")
    (callback,) = every_run(depth=7, visualizers=("repr",))
    assert callback.settings.depth == 2
    assert callback.settings.visualizers == ("repr",)
    assert callback.settings.formats == ("svg", "png")
    assert callback.settings.draw_timeout_s == 5.0


@pytest.mark.parametrize(
    "value",
    ["depht=2", "depth=two", "depth=-1", "deep", "formats=gif", "on_error=raise", "depth='"],
)
def test_what_cannot_be_read_is_a_warning_and_no_record(monkeypatch, value) -> None:
    """Never an error: every Trainer on the machine would fail."""
    monkeypatch.setenv("MODELVIZ_EVERY_RUN", value)
    with pytest.warns(ModelVizWarning, match="records nothing.*MODELVIZ_EVERY_RUN") as warnings:
        assert every_run_if_asked() == []
    assert len(warnings) == 1


def test_an_option_of_the_team_that_is_none_is_a_warning(monkeypatch) -> None:
    """Likewise."""
    with pytest.warns(ModelVizWarning, match="no option target; give depth, "):
        assert every_run(target="net") == []


def test_an_import_that_fails_is_a_warning(monkeypatch) -> None:
    """A broken installation of a library of ours costs the record alone."""
    monkeypatch.setenv("MODELVIZ_EVERY_RUN", "1")
    monkeypatch.setitem(sys.modules, "modelviz_callbacks.every_run_callback", None)
    with pytest.warns(ModelVizWarning, match="records nothing.*every_run_callback"):
        assert every_run_if_asked() == []


def fit(folder: Path, flavour: str, module: object, *callbacks: object) -> object:
    trainer = lightning_package(flavour).Trainer(
        default_root_dir=folder,
        max_steps=1,
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    trainer.fit(module, loader())
    return trainer


def quick(kind: type[ModelVizCallback] = EveryRunCallback) -> ModelVizCallback:
    return kind(formats=(), visualizers=("architecture",))


def test_it_steps_aside_for_a_user_s_callback(tmp_path, flavour) -> None:
    """One record, with the user's options, and its state in the checkpoint under the first key."""
    chosen = quick(ModelVizCallback)
    trainer = fit(tmp_path, flavour, lit(TakesTensor(), flavour), quick(), chosen)
    assert [c for c in trainer.callbacks if isinstance(c, ModelVizCallback)] == [chosen]
    assert records(tmp_path) == ["lightning_logs/version_0/architecture"]
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    states = torch.load(checkpoint, weights_only=True)["callbacks"]
    assert [key for key in states if "ModelViz" in key] == ["ModelVizCallback"]


def test_it_steps_aside_for_a_module_s_own_callback(tmp_path, flavour) -> None:
    """Which Lightning adds when the fit begins."""
    chosen, module = quick(ModelVizCallback), lit(TakesTensor(), flavour)
    module.configure_callbacks = lambda: [chosen]
    trainer = fit(tmp_path, flavour, module, quick())
    assert [c for c in trainer.callbacks if isinstance(c, ModelVizCallback)] == [chosen]
    assert records(tmp_path) == ["lightning_logs/version_0/architecture"]


def test_of_two_the_first_stays(tmp_path, flavour) -> None:
    """Two packages of a team may both ask for records."""
    first = quick()
    trainer = fit(tmp_path, flavour, lit(TakesTensor(), flavour), first, quick())
    assert [c for c in trainer.callbacks if isinstance(c, ModelVizCallback)] == [first]
    assert records(tmp_path) == ["lightning_logs/version_0/architecture"]


def test_callbacks_after_it_are_set_up_when_it_leaves(tmp_path, flavour) -> None:
    """Lightning is in the middle of its list then."""

    class Other(lightning_package(flavour).Callback):
        was_set_up = False

        def setup(self, trainer, pl_module, stage):
            self.was_set_up = True

    other = Other()
    fit(tmp_path, flavour, lit(TakesTensor(), flavour), quick(ModelVizCallback), quick(), other)
    assert other.was_set_up


def test_it_can_be_sent_to_another_process() -> None:
    """As strategies that spawn do."""
    assert isinstance(pickle.loads(pickle.dumps(quick())), EveryRunCallback)


def test_the_entry_points_are_declared() -> None:
    """Those that these tests stand in for."""
    declared = (ROOT / "pyproject.toml").read_text("utf-8")
    for group in ("lightning.pytorch", "pytorch_lightning"):
        assert (
            f'[project.entry-points."{group}.callbacks_factory"]\n'
            'modelviz = "modelviz_callbacks.every_run:every_run_if_asked"' in declared
        )
