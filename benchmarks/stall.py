"""How long the first training step is held up: ours against the four ways by hand.

    python benchmarks/stall.py --check

Both sides run in this process, in alternation, on the same model and batch. By hand means print,
torchinfo, torchview and torchviz one after another on the training thread, with both graphs drawn
to PNG by `dot` (by pygraphviz where there is none). Ours is what the training thread waits: making
the hook and the first hooked call, less a plain call; the drawing goes on in another process and is
over before the next round. Once with all visualizers and once with those that only watch, which
take so little that a round measures them several times. Everything is imported and warm before the
first round.
"""

import argparse
import json
import math
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygraphviz
import torch
import torchinfo
import torchview
import torchviz
from torch import Tensor, nn
from torchvision import models

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.settings import VISUALIZERS

MODELS = ("resnet18", "resnet50", "vit_b_16", "swin_t", "densenet121")
DEPTH = 3
WATCHING = ("repr", "architecture")
WATCHING_PER_ROUND = 5
LIMIT_EACH = 0.35
LIMIT_MEAN = 0.2
LIMIT_EACH_WATCHING = 0.15
LIMIT_MEAN_WATCHING = 0.05
AUTOGRAD_LIMIT_S = 60.0
# What is less than this is noise, and may come out negative.
LEAST_S = 0.001

# What a complete record has of each visualizer: texts that are ok, and DOT sources.
TEXTS = {"repr": ["modules"], "torchinfo": ["summary"], "architecture": ["graph", "table"]}
GRAPHS = {
    "torchview": ["torchview.gv"],
    "torchviz": ["autograd.gv"],
    "architecture": ["architecture.gv"],
}


@dataclass(frozen=True)
class Row:
    """Medians of one model, in seconds."""

    model: str
    step_s: float
    by_hand_s: float
    ours_s: float
    watching_s: float
    cut_off: bool

    @property
    def ratio(self) -> float:
        """Ours as a share of by hand."""
        return max(self.ours_s, LEAST_S) / self.by_hand_s

    @property
    def watching_ratio(self) -> float:
        """The same with those alone that only watch."""
        return max(self.watching_s, LEAST_S) / self.by_hand_s


def main() -> int:
    """Measures, prints the table, and checks the limits if asked to."""
    arguments = parse_arguments()
    started = load()
    rows = []
    for name in arguments.models:
        rows.append(measure(name, arguments.batch_size, arguments.repeats, arguments.device))
        print(f"measured {name}", file=sys.stderr)
    print(table(rows, arguments.batch_size, arguments.device))
    print(f"\nLoad averages: {started} at the start, {load()} at the end.")
    exceeded = list(exceeded_limits(rows))
    print("\n".join(exceeded), file=sys.stderr, end="\n" if exceeded else "")
    return int(arguments.check and bool(exceeded))


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    return parser.parse_args()


