"""Seconds and memory of searching an archive of thousands of runs.

    python benchmarks/archive.py --check

The runs are made up, in a temporary folder: 10,000 of 50 architectures, as Lightning lays them out,
with manifests as long as those of ResNets, and one in a hundred cut short. A quarter of them lies
in a folder of a folder, half of them in the outer one; each is searched in a process of its own.

- floor: a walk through all folders and `json.load` of each manifest, nothing checked or kept.
- list: `modelviz list`, newest first, into a pipe.
- newest: `modelviz list --limit 20`.
- find: `find_records` with a fingerprint.
- report: what `modelviz report` does, without its pictures, which cost the same for any number.

What is compared is processor time, which other programs hardly change, and which says the same
whether the folders are still in the machine's memory or not; the least of several runs counts.
Memory is what Python has allocated at the peak (`tracemalloc`), in a run of its own; of it, what
each record adds is told. The whole process' peak is told as well. Limits are on ratios within the
same run: four times as many records take no more than six times as long, since a processor's caches
hold less of more; only what lists all of them keeps something of each, else it is the names of the
folders that are still to be looked into, as in the floor; and reading strictly costs so much more
than `json.load`.
"""

import argparse
import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, StateEntry

RECORDS = 10_000
ARCHITECTURES = 50
# No divisor of the number of architectures, so that any may be broken.
BROKEN_EVERY = 101
TASKS = ("floor", "list", "newest", "find", "report")
REPEATS = 2
# Of the seconds for all records, of four times those for a quarter of them.
LIMIT_GROWTH = 1.5
# Of the seconds that the floor takes.
LIMITS_OF_FLOOR = {"list": 4.0, "newest": 4.0, "find": 4.0}
# What a record may add to the peak, in bytes: names of folders that wait, at least.
LIMITS_BYTES = {"list": 1_000, "newest": 250, "find": 250}
MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What a task costs.

    Attributes:
        seconds: Processor time.
        peak: The most that the whole process had, in bytes.
        allocated: The most that Python had allocated for it, in bytes.
    """

    seconds: float
    peak: int
    allocated: int


@dataclass(frozen=True)
class Row:
    """A task at each number of records, the smallest first."""

    task: str
    costs: dict[int, Cost]

    @property
    def growth(self) -> float:
        """Seconds for all records as a share of as many times those for the fewest."""
        fewest, most = min(self.costs), max(self.costs)
        return self.costs[most].seconds / self.costs[fewest].seconds * fewest / most

    @property
    def bytes_each(self) -> float:
        """What a record more adds to what is allocated at the peak."""
        fewest, most = min(self.costs), max(self.costs)
        return (self.costs[most].allocated - self.costs[fewest].allocated) / (most - fewest)


def main() -> int:
    """Measures, prints the table, and checks the limits if asked to."""
    arguments = parse_arguments()
    if arguments.measure:
        task, root = arguments.measure
        print(json.dumps(vars(measured(task, root, traced=arguments.traced))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        roots = write_archive(Path(folder), arguments.records)
        print(f"wrote {arguments.records:,} records", file=sys.stderr)
        rows = [measure(task, roots, arguments.repeats) for task in arguments.tasks]
    print(table(rows))
    exceeded = list(exceeded_limits(rows))
    print("\n".join(exceeded), file=sys.stderr, end="\n" if exceeded else "")
    return int(arguments.check and bool(exceeded))


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=RECORDS, help="a multiple of 200")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--measure", nargs=2, metavar=("TASK", "ROOT"), help=argparse.SUPPRESS)
    parser.add_argument("--traced", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    return parser.parse_args()


def write_archive(folder: Path, records: int) -> dict[int, str]:
    """Writes the runs; gives the folder with a quarter, a half and all of them."""
    graphs = [architecture(number) for number in range(ARCHITECTURES)]
    files = []
    for number, graph in enumerate(graphs):
        files.append(folder / f"graph{number}.json")
        files[-1].write_text(graph.to_json(), "utf-8")
    prints = [fingerprints(graph) for graph in graphs]
    everything, half, quarter = (folder / path for path in ("all", "all/half", "all/half/quarter"))
    for number in range(records):
        root = (quarter, half, everything, everything)[number // ARCHITECTURES % 4]
        kind = number * 7 % ARCHITECTURES
        run = root / f"study_{number % 37}" / "lightning_logs" / f"version_{number}"
        write_run(run, number, files[kind], prints[kind])
    return {records // 4: str(quarter), records // 2: str(half), records: str(everything)}


def architecture(number: int) -> ArchitectureGraph:
    """A chain of convolutions, of another length for each number."""
    modules = [ModuleEntry("", f"nets.stage{number % 5}.Net{number % 5}")]
    for place in range(10 + number):
        weight = StateEntry("weight", (64, 64, 3, 3), "float32", "cuda:0", requires_grad=True)
        config = "64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False"
        kind = "torch.nn.modules.conv.Conv2d"
        modules.append(ModuleEntry(f"conv{place}", kind, config, parameters=(weight,)))
    return ArchitectureGraph(tuple(modules))


def write_run(run: Path, number: int, graph: Path, known: dict[str, str]) -> None:
    """Writes what a run of Lightning leaves, and its record."""
    record = run / "architecture"
    record.mkdir(parents=True)
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / f"epoch={number % 90}-step={number}.ckpt").touch()
    for name in ("hparams.yaml", "metrics.csv", f"events.out.tfevents.{number}.host.1.0"):
        (run / name).touch()
    os.link(graph, record / "architecture.json")
    for name in ("table.txt", "modules.txt", "architecture.svg", "architecture.png"):
        (record / name).touch()
    text = manifest(number, known).to_json()
    if number % BROKEN_EVERY == BROKEN_EVERY - 1:
        text = text[: len(text) // 2]
    (record / "manifest.json").write_text(text, "utf-8")


def manifest(number: int, known: dict[str, str]) -> Manifest:
    """A manifest as long as that of a ResNet with all its pictures."""
    spec = {"shape": [32, 3, 224, 224], "dtype": "float32", "device": "cuda:0"}
    tensor = {**spec, "requires_grad": False}
    rungs = ({"rung": "full", "limit_s": 30.0, "seconds": 1.234, "outcome": "ok"},)
    names = ("modules", "summary", "torchview", "autograd", "graph", "table", "architecture")
    versions = ("modelviz-callbacks", "torch", "torchvision", "lightning", "pytorch-lightning")
    tools = ("transformers", "torchinfo", "torchview", "torchviz", "graphviz", "pygraphviz")
    kind = number * 7 % ARCHITECTURES
    return Manifest(
        f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:00Z",
        "complete",
        {"class": f"nets.stage{kind % 5}.Net{kind % 5}", "roots": ["net"]},
        {"batch[0]": tensor, "batch[1]": tensor},
        ({"path": "net", "class": "nets.Net", "training": True, "inputs": {"x": tensor}},),
        {
            "python": "3.11.7",
            "platform": "Linux-6.8.0-x86_64-with-glibc2.39",
            "versions": dict.fromkeys((*versions, *tools), "1.2.3"),
            "device": "cuda:0",
            "device_names": {"cuda:0": "NVIDIA H100 80GB HBM3"},
            "precision": "16-mixed",
            "strategy": "auto",
            "world_size": 1,
        },
        {
            "parameters": 11_689_512 + kind,
            "trainable_parameters": 11_689_512,
            "buffers": 9_620,
            "parameter_bytes": 46_758_048,
            "flops_forward": 116_101_000_000,
            "uncounted_calls": 0,
            "bytes_by_dtype": {"float32": 46_796_368, "int64": 160},
        },
        known,
        tuple(
            Artifact(
                name,
                "architecture",
                "net",
                "ok",
                ("architecture.json",) if name == "graph" else (f"{name}.gv", f"{name}.svg"),
                ("Sixteen boxes are drawn as one: they have the same operations in a row.",),
                None,
                0.123456,
                rungs,
            )
            for name in names
        ),
        {"training_thread_s": 0.42},
    )


def measure(task: str, roots: dict[int, str], repeats: int) -> Row:
    """Measures a task on each number of records, in processes of their own."""
    costs = {}
    for records, root in roots.items():
        found = [in_child(task, root) for _ in range(repeats)]
        traced = in_child(task, root, "--traced")
        best = min(found, key=lambda cost: cost.seconds)
        costs[records] = Cost(best.seconds, best.peak, traced.allocated)
        print(f"measured {task} of {records:,}", file=sys.stderr)
    return Row(task, costs)


def in_child(task: str, root: str, *more: str) -> Cost:
    """Runs a task once, in a process of its own."""
    command = [sys.executable, __file__, "--measure", task, root, *more]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measured(task: str, root: str, *, traced: bool) -> Cost:
    """Does a task in this process; imports are not counted."""
    run = prepared(task, root)
    if traced:
        tracemalloc.start()
    started = time.process_time()
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        run()
    seconds = time.process_time() - started
    allocated = tracemalloc.get_traced_memory()[1] if traced else 0
    return Cost(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, allocated)


def prepared(task: str, root: str) -> Callable[[], object]:
    """Imports what a task needs."""
    from modelviz_callbacks.archive.search import find_records
    from modelviz_callbacks.cli.main import main as command
    from modelviz_callbacks.report.make import make_report
    from modelviz_callbacks.report.runs import read_archive

    # A command imports these when it runs.
    for name in ("record_list", "search_progress"):
        importlib.import_module(f"modelviz_callbacks.cli.{name}")
    wanted = fingerprints(architecture(7))["structure"]
    tasks: dict[str, Callable[[], object]] = {
        "floor": lambda: load_all(root),
        "list": lambda: command(["list", root]),
        "newest": lambda: command(["list", root, "--limit", "20"]),
        "find": lambda: sum(1 for _ in find_records(root, fingerprint=wanted)),
        "report": lambda: make_report(
            root, read_archive(find_records(root)), Path(root), most_thumbnails=0, limit_s=60.0
        ),
    }
    return tasks[task]


def load_all(root: str) -> None:
    """Reads every manifest as anybody would."""
    for folder, _, files in os.walk(root):
        if "manifest.json" in files:
            path = Path(folder) / "manifest.json"
            with path.open(encoding="utf-8") as file, contextlib.suppress(ValueError):
                json.load(file)


def exceeded_limits(rows: list[Row]) -> Iterator[str]:
    """Says what takes more than it may."""
    floor = next((row for row in rows if row.task == "floor"), None)
    for row in rows:
        if row.growth > LIMIT_GROWTH:
            yield f"{row.task}: grows {row.growth:.2f} times as fast as the number of records"
        if row.bytes_each > LIMITS_BYTES.get(row.task, float("inf")):
            yield f"{row.task}: a record takes {row.bytes_each:,.0f} bytes"
        if floor is not None and row.task in LIMITS_OF_FLOOR:
            ratio = of_floor(row, floor)
            if ratio > LIMITS_OF_FLOOR[row.task]:
                yield f"{row.task}: takes {ratio:.1f} times as long as json.load"


def of_floor(row: Row, floor: Row) -> float:
    """Seconds for all records as a multiple of the floor's."""
    most = max(row.costs)
    return row.costs[most].seconds / floor.costs[most].seconds


