"""What watching the first training step costs: against a plain step, and as a model grows.

    python benchmarks/watch.py --check

A watched step is forward and backward of a model with a hook that has
`visualizers=("architecture",)` and draws no pictures; a plain step is the same without the hook.
Both run in this process, in alternation, and what is counted in one is not remembered in the next.
Of the watched step are told apart:

- watching: from the call of the model to the end of backward, less writing. All that the training
  thread pays while the step runs is in it: describing the batch, seeing each call and operation,
  following the tensors. Making the hook, before the step, is not; it has a column of its own.
- writing: what the hook does when the model's call is over. It counts the FLOPs, and makes and
  writes the graph as JSON, the table, the DOT source and the manifest.

The ratios are medians of the ratios of a watched step and the plain one beside it: what else runs
on the machine slows down both.

The second part watches GPTs of growing depth, to see that nothing grows faster than the model. It
runs on one thread and counts that thread's processor time, which other programs hardly change.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torchvision import models

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.recording.recorder import Recorder
from modelviz_callbacks.table.architecture_table import architecture_table

MODELS = ("resnet18", "resnet50", "vit_b_16", "swin_t", "densenet121")
LAYERS = (12, 24, 48, 96)
TOKENS = (2, 32)
DEPTH = 3
ARTIFACTS = ("graph", "table", "architecture")
LIMIT_EACH = 1.5
LIMIT_MEAN = 1.25
LIMIT_DOUBLING = 2.2
LIMIT_DEEPEST_S = 1.5

Clock = Callable[[], float]


class Gpt(nn.Module):
    """A decoder of causal blocks, written out as in most research code."""

    def __init__(self, layers: int, width: int = 64, vocabulary: int = 128) -> None:
        """Makes a decoder with `layers` blocks for at most 32 tokens."""
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(TOKENS[1], width)
        self.blocks = nn.ModuleList([Block(width) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Maps tokens `[N, T]` to logits `[N, T, vocabulary]`."""
        hidden = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            hidden = block(hidden)
        logits: Tensor = self.head(self.norm(hidden))
        return logits


