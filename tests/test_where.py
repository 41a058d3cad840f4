"""Where the record is written, in real fits; and what happens where it cannot be."""

import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loggers.logger import Logger

from modelviz_callbacks import ModelVizCallback, ModelVizHook, ModelVizWarning, SettingsError
from modelviz_callbacks.archive import writer
from modelviz_callbacks.archive.writer import claim_record
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import TakesTensor, digits, lit, loader, trainer


class NoFolder(Logger):
    """A logger that writes to a server: it has no folder."""

    name, version = "project", "run-7"

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        pass

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass


LOGGERS = {
    "CSV": (lambda d: CSVLogger(d, name="csv"), "csv/version_0"),
    "TensorBoard and CSV": (
        lambda d: [TensorBoardLogger(d, name="board"), CSVLogger(d, name="csv")],
        "board/version_0",
    ),
    "CSV and TensorBoard": (
        lambda d: [CSVLogger(d, name="csv"), TensorBoardLogger(d, name="board")],
        "csv/version_0",
    ),
    "no folder": (lambda _: NoFolder(), "project/run-7"),
    "none": (lambda _: False, ""),
}


@pytest.mark.parametrize(("logger", "place"), LOGGERS.values(), ids=LOGGERS)
def test_the_record_lies_beside_the_checkpoints_whatever_logs(logger, place, tmp_path) -> None:
    """Lightning puts checkpoints in the first logger's folder."""
    fit = trainer(tmp_path, ModelVizCallback(formats=()), logger=logger(tmp_path))
    fit.fit(lit(TakesTensor()), loader())
    assert find_record(tmp_path) == tmp_path / place / "architecture"
    checkpoint = Path(fit.checkpoint_callback.best_model_path)
    assert checkpoint.parent == tmp_path / place / "checkpoints"
    state = torch.load(checkpoint, weights_only=True)["callbacks"]["ModelVizCallback"]
    assert state["record"] == "../architecture"


@pytest.mark.parametrize(
    ("logger", "place"),
    [(lambda d: CSVLogger(d, name="csv"), "csv/version_0"), (lambda _: NoFolder(), "")],
    ids=["CSV", "no folder"],
)
def test_without_checkpoints_the_record_lies_in_the_loggers_folder(logger, place, tmp_path) -> None:
    """Or, where that has none, in the Trainer's."""
    options = {"logger": logger(tmp_path), "enable_checkpointing": False}
    trainer(tmp_path, ModelVizCallback(formats=()), **options).fit(lit(TakesTensor()), loader())
    assert find_record(tmp_path) == tmp_path / place / "architecture"


def test_a_remote_root_holds_checkpoints_and_record() -> None:
    """`default_root_dir` in a store: nothing is written elsewhere, and the two name each other."""
    root = "memory://remote root"
    callback = ModelVizCallback(formats=("svg",))
    fit = trainer(root, callback)
    fit.fit(lit(TakesTensor()), loader())
    files = fsspec.filesystem("memory")
    assert callback.directory == "memory:///remote root/architecture"
    assert files.exists("/remote root/architecture/architecture.svg")
    with files.open(fit.checkpoint_callback.best_model_path.removeprefix("memory:/")) as file:
        state = torch.load(file, weights_only=True)["callbacks"]["ModelVizCallback"]
    assert (state["record"], state["directory"]) == ("../architecture", callback.directory)
    assert not Path("memory:").exists()


def test_a_resume_in_a_store_keeps_the_record_there() -> None:
    """And notes it, leaving no temporary file."""
    for epochs in (1, 2):
        keep = ModelCheckpoint(dirpath="memory://resumed/checkpoints", save_top_k=-1)
        fit = trainer("memory://resumed", keep, ModelVizCallback(formats=()), max_epochs=epochs)
        resumed = "memory://resumed/checkpoints/epoch=0-step=3.ckpt" if epochs == 2 else None
        fit.fit(lit(TakesTensor()), loader(), ckpt_path=resumed)
    files = fsspec.filesystem("memory")
    text = files.cat("/resumed/architecture/manifest.json").decode()
    assert '"checkpoint": "memory://resumed/checkpoints/epoch=0-step=3.ckpt"' in text
    assert not [f for f in files.find("/resumed") if f.endswith(".tmp")]
    assert not files.exists("/resumed/architecture-2")


def test_paths_with_spaces_quotes_and_letters_of_all_kinds(tmp_path) -> None:
    """The whole flow, drawing included; nothing is interpreted by a shell or by DOT."""
    folder = tmp_path / "exp 1 «ü» 'q' \"Q\" $HOME ;& 雪 %s {x} \\n"
    callback = ModelVizCallback(depth=1)
    fit = trainer(folder, callback)
    fit.fit(lit(TakesTensor()), loader())
    assert Path(callback.directory) == folder / "architecture"
    assert statuses(callback.directory) == ALL_OK
    assert (folder / "architecture" / "torchview.png").read_bytes().startswith(b"\x89PNG")
    again = ModelVizCallback(depth=1)
    checkpoint = fit.checkpoint_callback.best_model_path
    trainer(folder, again, max_epochs=2).fit(lit(TakesTensor()), loader(), ckpt_path=checkpoint)
    assert again.directory == callback.directory


