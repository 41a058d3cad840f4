"""Processor seconds and peak memory of a picture: ours against `dot -Tpng` on the same DOT.

    python benchmarks/draw.py --check

The graphs are those of the zoo's models (`tests/zoo`): our own diagram, torchview's and torchviz'
autograd graph. Their records are made first, without pictures, and are not timed. Ours is what a
user gets: SVG and PNG, with the ladder of simpler drawings, each attempt in a child process of its
own. By hand is `dot -Tpng` (pygraphviz where there is no `dot`) on the DOT file of the record, cut
off at the same time limit, which is then what is counted. The two run one after the other, with
the low priority that drawing has beside a training. What is compared is the processor time of the
children, which other programs hardly change; the time limit is one of the clock.

A picture that `dot` makes in a moment is never quicker with us: starting Python alone takes longer
than all of `dot`, and resvg paints at a third of cairo's speed. They cost nobody anything, beside a
training. So the limit is on the geometric mean of the graphs that take `dot` a second or more; that
of all graphs is printed, too, and so is the ratio of all seconds together.

This process imports no torch: the peak memory of a child is never less than what its parent has
when it starts it.
"""

import argparse
import contextlib
import importlib
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modelviz_callbacks.draw.job import DrawJob, Drawn
from modelviz_callbacks.draw.supervisor import Drawing

KINDS = ("architecture", "torchview", "autograd")
DEPTH = 3
LIMIT_S = 60.0
LIMIT_MEAN = 0.5
# What is to be waited for, in seconds by hand.
LONG_S = 1.0
# Beyond the limit for drawing: to start and to end the children.
SLACK_S = 5.0
# That of the children that draw.
NICENESS = 10
RECORD_LIMIT_S = 180.0
MIB = 2**20
WITH_PYGRAPHVIZ = (
    "import pygraphviz, sys; pygraphviz.AGraph(sys.argv[1]).draw(sys.argv[2], prog='dot')"
)


@dataclass(frozen=True)
class Cost:
    """What a picture costs.

    Attributes:
        seconds: Processor time of all children; the time limit, where it was cut off.
        clock_s: Seconds until all was there, or until it was cut off.
        peak: The most memory that a child had, in bytes.
        end: How it ended: the rung of the ladder, `"cut off"`, `"failed"`, or `""`.
    """

    seconds: float
    clock_s: float
    peak: int
    end: str = ""


@dataclass(frozen=True)
class Row:
    """Both ways of drawing one graph."""

    model: str
    kind: str
    ours: Cost
    by_hand: Cost

    @property
    def ratio(self) -> float:
        """Our seconds as a share of those by hand."""
        return self.ours.seconds / self.by_hand.seconds

    @property
    def memory_ratio(self) -> float:
        """Our peak as a share of the one by hand."""
        return self.ours.peak / self.by_hand.peak


def main() -> int:
    """Measures, prints the table, and checks the limits if asked to."""
    arguments = parse_arguments()
    if arguments.record:
        make_records(Path(arguments.record), arguments.only)
        return 0
    if arguments.measure:
        way, *files = arguments.measure
        cost = {"ours": draw, "by hand": draw_by_hand}[way](Path(*files), arguments.limit)
        print(json.dumps(vars(cost)))
        return 0
    started = load()
    rows = measure_all(arguments)
    print(table(rows, arguments.limit))
    print(f"\nLoad averages: {started} at the start, {load()} at the end.")
    exceeded = list(exceeded_limits(rows, arguments.limit))
    print("\n".join(exceeded), file=sys.stderr, end="\n" if exceeded else "")
    return int(arguments.check and bool(exceeded))


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", default="", metavar="TEXT", help="models with this in their name")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for a picture")
    parser.add_argument("--records", help="a folder of records that --record has made")
    parser.add_argument("--record", metavar="FOLDER", help="only make the records")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "DOT"), help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    return parser.parse_args()


def load() -> str:
    """The machine's load over the last minute, with its number of processors."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def make_records(folder: Path, only: str) -> None:
    """Records a step of each model of the zoo, each in a process of its own."""
    zoo, zoo_table = (importlib.import_module(f"tests.zoo{part}") for part in ("", ".table"))
    processes = zoo_table.PROCESSES
    processes.set_forkserver_preload(zoo_table.LIBRARIES)
    for model in zoo.MODELS:
        if only in model.name:
            child = processes.Process(target=record, args=(model.name, folder / model.name))
            child.start()
            child.join(RECORD_LIMIT_S)
            child.kill()
            child.join()


def record(name: str, folder: Path) -> None:
    """Records one step of a model; one that raises has a record, too."""
    from modelviz_callbacks import ModelVizHook

    warnings.simplefilter("ignore")
    model = importlib.import_module("tests.zoo").find_model(name)
    net = model.build()
    hook = ModelVizHook(net, folder, formats=(), depth=DEPTH)
    with contextlib.suppress(Exception):
        model.step(net)
    hook.close()


def measure_all(arguments: argparse.Namespace) -> list[Row]:
    """Draws every graph in both ways."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(arguments.records or made)
        if not arguments.records:
            again = [sys.executable, __file__, "--record", made, "--only", arguments.only]
            subprocess.run(again, check=True)
        rows = []
        for dot in sorted(folder.rglob("*.gv")):
            model = dot.relative_to(folder).parts[0]
            if dot.stem in arguments.kinds and arguments.only in model:
                costs = [measure(way, dot, arguments.limit) for way in ("ours", "by hand")]
                rows.append(Row(model, dot.stem, *costs))
                print(f"measured {model} {dot.stem}", file=sys.stderr)
    return rows


