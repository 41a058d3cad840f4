"""Recordings that are killed right before each change that they make on disk.

`python -m tests.killed_recording FOLDER` leaves `results.json` there. Each recording is a fork of
one process, so that PyTorch and Lightning are imported once. What is there after one change is what
is there before the next, and so every moment is looked at.
"""

import gc
import hashlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch  # noqa: F401 - imported once, here, for all of the forks
import torch
import torchviz  # noqa: F401
from torch import nn

from modelviz_callbacks import ModelVizCallback, ModelVizHook, record_architecture
from modelviz_callbacks.archive.reference import RecordReference
from modelviz_callbacks.draw.attempt import Attempt, Outcome
from modelviz_callbacks.draw.page.process import MadePage, PageProcess
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.costs import Costs
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.recording.resume import Checkpoint, Resume
from modelviz_callbacks.records import load_record
from tests.models import TakesTensor, digits, lit, loader, trainer

MAY_DRAW = threading.Event()
PAGES = iter(range(1, 10))


def drawn_at_once(self: Any) -> Outcome:
    """Stands in for `Attempt.run`: there is a picture as soon as the step is over."""
    MAY_DRAW.wait(10)
    return Outcome({format_: self._job.name.encode() for format_ in ("svg", "png")})


def made_at_once(_: Any) -> MadePage:
    """Stands in for `PageProcess.run`: each page is another one."""
    return MadePage(f"page {next(PAGES)}".encode())


def with_pages(run: Path) -> None:
    """A plain loop; the page is made twice."""
    # Of several pictures, ours is the first: the autograd graph has more lines.
    net = nn.Sequential(*(nn.Linear(8, 8) for _ in range(40)))
    hook = ModelVizHook(net, run, depth=1, visualizers=("repr", "architecture", "torchviz"))
    net(digits()).sum().backward()
    MAY_DRAW.set()
    hook.wait()


def of_one_call(run: Path) -> None:
    record_architecture(
        TakesTensor(), (digits(),), log_dir=run, formats=(), visualizers=("architecture",)
    )


def failing_after_it_was_written(run: Path) -> None:
    """Lightning's backward pass fails: what was seen before is written anew, with the failure."""

    def fails(*_args: Any) -> None:
        raise RuntimeError("the backward pass fails")

    module = lit(TakesTensor())
    module.backward = fails
    callback = ModelVizCallback(formats=(), visualizers=("repr", "architecture"))
    try:
        trainer(run, callback, enable_checkpointing=False).fit(module, loader())
    except RuntimeError:
        return
    raise AssertionError("the step did not fail")


def resumed(run: Path) -> None:
    """A run that goes on notes that in the record that it keeps."""
    if not (run / "architecture").exists():
        of_one_call(run)
    found = load_record(run)
    reference = RecordReference(found.manifest.fingerprints, {}, found.directory)
    checkpoint = Checkpoint(str(run / "a.ckpt"), 1, 2, reference.to_state(str(run)))
    resume = Resume(checkpoint, str(run))
    assert resume.kept(found.manifest.fingerprints) is not None
    resume.note(compared=["structure"])
    resume.note(compared=["structure", "dataflow"])


CASES: dict[str, Callable[[Path], None]] = {
    "hook with pages": with_pages,
    "record_architecture": of_one_call,
    "a failing backward pass": failing_after_it_was_written,
    "a resume": resumed,
}


class Changes:
    """Watches the changes below a folder: makes a note after each manifest, kills before one."""

    def __init__(self, folder: Path, kill_before: int | None, views: list[Any]) -> None:
        self.made = 0
        self._folder = f"{folder}{os.sep}architecture"
        self._kill_before = kill_before
        self._views = views
        for module, name, place in (
            (os, "fsync", 0), (os, "replace", 1), (os, "mkdir", 0), (os, "unlink", 0),
            (os, "rmdir", 0), (Path, "open", 0),
        ):  # fmt: skip
            self._watch(module, name, place)

    def _watch(self, module: Any, name: str, place: int) -> None:
        original = getattr(module, name)

        def watched(*args: Any, **options: Any) -> Any:
            at = args[place] if len(args) > place else ""
            if isinstance(at, int):
                at = Path(f"/proc/self/fd/{at}").readlink()
            reads = name == "open" and "wb" not in args
            if reads or not str(at).startswith(self._folder):
                return original(*args, **options)
            if self.made == self._kill_before:
                os.kill(os.getpid(), signal.SIGKILL)
            self.made += 1
            result = original(*args, **options)
            if name == "replace" and str(at).endswith("manifest.json"):
                self._views.append(view(Path(self._folder).parent))
            return result

        setattr(module, name, watched)


def view(run: Path) -> dict[str, Any] | None:
    """What a reader sees of a run's record: all of it but times. None if there is none yet."""
    try:
        record = load_record(run)
    except RecordError as error:
        if "there is no record here" in str(error) or not run.exists():
            return None
        raise
    told = record.manifest
    seen: dict[str, Any] = {
        "said": [told.status, told.notes, told.exception, told.fingerprints, told.totals],
        "resumes": [resume["compared"] for resume in told.resumes],
        "artifacts": [(a.name, a.status, a.error, a.files) for a in told.artifacts],
        "files": {n: hashlib.sha256(record.read(n)).hexdigest() for n in told.files},
    }
    if "architecture.json" in told.files:
        graph = record.graph()
        found = fingerprints(graph)
        assert {kind: found[kind] for kind in told.fingerprints} == told.fingerprints
        assert Costs.of(graph).total().flops_forward == told.totals["flops_forward"]
        assert told.exception is None or graph.failure is not None
    return json.loads(json.dumps(seen))


def run_in_fork(case: str, folder: Path, kill_before: int | None) -> tuple[int, list[Any]]:
    """Runs a case.

    Returns:
        How many changes it made, and what a reader saw after each manifest; `(-1, [])` if killed.
    """
    log = folder.with_suffix(".json")
    if (child := os.fork()) == 0:
        torch.manual_seed(0)
        Attempt.run, PageProcess.run = drawn_at_once, made_at_once
        if case == "a resume":
            of_one_call(folder)
        views: list[Any] = []
        changes = Changes(folder, kill_before, views)
        CASES[case](folder)
        log.write_text(json.dumps([changes.made, views]))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return -1, []
    assert code == 0, f"{case}: {code}"
    made, views = json.loads(log.read_text())
    return made, views


def run(case: str, root: Path) -> dict[str, Any]:
    """Kills a case at every change.

    Returns:
        `views`, what a reader saw after each manifest of a recording that nobody killed; `seen`,
        what is there after each that was killed; `temporary`, how many left such a file.
    """
    made, views = run_in_fork(case, root / "whole", None)
    seen, temporary = [], 0
    for number in range(made):
        folder = root / str(number)
        assert run_in_fork(case, folder, number) == (-1, [])
        seen.append(view(folder))
        temporary += any(folder.rglob("*.tmp"))
    return {"views": views, "seen": seen, "temporary": temporary}


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Else each fork looks at everything that PyTorch made, when it ends.
    gc.freeze()
    root = Path(sys.argv[1])
    results = {case: run(case, root / str(number)) for number, case in enumerate(CASES)}
    (root / "results.json").write_text(json.dumps(results))
