"""Promises 2 and 3: a failure of ours stops nothing, and the record tells it."""

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torchinfo
import torchview
import torchviz
from torch import Tensor, nn

from modelviz_callbacks import ModelVizCallback, ModelVizHook, ModelVizWarning, record_architecture
from modelviz_callbacks.archive import writer
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import TakesTensor, digits, lit, loader, trainer

LIBRARIES = [
    (torchinfo, "summary", "summary"),
    (torchview, "draw_graph", "torchview"),
    (torchviz, "make_dot", "autograd"),
]


def fit_with(folder: Path, **options: Any) -> Any:
    module = lit(TakesTensor())
    trainer(folder, ModelVizCallback(formats=(), **options)).fit(module, loader())
    assert len(module.losses) == 3
    return module


def explode(error: BaseException) -> Any:
    def raise_it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return raise_it


@pytest.mark.parametrize(("library", "function", "artifact"), LIBRARIES)
def test_a_raising_visualizer_costs_only_its_artifact(
    library, function, artifact, tmp_path, monkeypatch
) -> None:
    """The fit ends, the others are there, the manifest names the error, the traceback is kept."""
    monkeypatch.setattr(library, function, explode(KeyError("lost node")))
    with pytest.warns(ModelVizWarning, match="lost node") as caught:
        fit_with(tmp_path)
    assert len([w for w in caught if w.category is ModelVizWarning]) == 1
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK | {artifact: "failed"}
    (entry,) = [a for a in read_manifest(record)["artifacts"] if a["status"] == "failed"]
    assert entry["error"] == "KeyError: 'lost node'"
    assert "lost node" in (record / "errors" / f"{artifact}.txt").read_text()


@pytest.mark.parametrize("rubbish", [None, 42, "digraph {}", object()], ids=str)
@pytest.mark.parametrize(("library", "function", "artifact"), LIBRARIES)
@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_rubbish_from_a_visualizer_is_a_failure(
    library, function, artifact, rubbish, tmp_path, monkeypatch
) -> None:
    """What is no table and no graph is not taken for one."""
    monkeypatch.setattr(library, function, lambda *_a, **_k: rubbish)
    fit_with(tmp_path)
    assert statuses(find_record(tmp_path)) == ALL_OK | {artifact: "failed"}


@pytest.mark.parametrize(("library", "function", "artifact"), LIBRARIES[1:])
@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_a_graph_without_edges_is_a_failure(
    library, function, artifact, tmp_path, monkeypatch
) -> None:
    """An empty picture shows nothing; the record does not call it ok."""

    class Empty:
        source = "digraph { a; b }"
        visual_graph = property(lambda self: self)

    monkeypatch.setattr(library, function, lambda *_a, **_k: Empty())
    fit_with(tmp_path)
    (entry,) = [
        a for a in read_manifest(find_record(tmp_path))["artifacts"] if a["name"] == artifact
    ]
    assert (entry["status"], "no edges" in entry["error"]) == ("failed", True)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.parametrize(("library", "function", "artifact"), LIBRARIES)
def test_running_out_of_memory_skips_the_visualizer(
    library, function, artifact, error, tmp_path, monkeypatch
) -> None:
    """It is a reason for skipping, and the training goes on."""
    monkeypatch.setattr(library, function, explode(error))
    with pytest.warns(ModelVizWarning, match="out of memory"):
        fit_with(tmp_path)
    assert statuses(find_record(tmp_path)) == ALL_OK | {artifact: "skipped"}


def test_a_raising_repr_costs_only_the_module_tree(tmp_path) -> None:
    """A user's own __repr__ may raise anything."""

    class Shy(TakesTensor):
        def __repr__(self) -> str:
            raise ValueError("not telling")

    net = Shy()
    with pytest.warns(ModelVizWarning, match="not telling"):
        ModelVizHook(net, tmp_path, formats=())
    net(digits())
    assert statuses(find_record(tmp_path)) == ALL_OK | {"modules": "failed"}


class Broken(TakesTensor):
    """Raises in the real forward, and in replays."""

    def forward(self, x: Tensor) -> Tensor:
        raise ZeroDivisionError("the user's own")


@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_a_lightning_step_that_raises_leaves_a_record(tmp_path) -> None:
    """The exception passes on unchanged; the record says where it came from."""
    with pytest.raises(ZeroDivisionError, match="the user's own"):
        trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(Broken()), loader())
    record = find_record(tmp_path)
    manifest = read_manifest(record)
    assert manifest["status"] == "failed_step"
    assert manifest["exception"]["type"] == "ZeroDivisionError"
    assert "in forward" in (record / manifest["exception"]["traceback_file"]).read_text()
    assert (record / "modules.txt").read_text().startswith("Lit(")


def test_a_loss_that_raises_leaves_a_record_with_every_artifact(tmp_path) -> None:
    """The network ran, so all of it is shown."""

    def step(self: Any, batch: Any) -> Tensor:
        return self.loss(self(batch[0]), torch.tensor([9, 9, 9, 9]))

    with pytest.raises(IndexError):
        trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(TakesTensor(), step=step), loader())
    assert read_manifest(find_record(tmp_path))["status"] == "failed_step"
    assert statuses(find_record(tmp_path)) == ALL_OK