class Block(nn.Module):
    """Attention and a perceptron, each behind a norm and beside a residual."""

    def __init__(self, width: int) -> None:
        """Makes a block for `[N, T, width]`."""
        super().__init__()
        self.norm_1 = nn.LayerNorm(width)
        self.attention = Attention(width)
        self.norm_2 = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Maps `[N, T, width]` to the same shape."""
        hidden = hidden + self.attention(self.norm_1(hidden))
        output: Tensor = hidden + self.perceptron(self.norm_2(hidden))
        return output


class Attention(nn.Module):
    """Causal attention with four heads."""

    def __init__(self, width: int) -> None:
        """Makes an attention for `[N, T, width]`."""
        super().__init__()
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Maps `[N, T, width]` to the same shape."""
        batch, length, width = hidden.shape
        heads = self.project_in(hidden).view(batch, length, 3, 4, width // 4)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        output: Tensor = self.project_out(mixed.transpose(1, 2).reshape(batch, length, width))
        return output


@dataclass(frozen=True)
class Watched:
    """One watched step, in seconds.

    Attributes:
        making_s: Making the hook, before the step.
        watching_s: The step itself, forward and backward, without writing.
        writing_s: Writing, when the model's call is over.
    """

    making_s: float
    watching_s: float
    writing_s: float


@dataclass(frozen=True)
class Row:
    """Medians of one model, in seconds.

    Attributes:
        model: Its name.
        plain_s: A plain step.
        watched: A watched one.
        ratio: A watched step, without the writing, in plain ones.
        whole_ratio: The same with the writing.
    """

    model: str
    plain_s: float
    watched: Watched
    ratio: float
    whole_ratio: float


@dataclass(frozen=True)
class Growth:
    """What a GPT of some layers costs; processor times, the shortest of all repeats.

    Attributes:
        layers: How many blocks it has.
        plain_s: A plain step.
        watching_s: What a watched step takes more, without writing.
        writing_s: All that is done at its end.
        peak_bytes: The most that Python objects of the watching took at once.
        json_s: Making the graph's JSON.
        table_s: Making the table.
        dot_s: Making the DOT source.
        json_bytes: Size of `architecture.json`.
        dot_bytes: Size of `architecture.gv`.
    """

    layers: int
    plain_s: float
    watching_s: float
    writing_s: float
    peak_bytes: int
    json_s: float
    table_s: float
    dot_s: float
    json_bytes: int
    dot_bytes: int


GROWING = {
    "watching_s": "watching",
    "writing_s": "writing",
    "json_s": "of it JSON",
    "table_s": "table",
    "dot_s": "DOT",
    "peak_bytes": "peak of watching",
    "json_bytes": "JSON",
    "dot_bytes": "DOT",
}


def main() -> int:
    """Measures, prints the tables, and checks the limits if asked to."""
    arguments = parse_arguments()
    started = load()
    rows = []
    for name in arguments.models:
        rows.append(measure(name, arguments.batch_size, arguments.repeats, arguments.device))
        print(f"measured {name}", file=sys.stderr)
    print(table(rows, arguments.batch_size, arguments.repeats, arguments.device), end="\n\n")
    grown = []
    torch.set_num_threads(1)
    for layers in arguments.layers:
        grown.append(measure_growth(layers, arguments.gpt_repeats))
        print(f"measured a GPT of {layers} layers", file=sys.stderr)
    print(growth_table(grown, arguments.gpt_repeats), end="\n\n")
    print(f"Load averages: {started} at the start, {load()} at the end.")
    exceeded = [*exceeded_limits(rows), *exceeded_growth(grown)]
    print("\n".join(exceeded), file=sys.stderr, end="\n" if exceeded else "")
    return int(arguments.check and bool(exceeded))


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--models", nargs="*", choices=MODELS, default=MODELS)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--layers", nargs="*", type=int, default=LAYERS)
    parser.add_argument("--gpt-repeats", type=int, default=15)
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    return parser.parse_args()


def load() -> str:
    """The machine's load over the last minute, with its number of processors."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


# A watched step against a plain one.


def measure(name: str, batch_size: int, repeats: int, device: str) -> Row:
    """Measures one model on images `[batch_size, 3, 224, 224]`."""
    model = models.get_model(name, weights=None).train().to(device)
    images = torch.randn(batch_size, 3, 224, 224, device=device)
    plain, watched = alternated(model, images, repeats, wall_clock)
    pairs = list(zip(plain, watched, strict=True))
    return Row(
        name,
        statistics.median(plain),
        summarized(watched, statistics.median),
        statistics.median(one.watching_s / plain_s for plain_s, one in pairs),
        statistics.median((one.watching_s + one.writing_s) / plain_s for plain_s, one in pairs),
    )


def wall_clock() -> float:
    """Seconds, once what was launched on a GPU is done."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
    return time.perf_counter()


def alternated(
    model: nn.Module, inputs: Tensor, repeats: int, clock: Clock
) -> tuple[list[float], list[Watched]]:
    """Runs plain and watched steps in turns, after one of each to warm up."""
    plain: list[float] = []
    watched: list[Watched] = []
    for _ in range(repeats + 1):
        plain.append(timed(lambda: step(model, inputs), clock))
        watched.append(watched_step(model, inputs, clock))
    return plain[1:], watched[1:]


def summarized(watched: list[Watched], summary: Callable[[list[float]], float]) -> Watched:
    """Summarizes each figure of some steps."""
    return Watched(
        summary([one.making_s for one in watched]),
        summary([one.watching_s for one in watched]),
        summary([one.writing_s for one in watched]),
    )


def step(model: nn.Module, inputs: Tensor) -> None:
    """One training step, without an optimizer."""
    model(inputs).sum().backward()


