"""What a record adds to the peak of memory in the first training step.

    python benchmarks/memory.py --check

A plain step is forward and backward of a model; the others are the same step with a new hook on
the model. All run in this process on the same model and batch, `[N, 3, 224, 224]`. On the CPU the
peak is that of torch's allocator, summed up from what its profiler is told of each allocation; on a
GPU it is `torch.cuda.max_memory_allocated`. Both count from what was allocated before the step.
Python's own objects, like the graph that is being built, are measured in another step by
`tracemalloc`.

- watching: `visualizers=("repr", "architecture")`, which run nothing twice.
- all: the step with all visualizers; torchinfo and torchview repeat the forward before it runs.
- replay: the two of them alone, without a step, through `record_architecture`.
"""

import argparse
import gc
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torchvision import models

from modelviz_callbacks import ModelVizHook, record_architecture
from modelviz_callbacks.settings import VISUALIZERS

MODELS = ("resnet18", "resnet50", "vit_b_16", "swin_t", "densenet121")
WATCHING = ("repr", "architecture")
REPLAYING = ("torchinfo", "torchview")
LIMIT_WATCHING = 0.02
# A replay has the activations of a forward and no gradients.
LIMIT_REPLAY = 1.0
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """Peaks of one model, in bytes above what was there before."""

    model: str
    plain: int
    watching: int
    everything: int
    replay: int
    python: int

    @property
    def extra(self) -> float:
        """What watching adds, Python's objects included, as a share of the plain step's peak."""
        return (max(self.watching - self.plain, 0) + self.python) / self.plain

    @property
    def replay_ratio(self) -> float:
        """The replay's peak as a share of the plain step's."""
        return self.replay / self.plain

    @property
    def everything_ratio(self) -> float:
        """The peak of the step with all visualizers as a share of the plain step's."""
        return self.everything / self.plain


def main() -> int:
    """Measures, prints the table, and checks the limits if asked to."""
    arguments = parse_arguments()
    rows = []
    for name in arguments.models:
        rows.append(measure(name, arguments.batch_size, torch.device(arguments.device)))
        print(f"measured {name}", file=sys.stderr)
    print(table(rows, arguments))
    exceeded = list(exceeded_limits(rows))
    print("\n".join(exceeded), file=sys.stderr, end="\n" if exceeded else "")
    return int(arguments.check and bool(exceeded))


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    return parser.parse_args()


def measure(name: str, batch_size: int, device: torch.device) -> Row:
    """Measures one model on images `[batch_size, 3, 224, 224]`."""
    model = models.get_model(name, weights=None).train().to(device)
    images = torch.randn(batch_size, 3, 224, 224, device=device)
    plain = partial(step, model, images)
    watching = partial(watched_step, model, images, WATCHING)
    for action in (plain, watching):  # libraries, algorithms and caches are there afterwards
        action()
        model.zero_grad()

    def peak(action: Callable[[], None]) -> int:
        model.zero_grad()
        gc.collect()
        return peak_of(action, device)

    return Row(
        name,
        plain=peak(plain),
        watching=peak(watching),
        everything=peak(partial(watched_step, model, images, VISUALIZERS)),
        replay=peak(partial(replay, model, images)),
        python=max(python_peak(watching) - python_peak(plain), 0),
    )


def step(model: nn.Module, images: Tensor) -> None:
    """A training step without its optimizer."""
    model(images).sum().backward()


def watched_step(model: nn.Module, images: Tensor, visualizers: Sequence[str]) -> None:
    """The same with a hook that draws no pictures."""
    with tempfile.TemporaryDirectory() as folder:
        hook = ModelVizHook(model, folder, visualizers=visualizers, formats=(), on_error="raise")
        step(model, images)
        hook.close()


def replay(model: nn.Module, images: Tensor) -> None:
    """What the libraries' extra forward needs, by itself."""
    with tempfile.TemporaryDirectory() as folder:
        record_architecture(
            model,
            (images,),
            log_dir=folder,
            visualizers=REPLAYING,
            formats=(),
            on_error="raise",
        )


def peak_of(action: Callable[[], None], device: torch.device) -> int:
    """The most that torch allocates during an action, in bytes above what was there before."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        action()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        action()
    allocated = most = 0
    events = profiler.profiler.kineto_results.events()
    for event in events:
        if event.name() == "[memory]":
            allocated += event.nbytes()
            most = max(most, allocated)
    return most


def python_peak(action: Callable[[], None]) -> int:
    """The most that Python's objects take during an action, in bytes above what was there."""
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def exceeded_limits(rows: list[Row]) -> Iterator[str]:
    """Says what takes more than it may."""
    for row in rows:
        if row.extra > LIMIT_WATCHING:
            yield f"{row.model}: watching adds {row.extra:.2%}"
        if row.replay_ratio > LIMIT_REPLAY:
            yield f"{row.model}: the replay takes {row.replay_ratio:.3f} of the step's peak"


def table(rows: list[Row], arguments: argparse.Namespace) -> str:
    """The result as a Markdown table."""
    device = torch.device(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    batch = f"[{arguments.batch_size}, 3, 224, 224]"
    lines = [
        f"Peaks above what was there before the step, MiB, {name}, batch {batch}:",
        "",
        "| model | plain step | watched | objects | added | all | ratio | replay | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_cells, rows),
        "",
        f"Limits: watching adds {LIMIT_WATCHING:.0%}; a replay takes {LIMIT_REPLAY:g} of a step.",
    ]
    return "\n".join(lines)


def _cells(row: Row) -> str:
    plain, watching, everything, replay, python = (
        f"{size_bytes / MIB:.1f}"
        for size_bytes in (row.plain, row.watching, row.everything, row.replay, row.python)
    )
    return (
        f"| {row.model} | {plain} | {watching} | {python} | {row.extra:.2%} "
        f"| {everything} | {row.everything_ratio:.3f} | {replay} | {row.replay_ratio:.3f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
