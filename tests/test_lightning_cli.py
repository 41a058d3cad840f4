"""The callback in LightningCLI: from a YAML file, from arguments, in its help, and saved again."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from torch import Tensor

from modelviz_callbacks import ModelVizCallback
from tests.conftest import find_record, read_manifest, statuses
from tests.models import TakesTensor, lightning_package, lit, loader

OPTIONS: dict[str, Any] = {
    "depth": 2,
    "visualizers": ["repr", "torchinfo", "torchviz", "architecture"],
    "target": "net",
    "input_fn": f"{__name__}.first_rows",
    "formats": ["svg"],
    "draw_timeout_s": 30,
    "on_error": "raise",
}


def first_rows(batch: Any) -> Tensor:
    rows: Tensor = batch[0][:2]
    return rows


def run(flavour: str, folder: Path, *arguments: str, **options: Any) -> Any:
    """Runs `fit` of a command line program of Lightning's."""
    package = lightning_package(flavour)

    class Net(type(lit(TakesTensor(), flavour))):
        pass

    class Data(package.LightningDataModule):
        def train_dataloader(self) -> Any:
            return loader()

    always = {
        "accelerator": "cpu",
        "max_epochs": "1",
        "limit_train_batches": "2",
        "logger": "false",
        "enable_progress_bar": "false",
        "enable_model_summary": "false",
        "enable_checkpointing": "false",
        "default_root_dir": str(folder),
    }
    given = [f"--trainer.{name}={value}" for name, value in always.items()]
    return importlib.import_module(f"{flavour}.cli").LightningCLI(
        Net, Data, args=["fit", *given, *arguments], seed_everything_default=False, **options
    )


def config(folder: Path, callback: Any) -> str:
    """Writes a configuration with the callback, and gives the argument that reads it."""
    file = folder / "given.yaml"
    file.write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}))
    return f"--config={file}"


def ours(cli: Any) -> ModelVizCallback:
    (callback,) = (c for c in cli.trainer.callbacks if isinstance(c, ModelVizCallback))
    return callback


def test_a_yaml_file_gives_every_option(flavour, tmp_path) -> None:
    """By the class's public name; `input_fn` by the dotted path of a function."""
    options = OPTIONS | {"dirpath": str(tmp_path / "run")}
    callback = {"class_path": "modelviz_callbacks.ModelVizCallback", "init_args": options}
    cli = run(flavour, tmp_path, config(tmp_path, callback))
    settings = ours(cli).settings
    assert settings.input_fn is first_rows
    for name in ("depth", "target", "draw_timeout_s", "on_error"):
        assert getattr(settings, name) == options[name]
    assert list(settings.visualizers) == options["visualizers"]
    assert list(settings.formats) == options["formats"]
    manifest = read_manifest(tmp_path / "run" / "architecture")
    assert manifest["root_calls"][0]["inputs"]["x"]["shape"] == [2, 8]
    assert (tmp_path / "run" / "architecture" / "architecture.svg").is_file()


def test_every_option_of_the_callback_is_tried_above() -> None:
    """A new option must be shown to work from a file, too."""
    import inspect

    assert set(inspect.signature(ModelVizCallback).parameters) == {*OPTIONS, "dirpath"}


def test_the_class_path_alone_gives_the_defaults(flavour, tmp_path) -> None:
    """The visualizers and formats that are tuples in Python come back from YAML as they were."""
    cli = run(
        flavour, tmp_path, config(tmp_path, {"class_path": "modelviz_callbacks.ModelVizCallback"})
    )
    assert ours(cli).settings == ModelVizCallback().settings
    assert set(statuses(find_record(tmp_path)).values()) == {"ok"}


def test_the_short_name_serves_on_the_command_line(flavour, tmp_path) -> None:
    """`--trainer.callbacks+=ModelVizCallback`, once it has been imported."""
    cli = run(
        flavour,
        tmp_path,
        "--trainer.callbacks+=ModelVizCallback",
        "--trainer.callbacks.depth=2",
        "--trainer.callbacks.formats=[]",
    )
    assert (ours(cli).settings.depth, ours(cli).settings.formats) == (2, ())
    assert statuses(find_record(tmp_path))["architecture"] == "ok"


def test_a_default_callback_of_the_program_is_served(flavour, tmp_path) -> None:
    """`LightningCLI(trainer_defaults={"callbacks": [...]})`."""
    callback = ModelVizCallback(formats=())
    run(flavour, tmp_path, trainer_defaults={"callbacks": [callback]})
    assert find_record(tmp_path) == Path(str(callback.directory))