def watched_step(model: nn.Module, inputs: Tensor, clock: Clock) -> Watched:
    """Watches a step as the first one of a run, and looks whether its record is complete."""
    with tempfile.TemporaryDirectory() as folder:
        hooks: list[ModelVizHook] = []
        making_s = timed(lambda: hooks.append(make_hook(model, folder)), clock)
        with stopwatch(clock) as writing_s:
            whole_s = timed(lambda: step(model, inputs), clock)
        hooks[0].close()
        check_record(Path(folder) / "architecture")
    return Watched(making_s, whole_s - writing_s[0], writing_s[0])


def make_hook(model: nn.Module, folder: str) -> ModelVizHook:
    """Arms a hook that only watches."""
    return ModelVizHook(
        model, folder, depth=DEPTH, visualizers=("architecture",), formats=(), on_error="raise"
    )


@contextmanager
def stopwatch(clock: Clock, before: Callable[[], object] = lambda: None) -> Iterator[list[float]]:
    """Times what a recorder does when the first step is over; `before` is called right before."""
    close = Recorder.close
    seconds: list[float] = []

    def timed_close(recorder: Recorder, *args: Any, **kwargs: Any) -> None:
        before()
        seconds.append(timed(lambda: close(recorder, *args, **kwargs), clock))

    with mock.patch.object(Recorder, "close", timed_close):
        yield seconds


def check_record(record: Path) -> None:
    """A recorder that fails would look fast."""
    manifest = json.loads((record / "manifest.json").read_text(encoding="utf-8"))
    made = {a["name"] for a in manifest["artifacts"] if a["status"] == "ok"}
    if not made.issuperset(ARTIFACTS):
        raise RuntimeError(f"the record is not complete: {manifest['artifacts']}")


# How it grows.


def measure_growth(layers: int, repeats: int) -> Growth:
    """Measures a GPT on tokens of the shape `TOKENS`."""
    model = Gpt(layers).train()
    tokens = torch.randint(0, 128, TOKENS)
    plain, steps = alternated(model, tokens, repeats, time.thread_time)
    plain_s, watched = min(plain), summarized(steps, min)
    graph = watched_graph(model, tokens)
    text, dot = graph.to_json(), architecture_dot(graph, DEPTH)[0]
    return Growth(
        layers,
        plain_s,
        watched.watching_s - plain_s,
        watched.writing_s,
        peak_bytes(model, tokens),
        shortest(graph.to_json, repeats),
        shortest(lambda: architecture_table(graph, DEPTH), repeats),
        shortest(lambda: architecture_dot(graph, DEPTH), repeats),
        len(text.encode()),
        len(dot.encode()),
    )


def watched_graph(model: nn.Module, inputs: Tensor) -> ArchitectureGraph:
    """Gives the graph of a watched step, as its record has it."""
    with tempfile.TemporaryDirectory() as folder:
        with make_hook(model, folder):
            step(model, inputs)
        text = (Path(folder) / "architecture" / "architecture.json").read_text(encoding="utf-8")
    return ArchitectureGraph.from_json(text)


def peak_bytes(model: nn.Module, inputs: Tensor) -> int:
    """The most bytes that the watching's Python objects take, from the call to the writing."""
    peaks: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        hook = make_hook(model, folder)
        with stopwatch(time.thread_time, lambda: peaks.append(tracemalloc.get_traced_memory()[1])):
            tracemalloc.start()
            step(model, inputs)
            tracemalloc.stop()
        hook.close()
    return peaks[0]


def shortest(action: Callable[[], object], repeats: int) -> float:
    """The shortest of some runs, in seconds of the processor."""
    return min(timed(action, time.thread_time) for _ in range(repeats))


def timed(action: Callable[[], object], clock: Clock) -> float:
    """Seconds that an action takes."""
    started = clock()
    action()
    return clock() - started


# The limits.


