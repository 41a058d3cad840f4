"""Seconds that comparing two graphs takes, and how they grow with the number of modules.

    python benchmarks/diff.py --check

The graphs are made up: blocks of four layers with a skip connection, or one flat sequence. Each
pair is what is slow for some way of comparing: equal, different in all, renamed and longer, moved
by one, without skip connections, layers of few kinds in another order. What is timed is the diff,
what it costs, its words and its marks. Processor time is compared, which other programs hardly
change; the least of several runs counts. The limit is on the ratio within one run: twice as many
modules take less than three and a half times as long; the square would be four.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modelviz_callbacks.comparison.costs_apart import part_costs, total_changes
from modelviz_callbacks.graph.compare import GraphPair
from modelviz_callbacks.graph.diff_marks import diff_marks
from modelviz_callbacks.graph.diff_text import describe_diff
from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Edge,
    ModuleEntry,
    Node,
    StateEntry,
    TensorSpec,
)

SIZES = (2_500, 5_000, 10_000, 20_000)
REPEATS = 2
LAYERS = 4
# Of the seconds for so many modules, of twice those for half of them.
LIMIT_GROWTH = 1.75
_TENSOR = TensorSpec((2, 8), "float32", "cpu")

Width = Callable[[int], int]
Pair = tuple[ArchitectureGraph, ArchitectureGraph]


def main() -> None:
    """Prints a table; with `--check`, ends with status 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is passed")
    options = parser.parse_args()
    print(f"{'seconds for':24}", *(f"{size:>10,}" for size in SIZES), "  growth")
    passed = [_told(name, pair) for name, pair in PAIRS.items()]
    if options.check and not all(passed):
        sys.exit(f"Twice as many modules take more than {2 * LIMIT_GROWTH} times as long.")


def _told(name: str, pair: Callable[[int], Pair]) -> bool:
    seconds = [min(_seconds(*pair(size)) for _ in range(REPEATS)) for size in SIZES]
    growth = seconds[-1] / seconds[-2] / 2
    print(f"{name:24}", *(f"{s:10.2f}" for s in seconds), f"{growth:8.2f}", flush=True)
    return growth <= LIMIT_GROWTH


def _seconds(old: ArchitectureGraph, new: ArchitectureGraph) -> float:
    begin = time.process_time()
    pair = GraphPair(old, new)
    total_changes(old, new)
    part_costs(pair, same_input=True)
    describe_diff(pair.diff, 3)
    diff_marks(pair)
    return time.process_time() - begin


def blocks(count: int, width: Width, name: str = "blocks") -> ArchitectureGraph:
    """Gives residual blocks of four layers; `width` says how wide each layer is."""
    modules = [ModuleEntry("", "net.Net"), ModuleEntry(name, "torch.nn.ModuleList")]
    nodes = [Node(0, "input", "x", outputs=(_TENSOR,)), Node(1, "module", "Net", "")]
    edges: list[Edge] = []
    last = 0
    for number in range(count // (LAYERS + 1)):
        path, call, skipped = f"{name}.{number}", len(nodes), last
        modules.append(ModuleEntry(path, "net.Block"))
        nodes.append(Node(call, "module", "Block", path, 1, outputs=(_TENSOR,)))
        for place in range(LAYERS):
            layer = _layer(f"{path}.{place}", width(number * LAYERS + place))
            modules.append(layer)
            edges.append(Edge(last, len(nodes)))
            last = len(nodes)
            nodes.append(Node(last, "module", "Linear", layer.path, call, outputs=(_TENSOR,)))
        edges += [Edge(last, len(nodes)), Edge(skipped, len(nodes), 0, 1)]
        last = len(nodes)
        nodes.append(Node(last, "op", "add", None, call, outputs=(_TENSOR,)))
    return ArchitectureGraph(tuple(modules), tuple(nodes), tuple(edges))


def flat(count: int, width: Width) -> ArchitectureGraph:
    """Gives one sequence of layers."""
    layers = (_layer(str(place), width(place)) for place in range(count))
    return ArchitectureGraph((ModuleEntry("", "net.Net"), *layers))


def without_skips(graph: ArchitectureGraph) -> ArchitectureGraph:
    """Takes the skip connections away."""
    return replace(graph, edges=tuple(edge for edge in graph.edges if edge.input == 0))


def _layer(path: str, width: int) -> ModuleEntry:
    weight = StateEntry("weight", (width, width), "float32", "cpu", requires_grad=True)
    config = f"in_features={width}, out_features={width}"
    return ModuleEntry(path, "torch.nn.modules.linear.Linear", config, parameters=(weight,))


def _same(_place: int) -> int:
    return 8


def _each(place: int) -> int:
    return place + 1


def _others(place: int) -> int:
    return place + 1_000_000


def _any_of_five(seed: int) -> Width:
    # Without a pattern that would come again.
    return lambda place: (place * place * 7919 + seed * place) % 104729 % 5


PAIRS: dict[str, Callable[[int], Pair]] = {
    "equal": lambda n: (blocks(n, _same), blocks(n, _same)),
    "all reconfigured": lambda n: (blocks(n, _each), blocks(n, _others)),
    "renamed and longer": lambda n: (blocks(n, _same), blocks(n + 50, _same, "stages")),
    "nothing in common": lambda n: (blocks(n, _each), blocks(n, _others, "stages")),
    "without skips": lambda n: (blocks(n, _same), without_skips(blocks(n, _same))),
    "flat, moved by one": lambda n: (flat(n, _each), flat(n, lambda place: place)),
    "flat, of few kinds": lambda n: (flat(n, _any_of_five(1)), flat(n, _any_of_five(2))),
    "flat, all reconfigured": lambda n: (flat(n, _each), flat(n, _others)),
}


if __name__ == "__main__":
    main()