@pytest.mark.parametrize("error", [ZeroDivisionError("own"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_a_plain_step_that_raises_leaves_a_record(error, tmp_path) -> None:
    """Also an interrupt passes through, as the same object."""

    class Raises(TakesTensor):
        real = False

        def forward(self, x: Tensor) -> Tensor:
            if self.training and type(self).real:
                raise error
            return self.layer(x)

    net = Raises()
    hook = ModelVizHook(net, tmp_path, formats=(), visualizers=("repr",))
    Raises.real = True
    with pytest.raises(type(error)) as caught:
        net(digits())
    assert caught.value is error
    assert read_manifest(hook.directory)["status"] == "failed_step"
    assert "_call_impl" not in vars(net)


@pytest.mark.parametrize(("library", "function", "artifact"), LIBRARIES)
def test_an_interrupt_during_our_work_passes_through_and_leaves_no_mark(
    library, function, artifact, tmp_path, monkeypatch
) -> None:
    """Ctrl+C is the user's; what the replay changed is put back first."""
    monkeypatch.setattr(library, function, explode(KeyboardInterrupt()))
    net = TakesTensor()
    before = {k: type(v) for k, v in vars(net).items()}
    ModelVizHook(net, tmp_path, formats=())
    with pytest.raises(KeyboardInterrupt):
        net(digits())
    assert {k: type(v) for k, v in vars(net).items()} == before


def test_a_fit_that_fails_before_its_first_batch_has_a_record(tmp_path) -> None:
    """A data loader that raises: the module tree is there and the status is no success."""

    class BadData(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> Any:
            raise OSError("unreadable")

    bad = torch.utils.data.DataLoader(BadData(), 4)
    with pytest.raises(OSError, match="unreadable"):
        trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(TakesTensor()), bad)
    manifest = read_manifest(find_record(tmp_path))
    assert manifest["status"] == "failed_step"
    assert "before its first batch" in manifest["notes"][0]


def test_a_process_that_is_killed_in_its_first_step_leaves_a_partial_record(tmp_path) -> None:
    """The record is begun before the step: out-of-memory killers give no second chance."""
    script = f"""
import os, signal
from tests.models import TakesTensor, digits
from modelviz_callbacks import ModelVizHook
class Dies(TakesTensor):
    def forward(self, x):
        os.kill(os.getpid(), signal.SIGKILL)
net = Dies()
ModelVizHook(net, {str(tmp_path)!r})
net(digits())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=Path(__file__).parent.parent
    )
    assert done.returncode == -9
    assert read_manifest(find_record(tmp_path))["status"] == "partial"
    assert statuses(find_record(tmp_path)) == {"modules": "ok"}


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5])
def test_a_full_disk_is_one_warning_and_no_half_file(at, tmp_path, monkeypatch) -> None:
    """Whichever write it is that fails, the training goes on and no temporary file stays."""
    writes = iter(range(1_000))
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if next(writes) >= at:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(writer.os, "replace", full)
    with pytest.warns(ModelVizWarning, match="No space left") as caught:
        fit_with(tmp_path)
    assert len([w for w in caught if w.category is ModelVizWarning]) == 1
    files = [f for f in tmp_path.rglob("*") if f.is_file() and "architecture" in f.parts]
    assert [f for f in files if f.name.startswith(".") or f.suffix == ".tmp"] == []
    assert len(files) <= at
    for file in files:
        assert file.stat().st_size > 0


def test_a_run_folder_that_cannot_be_written_costs_only_the_record(tmp_path) -> None:
    """Where Lightning's own folder is refused, one warning is all."""
    taken = tmp_path / "checkpoints"
    taken.write_text("a file")
    callback = ModelVizCallback(formats=())
    module = lit(TakesTensor())
    fit = trainer(taken, callback, enable_checkpointing=False)
    with pytest.warns(ModelVizWarning, match="Give a writable folder"):
        fit.fit(module, loader())
    assert len(module.losses) == 3
    assert callback.directory is None


def test_warnings_as_errors_do_not_let_us_stop_the_training(tmp_path, monkeypatch, caplog) -> None:
    """Under `python -W error` our warning goes to the log."""
    monkeypatch.setattr(torchviz, "make_dot", explode(KeyError("lost")))
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, formats=())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelVizWarning)
        net(digits())
    assert "lost" in caplog.text
    assert statuses(hook.directory) == ALL_OK | {"autograd": "failed"}


def test_on_error_raise_lets_failures_out(tmp_path, monkeypatch) -> None:
    """For debugging a visualizer."""
    monkeypatch.setattr(torchviz, "make_dot", explode(KeyError("lost")))
    net = TakesTensor()
    ModelVizHook(net, tmp_path, formats=(), on_error="raise")
    with pytest.raises(KeyError, match="lost"):
        net(digits())


def test_lazy_parameters_are_not_replayed(tmp_path) -> None:
    """Their shapes come from the real forward; the reason is in the record."""
    net = nn.Sequential(nn.LazyLinear(4))
    with ModelVizHook(net, tmp_path, formats=()) as hook:
        net(digits())
    assert statuses(hook.directory) == ALL_OK | {"summary": "skipped", "torchview": "skipped"}
    assert "lazy" in read_manifest(hook.directory)["artifacts"][1]["error"]
    assert net[0].weight.shape == (4, 8)


def test_every_picture_failing_still_gives_a_complete_record(tmp_path, monkeypatch) -> None:
    """Without an interpreter to draw with, the DOT sources and the reasons are there."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    record = Path(record_architecture(TakesTensor(), (digits(),), log_dir=tmp_path))
    drawn = ("torchview", "autograd", "architecture")
    assert statuses(record) == ALL_OK | dict.fromkeys(drawn, "failed")
    assert (record / "torchview.gv").is_file()
    assert read_manifest(record)["status"] == "complete"