def table(rows: list[Row]) -> str:
    """The result as a Markdown table."""
    sizes = sorted(rows[0].costs)
    floor = next((row for row in rows if row.task == "floor"), None)
    headings = (
        "task",
        *(f"{size:,} records" for size in sizes),
        "growth",
        "of the floor",
        "bytes a record",
    )
    of_the_floor = ", ".join(f"{task} {limit:g}" for task, limit in LIMITS_OF_FLOOR.items())
    sizes_each = ", ".join(f"{task} {limit:,}" for task, limit in LIMITS_BYTES.items())
    lines = [
        "Processor seconds (MiB at the process' peak):",
        "",
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(_cells(row, floor) for row in rows),
        "",
        f"Limits: growth {LIMIT_GROWTH:g}; of the floor {of_the_floor}; bytes {sizes_each}.",
    ]
    return "\n".join(lines)


def _cells(row: Row, floor: Row | None) -> str:
    costs = [row.costs[size] for size in sorted(row.costs)]
    shown = " | ".join(f"{cost.seconds:.2f} ({cost.peak / MIB:.0f})" for cost in costs)
    ratio = "" if floor is None else f"{of_floor(row, floor):.1f}"
    return f"| {row.task} | {shown} | {row.growth:.2f} | {ratio} | {row.bytes_each:,.0f} |"


if __name__ == "__main__":
    sys.exit(main())