def test_a_relative_folder_is_that_of_the_beginning(tmp_path, monkeypatch) -> None:
    """Training code may change the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    def step(self: Any, batch: Any) -> Any:
        os.chdir(tmp_path / "elsewhere")
        return self.loss(self(batch[0]), batch[1])

    callback = ModelVizCallback(dirpath="mine", formats=("svg",))
    hook = ModelVizHook(net := TakesTensor(), "hooked", formats=())
    trainer("root", callback, enable_checkpointing=False).fit(
        lit(TakesTensor(), step=step), loader()
    )
    net(digits())
    assert statuses(tmp_path / "mine" / "architecture") == ALL_OK
    assert statuses(tmp_path / "hooked" / "architecture") == ALL_OK
    assert callback.directory == str(tmp_path / "mine" / "architecture")
    assert hook.directory == str(tmp_path / "hooked" / "architecture")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_linked_run_folder_is_written_through_its_link(tmp_path) -> None:
    """`runs/latest`, also where a resume takes another way to it."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "latest").symlink_to("disk")
    keep = ModelCheckpoint(dirpath=tmp_path / "latest" / "checkpoints", save_top_k=-1)
    trainer(tmp_path, keep, ModelVizCallback(formats=())).fit(lit(TakesTensor()), loader())
    assert (tmp_path / "disk" / "architecture" / "manifest.json").is_file()
    again = ModelVizCallback(formats=(), dirpath=tmp_path / "latest")
    trainer(tmp_path, again, max_epochs=2, enable_checkpointing=False).fit(
        lit(TakesTensor()), loader(), ckpt_path=keep.best_model_path
    )
    assert len(read_manifest(tmp_path / "disk" / "architecture")["resumes"]) == 1
    assert not (tmp_path / "disk" / "architecture-2").exists()


LONG = "/".join(["n" * 250] * 17)


def long_folder(tmp_path: Path, room: int) -> str:
    """Gives a path that leaves a record in it so many characters."""
    most = os.pathconf("/", "PC_PATH_MAX") - room - len("/architecture")
    return f"{tmp_path}/{LONG}"[:most].rstrip("/")


def test_a_path_that_is_too_long_is_refused_early(tmp_path) -> None:
    """As every other folder that cannot be."""
    with pytest.raises(SettingsError, match="too long"):
        ModelVizCallback(dirpath=long_folder(tmp_path, -200))


@pytest.mark.parametrize("room", [30, 400], ids=["no room for files", "fits"])
def test_very_long_paths_are_written_or_told(room, tmp_path) -> None:
    """At the operating system's limit: one warning, and nothing is left half."""
    callback = ModelVizCallback(dirpath=long_folder(tmp_path, room), formats=())
    module = lit(TakesTensor())
    fit = trainer(tmp_path, callback, enable_checkpointing=False)
    if room == 400:
        fit.fit(module, loader())
        assert statuses(callback.directory) == ALL_OK
    else:
        with pytest.warns(ModelVizWarning, match="too long") as caught:
            fit.fit(module, loader())
        assert len([w for w in caught if w.category is ModelVizWarning]) == 1
        assert callback.directory is None
        assert not any(names for _, _, names in os.walk(tmp_path))
        assert not any("architecture" in folders for _, folders, _ in os.walk(tmp_path))
    assert len(module.losses) == 3