def test_the_saved_configuration_can_be_loaded_again(flavour, tmp_path) -> None:
    """What SaveConfigCallback leaves makes the same callback, function included."""
    callback = {"class_path": "modelviz_callbacks.ModelVizCallback", "init_args": OPTIONS}
    first = run(flavour, tmp_path / "1", config(tmp_path, callback))
    saved = tmp_path / "1" / "config.yaml"
    second = run(
        flavour, tmp_path / "2", f"--config={saved}", f"--trainer.default_root_dir={tmp_path}/2"
    )
    assert ours(first).settings == ours(second).settings
    assert statuses(tmp_path / "1" / "architecture") == statuses(tmp_path / "2" / "architecture")
    kept = yaml.safe_load(saved.read_text())["trainer"]["callbacks"][0]
    assert kept == callback | {"init_args": OPTIONS | {"dirpath": None}}


BAD: dict[str, tuple[str, Any, str]] = {
    "a wrong number": ("depth", -2, r"depth=-2: give a whole number of at least 0"),
    "a wrong name": ("visualizers", ["torchvew"], r"'torchvew' is not one of 'repr', 'torchinfo'"),
    "a wrong word": ("on_error", "ignore", r"on_error='ignore': allowed are 'warn', 'raise'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_value_is_told_in_our_words(kind, tmp_path) -> None:
    """With the value given and what is allowed, before anything is trained."""
    option, value, message = BAD[kind]
    callback = {"class_path": "modelviz_callbacks.ModelVizCallback", "init_args": {option: value}}
    with pytest.raises(ValueError, match=message):
        run("lightning.pytorch", tmp_path, config(tmp_path, callback))
    assert not (tmp_path / "architecture").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("depth", "deep"), ("dept", 3), ("input_fn", "nowhere.to_be_found")]
)
def test_what_has_no_meaning_is_refused_by_the_parser(option, value, tmp_path, capsys) -> None:
    """A wrong type, an unknown option, a function that is not there: the option is named."""
    callback = {"class_path": "modelviz_callbacks.ModelVizCallback", "init_args": {option: value}}
    with pytest.raises(SystemExit):
        run("lightning.pytorch", tmp_path, config(tmp_path, callback))
    assert option in capsys.readouterr().err


def test_the_help_explains_every_option(flavour, tmp_path, capsys) -> None:
    """From the docstring: no option without a word."""
    with pytest.raises(SystemExit) as ended:
        run(flavour, tmp_path, "--trainer.callbacks.help=modelviz_callbacks.ModelVizCallback")
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for option, words in {
        "depth": "How many levels of modules",
        "visualizers": "Which of",
        "target": "Path of the module to record",
        "input_fn": "Makes the recorded module's arguments",
        "dirpath": "The run's folder, a path or an fsspec URL",
        "formats": "Pictures to draw",
        "draw_timeout_s": "Seconds that one picture may take",
        "on_error": "for debugging",
    }.items():
        assert f"--trainer.callbacks.{option}" in told
        assert words in told


def test_a_program_that_never_imports_us_finds_the_class_by_its_path(tmp_path) -> None:
    """A real process: the configuration alone names the package."""
    (tmp_path / "program.py").write_text(
        "import torch\n"
        "from lightning.pytorch.cli import LightningCLI\n"
        "from lightning.pytorch.demos.boring_classes import BoringDataModule, BoringModel\n"
        "LightningCLI(BoringModel, BoringDataModule)\n"
    )
    (tmp_path / "run.yaml").write_text(
        "trainer:\n"
        "  accelerator: cpu\n"
        "  fast_dev_run: false\n"
        "  max_steps: 1\n"
        "  limit_val_batches: 0\n"
        "  logger: false\n"
        "  callbacks:\n"
        "    - class_path: modelviz_callbacks.ModelVizCallback\n"
        "      init_args: {visualizers: [repr, architecture], formats: []}\n"
    )
    subprocess.run(
        [sys.executable, "program.py", "fit", "--config=run.yaml"],
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        timeout=240,
    )
    manifest = read_manifest(tmp_path / "architecture")
    assert manifest["model"]["roots"] == [""]
    assert set(statuses(tmp_path / "architecture").values()) == {"ok"}
