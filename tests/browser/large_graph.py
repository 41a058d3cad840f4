"""A graph of ten thousand different boxes, laid out without Graphviz, which would take minutes."""

from collections.abc import Iterator

from modelviz_callbacks.draw.page.content import PageContent
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node, TensorSpec

BLOCKS, LEAVES = 100, 100
_WIDTH, _HEIGHT = 130, 50


def large_content() -> PageContent:
    """Gives a page of it, at depth 1 (the blocks) and 2 (all)."""
    graph = large_graph()
    manifest = {"model": {"class": "zoo.Large", "roots": [""]}, "status": "complete"}
    diagrams = {1: _svg(_blocks()), 2: _svg(_leaves())}
    return PageContent("architecture", manifest, graph, 2, diagrams)


def large_graph() -> ArchitectureGraph:
    """A model of blocks of linear layers, none like the other."""
    modules, nodes = [ModuleEntry("", "zoo.Large")], [Node(0, "module", "Large", "")]
    for block in range(BLOCKS):
        path, id_ = f"blocks_{block}", block_id(block)
        modules.append(ModuleEntry(path, "zoo.Block"))
        nodes.append(Node(id_, "module", "Block", path, 0))
        for leaf in range(LEAVES):
            shape = (2, block * LEAVES + leaf + 1)
            modules.append(ModuleEntry(f"{path}.leaf_{leaf}", "torch.nn.modules.linear.Linear"))
            nodes.append(
                Node(
                    id_ + 1 + leaf,
                    "module",
                    "Linear",
                    f"{path}.leaf_{leaf}",
                    id_,
                    outputs=(TensorSpec(shape, "float32", "cpu"),),
                )
            )
    return ArchitectureGraph(tuple(modules), tuple(nodes))


def block_id(block: int) -> int:
    """Gives the id of a block's call."""
    return 1 + block * (LEAVES + 1)


def _blocks() -> Iterator[str]:
    for block in range(BLOCKS):
        yield _box(block_id(block), f"Block {block}", block % 10, block // 10)


def _leaves() -> Iterator[str]:
    for block in range(BLOCKS):
        for leaf in range(LEAVES):
            node = block_id(block) + 1 + leaf
            yield _box(node, f"Linear {block} {leaf}", leaf, block)
            if leaf:
                yield _line(node - 1, node, leaf, block)


def _box(node: int, name: str, column: int, row: int) -> str:
    x, y = column * _WIDTH, row * _HEIGHT
    right, below = x + 100, y + 30
    outline = f"M{x},{y}C{x},{y} {right},{y} {right},{y}L{right},{below} {x},{below} {x},{y}"
    return (
        f'<g id="n{node}" class="node"><title>n{node}</title>'
        f'<path fill="#9ed6ff" stroke="#1b5e9e" stroke-width="1.2" d="{outline}"/>'
        f'<text x="{x + 4}" y="{y + 14}" font-size="12" font-weight="bold">{name}</text>'
        f'<text x="{x + 4}" y="{y + 26}" font-size="9" fill="#393e43">[2, {node}]</text></g>'
    )


def _line(source: int, target: int, column: int, row: int) -> str:
    x, y = column * _WIDTH, row * _HEIGHT + 15
    return (
        f'<g id="e{source}-{target}" class="edge"><title>n{source}-&gt;n{target}</title>'
        f'<path fill="none" stroke="#5b6770" d="M{x - 30},{y}C{x - 20},{y} {x - 10},{y} {x},{y}"/>'
        f'<polygon fill="#5b6770" points="{x},{y} {x - 6},{y - 3} {x - 6},{y + 3}"/></g>'
    )


def _svg(parts: Iterator[str]) -> str:
    width, height = LEAVES * _WIDTH, BLOCKS * _HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        f'viewBox="0 0 {width} {height}"><g id="graph0" class="graph">{"".join(parts)}</g></svg>'
    )
