"""Trainings that are interrupted, each in a process of its own, with us and without us.

`python -m tests.interrupted_run FOLDER` runs them all and leaves `results.json` there. They are
forks of one process, so that PyTorch and Lightning are imported once; each ends as an interpreter
does, with its `atexit` functions.
"""

import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch
import torchinfo  # noqa: F401 - imported once, here, for all of the forks
import torchview  # noqa: F401
import torchviz  # noqa: F401
from torch import Tensor

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from modelviz_callbacks.archive import writer
from modelviz_callbacks.draw.attempt import Attempt, Outcome
from tests.models import TakesTensor, digits, lit, loader, trainer

# Nobody may wait for pictures as long as that.
DRAWING_S = 60.0


def drawing_without_end(self: Any) -> Outcome:
    """Stands in for `Attempt.run`: a picture that is never there in time."""
    while not self._child._stopped:
        time.sleep(0.01)
    return Outcome(error="stopped")


def kill(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


class Interrupted(TakesTensor):
    """Is interrupted in one of its calls."""

    def __init__(self, interrupt: Callable[[], None], at: int) -> None:
        super().__init__()
        self._interrupt, self._at = interrupt, at
        # A replay puts back everything else.
        self._calls: SimpleQueue[int] = SimpleQueue()

    def forward(self, x: Tensor) -> Tensor:
        self._calls.put(1)
        if self._calls.qsize() == self._at:
            self._interrupt()
        return self.layer(x)


def with_lightning(interrupt: Callable[[], None], folder: Path, ours: bool) -> None:
    """Is interrupted in the first training step."""

    def step(self: Any, batch: Any) -> Tensor:
        loss = self.loss(self(batch[0]), batch[1])
        interrupt()
        return loss

    callbacks = [ModelVizCallback(draw_timeout_s=DRAWING_S)] if ours else []
    module = lit(TakesTensor(), step=step)
    fit = trainer(folder, *callbacks, enable_checkpointing=False)
    try:
        fit.fit(module, loader())
    finally:
        sys.stdout.write(f"left: {sorted(vars(module))} {module.losses}")


def in_our_replay(folder: Path, ours: bool) -> None:
    """The first call of the network is our replay, else the real one."""
    callbacks = [ModelVizCallback(draw_timeout_s=DRAWING_S)] if ours else []
    module = lit(Interrupted(kill(signal.SIGINT), at=1))
    try:
        trainer(folder, *callbacks, enable_checkpointing=False).fit(module, loader())
    finally:
        left = [sorted(vars(part)) for part in (module, module.net)]
        sys.stdout.write(f"left: {left} {module.losses}")


def interrupt_the_writing() -> None:
    """Has Ctrl+C come while the record is written."""
    original = writer._LocalWriter.write

    def write(self: Any, name: str, content: Any) -> None:
        if name == "summary.txt":
            os.kill(os.getpid(), signal.SIGINT)
        original(self, name, content)

    writer._LocalWriter.write = write


def in_our_writing(folder: Path, ours: bool) -> None:
    """Ctrl+C comes while Lightning's first step is written, right after it."""
    interrupt_the_writing()
    callbacks = [ModelVizCallback(draw_timeout_s=DRAWING_S)] if ours else []
    module = lit(TakesTensor())
    if not ours:
        module.on_train_batch_end = lambda *_args: os.kill(os.getpid(), signal.SIGINT)
    trainer(folder, *callbacks, enable_checkpointing=False).fit(module, loader())


def with_hook(
    interrupt: Callable[[], None], folder: Path, ours: bool, at: int = 1, replayed: bool = False
) -> None:
    """Is interrupted in a call of a plain loop, or in our replay, which is one call more."""
    net = Interrupted(interrupt, at + (ours and not replayed))
    if ours:
        ModelVizHook(net, folder, draw_timeout_s=DRAWING_S)
    try:
        for _ in range(3):
            net(digits()).sum().backward()
    finally:
        sys.stdout.write(f"left: {sorted(vars(net))}")


def in_the_hooks_writing(folder: Path, ours: bool) -> None:
    """Ctrl+C comes while a plain loop's first step is written, after it."""
    interrupt_the_writing()
    net = TakesTensor()
    if ours:
        ModelVizHook(net, folder, draw_timeout_s=DRAWING_S)
    net(digits())
    os.kill(os.getpid(), signal.SIGINT)


def within_hook(folder: Path, ours: bool) -> None:
    """Ctrl+C in the second step, in a `with` block."""
    net = Interrupted(kill(signal.SIGINT), 2 + ours)
    if ours:
        with ModelVizHook(net, folder, draw_timeout_s=DRAWING_S):
            net(digits())
            net(digits())
    net(digits())
    net(digits())


def while_it_waits(folder: Path, ours: bool) -> None:
    """Ctrl+C by someone who does not want to wait for pictures after all."""
    net = TakesTensor()
    hook = ModelVizHook(net, folder, draw_timeout_s=DRAWING_S) if ours else None
    net(digits())
    threading.Timer(0.3, kill(signal.SIGINT)).start()
    if hook is not None:
        hook.wait()
    time.sleep(DRAWING_S)


def case(run: Callable[..., None], *args: Any, **options: Any) -> Callable[[Path, bool], None]:
    return lambda folder, ours: run(*args, folder, ours, **options)


CASES: dict[str, Callable[[Path, bool], None]] = {
    "lightning, SIGTERM": case(with_lightning, kill(signal.SIGTERM)),
    "lightning, SIGINT": case(with_lightning, kill(signal.SIGINT)),
    "lightning, SIGKILL": case(with_lightning, kill(signal.SIGKILL)),
    "lightning, sys.exit": case(with_lightning, lambda: sys.exit(3)),
    "lightning, os._exit": case(with_lightning, lambda: os._exit(5)),
    "lightning, SIGINT in our replay": in_our_replay,
    "lightning, SIGINT in our writing": in_our_writing,
    "hook, SIGINT": case(with_hook, kill(signal.SIGINT)),
    "hook, SIGTERM": case(with_hook, kill(signal.SIGTERM)),
    "hook, SIGKILL": case(with_hook, kill(signal.SIGKILL)),
    "hook, sys.exit": case(with_hook, lambda: sys.exit(3)),
    "hook, os._exit": case(with_hook, lambda: os._exit(5)),
    "hook, SIGINT in our replay": case(with_hook, kill(signal.SIGINT), replayed=True),
    "hook, SIGINT in our writing": in_the_hooks_writing,
    "hook, SIGINT in the second step": case(with_hook, kill(signal.SIGINT), at=2),
    "hook, SIGINT in a with block": within_hook,
    "hook, SIGINT while it waits": while_it_waits,
}


def run(name: str, folder: Path, *, ours: bool) -> dict[str, Any]:
    """Runs a case in a fork.

    Returns:
        How it ended: `code` (negative: a signal), `seconds`, `stdout`, the last line of `stderr`.
    """
    folder.mkdir(parents=True)
    started = time.monotonic()
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        for stream, number in (("stdout", 1), ("stderr", 2)):
            file = os.open(folder / stream, os.O_CREAT | os.O_WRONLY)
            os.dup2(file, number)
        Attempt.run = drawing_without_end
        torch.manual_seed(0)
        CASES[name](folder / "run", ours)
        # Out of everything: the interpreter ends as it does after a script.
        raise SystemExit
    _, status = os.waitpid(child, 0)
    errors = (folder / "stderr").read_text().strip().splitlines()
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - started,
        "stdout": (folder / "stdout").read_text(),
        "stderr": errors[-1] if errors else "",
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Else each fork looks at everything that PyTorch made, when it ends.
    gc.freeze()
    root = Path(sys.argv[1])
    results = {}
    for number, name in enumerate(CASES):
        results[name] = {
            which: run(name, root / str(number) / which, ours=which == "with")
            for which in ("without", "with")
        } | {"folder": str(root / str(number) / "with" / "run")}
    (root / "results.json").write_text(json.dumps(results, indent=1))