def measure(way: str, dot: Path, limit_s: float) -> Cost:
    """Draws a graph in a process of its own, whose children's peak of memory can be told."""
    command = [sys.executable, __file__, "--limit", str(limit_s), "--measure", way, str(dot)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def draw(dot: Path, limit_s: float) -> Cost:
    """Draws SVG and PNG as a user gets them."""
    graph = next((d / "architecture.json" for d in dot.parents if d.name == "architecture"), None)
    ours = dot.stem == "architecture" and graph is not None and graph.is_file()
    content = graph.read_text("utf-8") if ours and graph is not None else ""
    source = dot.read_text("utf-8")
    kind = next(kind for kind in ("architecture", "torchview", "autograd") if kind == dot.stem)
    job = DrawJob("picture", source, ("svg", "png"), kind, content, DEPTH)
    drawn: list[Drawn] = []
    drawing = Drawing([job], limit_s, drawn.append)
    started = time.perf_counter()
    drawing.start()
    drawing.wait()
    clock_s = time.perf_counter() - started
    rung = drawn[0].rungs[-1]["rung"] if drawn[0].status == "ok" else "failed"
    end = rung if set(drawn[0].files) != {"svg"} else "SVG only"
    return Cost(seconds_of_children(), clock_s, peak_of_children(), end)


def draw_by_hand(dot: Path, limit_s: float) -> Cost:
    """Draws PNG with Graphviz' own command."""
    os.nice(NICENESS)
    with tempfile.TemporaryDirectory() as folder:
        picture = str(Path(folder) / "picture.png")
        command = ["dot", "-Tpng", str(dot), "-o", picture]
        if not shutil.which("dot"):
            command = [sys.executable, "-c", WITH_PYGRAPHVIZ, str(dot), picture]
        started = time.perf_counter()
        try:
            done = subprocess.run(command, check=False, timeout=limit_s, capture_output=True)
        except subprocess.TimeoutExpired:
            return Cost(limit_s, limit_s, peak_of_children(), "cut off")
        clock_s = time.perf_counter() - started
        end = "failed" if done.returncode else ""
        return Cost(seconds_of_children(), clock_s, peak_of_children(), end)


def seconds_of_children() -> float:
    """The processor time of all children of this process, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_of_children() -> int:
    """The most memory that any child of this process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def exceeded_limits(rows: list[Row], limit_s: float) -> Iterator[str]:
    """Says what takes more than it may."""
    for row in rows:
        if row.ours.clock_s > limit_s + SLACK_S:
            yield f"{row.model} {row.kind}: {row.ours.clock_s:.1f} s"
        if row.ours.end in ("failed", "SVG only") and row.by_hand.end == "":
            yield f"{row.model} {row.kind}: {row.ours.end}"
    long = [row.ratio for row in rows if row.by_hand.seconds >= LONG_S]
    if long and (ratio := mean(long)) > LIMIT_MEAN:
        yield f"geometric mean of what takes {LONG_S:g} s or more by hand: {ratio:.3f}"


def mean(ratios: list[float]) -> float:
    """The geometric mean."""
    return math.exp(statistics.fmean(map(math.log, ratios)))


def table(rows: list[Row], limit_s: float) -> str:
    """The result as a Markdown table, with the geometric means of each kind and of all."""
    by_hand = "`dot -Tpng`" if shutil.which("dot") else "pygraphviz to PNG"
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.kind].append(row)
        groups["all"].append(row)
        if row.by_hand.seconds >= LONG_S:
            groups[f"≥ {LONG_S:g} s by hand"].append(row)
    lines = [
        f"Processor seconds (MiB at the peak), SVG and PNG with us, {by_hand} on the same DOT:",
        "",
        "| model | graph | with us | by hand | ratio | of memory |",
        "|---|---|---|---|---|---|",
        *map(_cells, rows),
        *(
            f"| geometric mean | {kind} ({len(group)}) | | "
            f"| {mean([row.ratio for row in group]):.3f} "
            f"| {mean([row.memory_ratio for row in group]):.3f} |"
            for kind, group in groups.items()
        ),
        _together(rows),
        "",
        f"Limits: {LIMIT_MEAN} where it takes {LONG_S:g} s by hand, {limit_s:g} s for each.",
    ]
    return "\n".join(lines)


def _together(rows: list[Row]) -> str:
    ours, by_hand = (
        sum(cost.seconds for cost in costs)
        for costs in ([row.ours for row in rows], [row.by_hand for row in rows])
    )
    ratio = f"{ours / by_hand:.3f}" if rows else ""
    return f"| together | all ({len(rows)}) | {ours:.1f} | {by_hand:.1f} | {ratio} | |"


def _cells(row: Row) -> str:
    return (
        f"| {row.model} | {row.kind} | {_cost(row.ours, usual='full')} | {_cost(row.by_hand)} "
        f"| {row.ratio:.3f} | {row.memory_ratio:.3f} |"
    )


def _cost(cost: Cost, usual: str = "") -> str:
    end = f", {cost.end}" if cost.end not in ("", usual) else ""
    return f"{cost.seconds:.2f} ({cost.peak / MIB:.0f}{end})"


if __name__ == "__main__":
    sys.exit(main())
