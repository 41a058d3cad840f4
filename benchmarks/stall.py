"""How long the first training step is held up: ours against the four ways by hand.

    python benchmarks/stall.py --check

Both sides run in this process, in alternation, on the same model and batch. By hand means print,
torchinfo, torchview and torchviz one after another on the training thread, with both graphs drawn
to PNG by `dot` (by pygraphviz where there is none). Ours is what the training thread waits: making
the hook and the first hooked call, less a plain call; the drawing goes on in another process and is
over before the next round. Everything is imported and warm before the first round.
"""

import argparse
import json
import math
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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

MODELS = ("resnet18", "resnet50", "vit_b_16", "swin_t", "densenet121")
DEPTH = 3
LIMIT_EACH = 0.35
LIMIT_MEAN = 0.2
AUTOGRAD_LIMIT_S = 60.0


@dataclass(frozen=True)
class Row:
    """Medians of one model, in seconds."""

    model: str
    step_s: float
    by_hand_s: float
    ours_s: float
    cut_off: bool

    @property
    def ratio(self) -> float:
        """Ours as a share of by hand."""
        return self.ours_s / self.by_hand_s


def main() -> int:
    """Measures, prints the table, and checks the limits if asked to."""
    arguments = parse_arguments()
    rows = []
    for name in arguments.models:
        rows.append(measure(name, arguments.batch_size, arguments.repeats))
        print(f"measured {name}", file=sys.stderr)
    print(table(rows, arguments.batch_size))
    failed = any(row.ratio > LIMIT_EACH for row in rows) or mean_ratio(rows) > LIMIT_MEAN
    return int(arguments.check and failed)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    return parser.parse_args()


def measure(name: str, batch_size: int, repeats: int) -> Row:
    """Measures one model on images `[batch_size, 3, 224, 224]`."""
    model = models.get_model(name, weights=None).train()
    images = torch.randn(batch_size, 3, 224, 224)
    ours(model, images)  # warms both sides' libraries
    by_hand: list[float] = []
    held: list[float] = []
    steps: list[float] = []
    cut_off = False
    for _ in range(repeats):
        # An autograd drawing that was cut off once will be again: it is counted, not repeated.
        seconds, cut_off = four_ways_by_hand(model, images, known_cut_off=cut_off)
        by_hand.append(seconds)
        held.append(ours(model, images))
        steps.append(timed(lambda: model(images).sum().backward()))
    step_s, by_hand_s, ours_s = (statistics.median(values) for values in (steps, by_hand, held))
    return Row(name, step_s, by_hand_s, ours_s, cut_off)


def ours(model: nn.Module, images: Tensor) -> float:
    """Seconds that the training thread waits for us."""
    plain = timed(lambda: model(images))
    with tempfile.TemporaryDirectory() as folder:
        hooks: list[ModelVizHook] = []
        held = timed(lambda: hooks.append(ModelVizHook(model, folder, depth=DEPTH)))
        held += timed(lambda: model(images))
        hooks[0].close()
        check_record(Path(folder) / "architecture")
    return held - plain


def check_record(record: Path) -> None:
    """A recorder that fails would look fast."""
    manifest = json.loads((record / "manifest.json").read_text(encoding="utf-8"))
    texts = [a for a in manifest["artifacts"] if a["name"] in ("modules", "summary")]
    graphs = ["torchview.gv", "autograd.gv"]
    if any(a["status"] != "ok" for a in texts) or not all((record / g).is_file() for g in graphs):
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
            model, images, device="cpu", mode="train", depth=DEPTH, expand_nested=True
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
    """Seconds that an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def mean_ratio(rows: list[Row]) -> float:
    """The geometric mean of the ratios."""
    return math.exp(statistics.fmean(math.log(row.ratio) for row in rows))


def table(rows: list[Row], batch_size: int) -> str:
    """The result as a Markdown table."""
    engine = "`dot -Tpng`" if shutil.which("dot") else "pygraphviz"
    conditions = (
        f"batch [{batch_size}, 3, 224, 224], depth {DEPTH}, {torch.get_num_threads()} CPU threads, "
        f"by hand drawn by {engine}"
    )
    lines = [
        f"Seconds on the training thread, {conditions}, medians:",
        "",
        "| model | a plain step | the four ways by hand | with us | ratio |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.model} | {row.step_s:.2f} | {'≥ ' if row.cut_off else ''}{row.by_hand_s:.2f} "
        f"| {row.ours_s:.2f} | {row.ratio:.3f} |"
        for row in rows
    ]
    lines.append(f"| geometric mean | | | | {mean_ratio(rows):.3f} |")
    lines += ["", f"Limits: {LIMIT_EACH} for each, {LIMIT_MEAN} in the geometric mean."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