def exceeded_limits(rows: list[Row]) -> Iterator[str]:
    """Says which models cost more than they may."""
    for row in rows:
        if row.ratio > LIMIT_EACH:
            yield f"{row.model}: a watched step takes {row.ratio:.2f} plain ones"
    if rows and mean([row.ratio for row in rows]) > LIMIT_MEAN:
        yield f"geometric mean: a watched step takes {mean([r.ratio for r in rows]):.2f} plain ones"


def exceeded_growth(grown: list[Growth]) -> Iterator[str]:
    """Says what grows faster than it may."""
    for small, large in itertools.pairwise(grown):
        for name in GROWING:
            factor = factor_by_doubling(small, large, name)
            if factor > LIMIT_DOUBLING:
                yield f"{name} from {small.layers} to {large.layers} layers: {factor:.2f} ×"
    if grown and grown[-1].watching_s > LIMIT_DEEPEST_S:
        yield f"{grown[-1].layers} layers: watching takes {grown[-1].watching_s:.2f} s"


def factor_by_doubling(small: Growth, large: Growth, name: str) -> float:
    """How many times as much it is with twice as many layers."""
    doublings = math.log2(large.layers / small.layers)
    factor: float = (getattr(large, name) / getattr(small, name)) ** (1 / doublings)
    return factor


def mean(ratios: list[float]) -> float:
    """The geometric mean."""
    return math.exp(statistics.fmean(map(math.log, ratios)))


# The tables.


def table(rows: list[Row], batch_size: int, repeats: int, device: str) -> str:
    """The first part as a Markdown table."""
    name = f"{torch.get_num_threads()} CPU threads"
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(device)
    batch = f"[{batch_size}, 3, 224, 224]"
    conditions = f"batch {batch}, depth {DEPTH}, {name}, medians of {repeats}"
    lines = [
        f"Seconds of a training step (forward and backward), {conditions}:",
        "",
        "| model | plain | watched | ratio | writing | all of it | ratio | making the hook |",
        "|---|---|---|---|---|---|---|---|",
        *map(_cells, rows),
    ]
    if rows:
        ratio, whole = mean([row.ratio for row in rows]), mean([row.whole_ratio for row in rows])
        lines.append(f"| geometric mean | | | {ratio:.3f} | | | {whole:.3f} | |")
    lines += ["", f"Limits on the first ratio: {LIMIT_EACH} each, {LIMIT_MEAN} in the mean."]
    return "\n".join(lines)


def _cells(row: Row) -> str:
    watched = row.watched
    return (
        f"| {row.model} | {row.plain_s:.3f} | {watched.watching_s:.3f} | {row.ratio:.3f} "
        f"| {watched.writing_s:.3f} | {watched.watching_s + watched.writing_s:.3f} "
        f"| {row.whole_ratio:.3f} | {watched.making_s:.3f} |"
    )


def growth_table(grown: list[Growth], repeats: int) -> str:
    """The second part as a Markdown table."""
    conditions = (
        f"milliseconds of one thread, the shortest of {repeats}, then KiB; in brackets, how many "
        "times as much for twice the layers"
    )
    lines = [
        f"A GPT on tokens {list(TOKENS)}, {conditions}:",
        "",
        f"| layers | a plain step | {' | '.join(GROWING.values())} |",
        f"|---|---|{'---|' * len(GROWING)}",
    ]
    for small, large in zip([None, *grown], grown, strict=False):
        cells = (_grown(small, large, name) for name in GROWING)
        lines.append(f"| {large.layers} | {1000 * large.plain_s:.1f} | {' | '.join(cells)} |")
    limits = f"{LIMIT_DOUBLING} × for twice the layers; watching, {LIMIT_DEEPEST_S} s for the last"
    return "\n".join([*lines, "", f"Limits: {limits}."])


def _grown(small: Growth | None, large: Growth, name: str) -> str:
    value = getattr(large, name)
    shown = f"{1000 * value:.1f}" if name.endswith("_s") else f"{value / 1024:.0f}"
    return shown if small is None else f"{shown} ({factor_by_doubling(small, large, name):.2f})"


if __name__ == "__main__":
    sys.exit(main())