def test_a_read_only_folder_costs_only_the_record(tmp_path) -> None:
    """As somebody whom permissions bind: one warning, all batches are trained."""
    tmp_path.chmod(0o755)
    for part in tmp_path.parents:
        if part.owner() == tmp_path.owner() and part != Path("/tmp"):
            part.chmod(part.stat().st_mode | 0o055)
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    script = f"""
import os, sys, warnings
import torch, lightning
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
from modelviz_callbacks import ModelVizCallback, ModelVizWarning
from tests.models import TakesTensor, lit, loader, trainer
warnings.simplefilter("always")
# The interpreter's own files may be closed to nobody: what imports more is left out.
callback = ModelVizCallback(formats=(), visualizers=("repr", "architecture"))
module = lit(TakesTensor())
with warnings.catch_warnings(record=True) as caught:
    fit = trainer({str(folder)!r}, callback, enable_checkpointing=False)
    fit.fit(module, loader())
(warning,) = [str(w.message) for w in caught if w.category is ModelVizWarning]
assert "Permission denied" in warning, warning
assert (len(module.losses), callback.directory) == (3, None)
try:
    ModelVizCallback(dirpath={str(folder)!r})
except ValueError as error:
    assert "cannot be written" in str(error)
else:
    raise AssertionError("dirpath= is checked early")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []


class Removes(Callback):
    """Somebody else's clean-up: it removes the run's folder at some time."""

    def __init__(self, folder: Path, when: str) -> None:
        self.folder, self.when = folder, when

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if self.when == "before the first step":
            shutil.rmtree(self.folder)

    def on_train_batch_end(self, *args: Any) -> None:
        if self.when == "after the first step" and self.folder.exists():
            shutil.rmtree(self.folder)


def test_a_folder_that_is_removed_before_the_first_step_is_made_anew(tmp_path, recwarn) -> None:
    """The record is complete, and says so; a clean-up at the start costs nothing."""
    folder = tmp_path / "run"
    callback = ModelVizCallback(dirpath=folder, formats=("svg",))
    cleans = Removes(folder, "before the first step")
    trainer(tmp_path, callback, cleans).fit(lit(TakesTensor()), loader())
    assert statuses(folder / "architecture") == ALL_OK
    assert (folder / "architecture" / "modules.txt").read_text("utf-8").startswith("Lit(")
    manifest = read_manifest(folder / "architecture")
    assert any("removed" in note for note in manifest["notes"])
    for artifact in manifest["artifacts"]:
        assert all((folder / "architecture" / name).is_file() for name in artifact["files"])
    assert [w for w in recwarn if w.category is ModelVizWarning] == []


@pytest.mark.parametrize("removed", ["run", "run/architecture"])
def test_a_folder_that_is_removed_while_it_is_drawn_in_stays_removed(removed, tmp_path) -> None:
    """One warning; no lonely picture comes back after the clean-up."""
    folder = tmp_path / removed
    module = lit(TakesTensor())
    callback = ModelVizCallback(dirpath=tmp_path / "run")
    fit = trainer(tmp_path, callback, Removes(folder, "after the first step"))
    with pytest.warns(ModelVizWarning, match="is incomplete") as caught:
        fit.fit(module, loader())
    assert len([w for w in caught if w.category is ModelVizWarning]) == 1
    assert len(module.losses) == 3
    assert not folder.exists()


@pytest.mark.parametrize("at", [0, 1, 4, 40])
def test_a_full_disk_in_the_middle_of_a_file_leaves_no_part_of_it(
    at, tmp_path, monkeypatch
) -> None:
    """One warning; what is there is whole, and an empty folder is not left."""
    writes = iter(range(1_000))
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if next(writes) >= at:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(writer.os, "fsync", full)
    callback = ModelVizCallback(dirpath=tmp_path / "run", formats=("svg",))
    module = lit(TakesTensor())
    fit = trainer(tmp_path, callback, enable_checkpointing=False)
    if at == 40:
        fit.fit(module, loader())
    else:
        with pytest.warns(ModelVizWarning, match="No space left") as caught:
            fit.fit(module, loader())
        assert len([w for w in caught if w.category is ModelVizWarning]) == 1
    files = [f for f in (tmp_path / "run").rglob("*") if f.is_file()]
    assert [f for f in files if f.name.startswith(".") or not f.stat().st_size] == []
    assert (tmp_path / "run" / "architecture").exists() is (at > 0)
    assert len(module.losses) == 3


def test_a_limit_on_files_is_a_real_full_disk(tmp_path) -> None:
    """The kernel refuses in the middle of a write: the part that was written is removed."""
    script = f"""
import resource, signal, warnings
from modelviz_callbacks import ModelVizHook, ModelVizWarning
from tests.models import TakesTensor, digits
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with ModelVizHook(net := TakesTensor(), {str(tmp_path)!r}, formats=()) as hook:
        net(digits())
(warning,) = [w for w in caught if w.category is ModelVizWarning]
assert "File too large" in str(warning.message), warning.message
assert "is incomplete" in str(warning.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert files
    assert all(0 < f.stat().st_size <= 3_000 and not f.name.startswith(".") for f in files)


def test_a_store_that_refuses_is_one_warning(tmp_path, monkeypatch) -> None:
    """Stores raise errors of their own kinds."""
    from fsspec.implementations.memory import MemoryFileSystem

    class AccessDeniedError(Exception):
        pass

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AccessDeniedError("no such bucket")

    callback = ModelVizCallback(dirpath="memory://refused", formats=("svg",))
    module = lit(TakesTensor())
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    with pytest.warns(ModelVizWarning, match="no such bucket") as caught:
        trainer(tmp_path, callback).fit(module, loader())
    assert len([w for w in caught if w.category is ModelVizWarning]) == 1
    assert len(module.losses) == 3


def _record(folder: str, start: Any, number: int) -> None:
    start.wait()
    for _ in range(10):
        claim_record(folder).write("manifest.json", f'"{number}"')


def test_several_processes_at_the_same_moment_share_no_record(tmp_path) -> None:
    """A sweep that starts its runs in one folder."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    children = [context.Process(target=_record, args=(str(tmp_path), start, n)) for n in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    contents = [f.read_text() for f in tmp_path.rglob("manifest.json")]
    assert sorted(contents) == ['"0"'] * 10 + ['"1"'] * 10 + ['"2"'] * 10