def load() -> str:
    """The machine's load over the last minute, with its number of processors."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def measure(name: str, batch_size: int, repeats: int, device: str) -> Row:
    """Measures one model on images `[batch_size, 3, 224, 224]`."""
    model = models.get_model(name, weights=None).train().to(device)
    images = torch.randn(batch_size, 3, 224, 224, device=device)
    ours(model, images, VISUALIZERS)  # warms both sides' libraries
    by_hand: list[float] = []
    held: list[float] = []
    watching: list[float] = []
    steps: list[float] = []
    cut_off = False
    for _ in range(repeats):
        # An autograd drawing that was cut off once will be again: it is counted, not repeated.
        seconds, cut_off = four_ways_by_hand(model, images, known_cut_off=cut_off)
        by_hand.append(seconds)
        held.append(ours(model, images, VISUALIZERS))
        watching += [ours(model, images, WATCHING) for _ in range(WATCHING_PER_ROUND)]
        steps.append(timed(lambda: model(images).sum().backward()))
    step_s, by_hand_s, ours_s, watching_s = map(statistics.median, (steps, by_hand, held, watching))
    return Row(name, step_s, by_hand_s, ours_s, watching_s, cut_off)


def ours(model: nn.Module, images: Tensor, visualizers: Sequence[str]) -> float:
    """Seconds that the training thread waits for us."""
    plain = timed(lambda: model(images))
    with tempfile.TemporaryDirectory() as folder:
        hooks: list[ModelVizHook] = []
        held = timed(
            lambda: hooks.append(ModelVizHook(model, folder, depth=DEPTH, visualizers=visualizers))
        )
        held += timed(lambda: model(images))
        hooks[0].close()
        check_record(Path(folder) / "architecture", visualizers)
    return held - plain


def check_record(record: Path, visualizers: Sequence[str]) -> None:
    """A recorder that fails would look fast."""
    manifest = json.loads((record / "manifest.json").read_text(encoding="utf-8"))
    made = {a["name"] for a in manifest["artifacts"] if a["status"] == "ok"}
    texts = {name for visualizer in visualizers for name in TEXTS.get(visualizer, [])}
    graphs = [name for visualizer in visualizers for name in GRAPHS.get(visualizer, [])]
    if texts - made or not all((record / graph).is_file() for graph in graphs):
        raise RuntimeError(f"the record is not complete: {manifest['artifacts']}")


def four_ways_by_hand(
    model: nn.Module, images: Tensor, *, known_cut_off: bool
) -> tuple[float, bool]:
    """Seconds of the four ways in line, and whether the autograd drawing was cut off."""
    graphs: dict[str, str] = {}

    def analyse() -> None:
        str(model)
        torchinfo.summary(model, input_data=images, mode="train", depth=DEPTH, verbose=0)
        diagram = torchview.draw_graph(
            model, images, device=images.device, mode="train", depth=DEPTH, expand_nested=True
        )
        graphs["torchview"] = diagram.visual_graph.source
        graphs["autograd"] = torchviz.make_dot(
            model(images), params=dict(model.named_parameters())
        ).source

    seconds = timed(analyse)
    seconds += timed(lambda: draw_by_hand(graphs["torchview"], None))
    if known_cut_off:
        return seconds + AUTOGRAD_LIMIT_S, True
    drawing = timed(lambda: draw_by_hand(graphs["autograd"], AUTOGRAD_LIMIT_S))
    return seconds + min(drawing, AUTOGRAD_LIMIT_S), drawing >= AUTOGRAD_LIMIT_S


def draw_by_hand(dot: str, limit_s: float | None) -> None:
    """Draws a graph to PNG in a process that can be cut off."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "graph.gv"
        source.write_text(dot, encoding="utf-8")
        if shutil.which("dot"):
            command = ["dot", "-Tpng", str(source), "-o", f"{source}.png"]
            try:
                subprocess.run(command, timeout=limit_s, check=True, stderr=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                return
        else:
            run_limited(_draw_with_pygraphviz, limit_s, str(source))


def run_limited(function: Callable[[str], None], limit_s: float | None, argument: str) -> None:
    """Runs a function in a forked process, which costs next to nothing, and cuts it off."""
    process = multiprocessing.get_context("fork").Process(target=function, args=(argument,))
    process.start()
    process.join(limit_s)
    if process.is_alive():
        process.kill()
        process.join()


def _draw_with_pygraphviz(source: str) -> None:
    graph: Any = pygraphviz.AGraph(source)
    graph.draw(f"{source}.png", prog="dot")


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes, a GPU's work included."""
    wait_for_gpu()
    started = time.perf_counter()
    action()
    wait_for_gpu()
    return time.perf_counter() - started


def wait_for_gpu() -> None:
    """Waits until what was launched on a GPU is done."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()


def exceeded_limits(rows: list[Row]) -> Iterator[str]:
    """Says what takes more than it may."""
    for row in rows:
        if row.ratio > LIMIT_EACH:
            yield f"{row.model}: all of ours, {row.ratio:.3f}"
        if row.watching_ratio > LIMIT_EACH_WATCHING:
            yield f"{row.model}: those that watch, {row.watching_ratio:.3f}"
    if (ratio := mean([row.ratio for row in rows])) > LIMIT_MEAN:
        yield f"geometric mean: all of ours, {ratio:.3f}"
    if (ratio := mean([row.watching_ratio for row in rows])) > LIMIT_MEAN_WATCHING:
        yield f"geometric mean: those that watch, {ratio:.3f}"


def mean(ratios: list[float]) -> float:
    """The geometric mean."""
    return math.exp(statistics.fmean(map(math.log, ratios)))


def table(rows: list[Row], batch_size: int, device: str) -> str:
    """The result as a Markdown table."""
    engine = "`dot -Tpng`" if shutil.which("dot") else "pygraphviz"
    conditions = (
        f"{device_name(device)}, batch [{batch_size}, 3, 224, 224], depth {DEPTH}, "
        f"by hand drawn by {engine}"
    )
    watching = " and ".join(f"`{name}`" for name in WATCHING)
    ratio = mean([row.ratio for row in rows])
    watching_ratio = mean([row.watching_ratio for row in rows])
    limits = (
        f"{LIMIT_EACH} for each and {LIMIT_MEAN} in the geometric mean; with {watching} alone "
        f"{LIMIT_EACH_WATCHING} and {LIMIT_MEAN_WATCHING}"
    )
    lines = [
        f"Seconds on the training thread, {conditions}, medians:",
        "",
        f"| model | a plain step | the four ways by hand | with us | ratio | {watching} | ratio |",
        "|---|---|---|---|---|---|---|",
        *map(_cells, rows),
        f"| geometric mean | | | | {ratio:.3f} | | {watching_ratio:.3f} |",
        "",
        f"Limits: {limits}.",
    ]
    return "\n".join(lines)


def device_name(device: str) -> str:
    """Names what the model runs on."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads"


def _cells(row: Row) -> str:
    bound = "≥ " if row.cut_off else ""
    return (
        f"| {row.model} | {row.step_s:.3f} | {bound}{row.by_hand_s:.2f} | {row.ours_s:.3f} "
        f"| {row.ratio:.3f} | {row.watching_s:.3f} | {row.watching_ratio:.3f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
