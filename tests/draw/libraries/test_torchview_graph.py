"""torchview's graph in our visual language: nothing is lost, names break nothing."""

import re
from collections import Counter

import pytest
import torch
import torchview
from torch import Tensor, nn
from torchvision.models.densenet import DenseNet

from modelviz_callbacks.draw import engine
from modelviz_callbacks.draw.libraries.torchview_graph import restyled
from tests.draw.libraries.pictures import Picture, text, words
from tests.gallery.networks import LSTMClassifier, UNet


def torchview_source(model: nn.Module, *inputs: Tensor, depth: int = 3, **options) -> str:
    options = {"device": "cpu", "mode": "train", "expand_nested": True, **options}
    graph = torchview.draw_graph(model, input_data=list(inputs), depth=depth, **options)
    return str(graph.visual_graph.source)


def rename(source: str, name: str) -> str:
    """Writes a class name into the source as torchview does: as it is."""
    return source.replace("Linear<BR/>", f"{name}<BR/>")


class Residual(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.linear(self.norm(x))


def stack(count: int) -> nn.Module:
    blocks = nn.Sequential(*(Residual() for _ in range(count)))
    return nn.Sequential(nn.Linear(4, 8), blocks, nn.Linear(8, 2))


SMALL = {
    "mlp": lambda: (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), torch.rand(2, 4)),
    "stack": lambda: (stack(3), torch.rand(2, 4)),
    "lstm": lambda: (LSTMClassifier(words=50), torch.randint(1, 50, (2, 7))),
    "unet": lambda: (UNet(widths=(4, 8)), torch.rand(1, 3, 16, 16)),
}


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_lost_when_nothing_is_simplified(name) -> None:
    """The same number of boxes, containers and lines, and each word as often as before."""
    source = torchview_source(*SMALL[name]())
    drawn, notes = restyled(source, None, False)
    before, after = Picture(source), Picture(drawn)
    assert len(after.labels) == len(before.labels)
    assert len(after.titles) == len(before.titles)
    assert len(after.lines) == len(before.lines)
    # Of clusters torchview does not write the depth.
    depths = Counter({"depth": len(after.titles)})
    had = words([*before.labels.values(), *before.titles.values()])
    has = words([*after.labels.values(), *after.titles.values()])
    assert had - has == Counter()
    assert sum((has - had - depths).values()) == len(after.titles)
    assert notes == ()


def test_what_torchview_counts_on_a_line_stays() -> None:
    """Two tensors from the same function are one line with a count."""

    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            one, two = self.linear(x).chunk(2, 0)
            return torch.cat([one, two])

    source = torchview_source(Halves(), torch.rand(2, 3))
    assert [edge.label for edge in Picture(source).content.edges if edge.label] == [" x2"]
    labels = [edge.label for edge in Picture(restyled(source, None, False)[0]).content.edges]
    assert [label for label in labels if label] == ["x2"]


def test_families_and_ends_have_our_colours() -> None:
    """A layer has its family's colour, a function is white, ends are dark; the legend says so."""
    drawn, _ = restyled(torchview_source(*SMALL["unet"]()), None, False)
    fills = {text(node.label).split()[0]: node.fill for node in Picture(drawn).content.nodes}
    assert fills["Conv2d"] == "#daa94f"
    assert fills["BatchNorm2d"] == "#c0fbc6"
    assert fills["cat"] == "#fffffc"
    assert fills["input-tensor"] == fills["output-tensor"] == "#22313f"
    head = text(re.findall(r"graph \[.*? label=<(.*)>\]\n", drawn)[0])
    assert "convolution" in head
    assert "input or output" in head
    assert "recurrent" not in head
    assert Picture(drawn).foreign_colours() == set()


def test_lower_depth_closes_clusters_to_one_box_that_says_what_is_in_it() -> None:
    """At depth 2 a block of depth 2 is a box with its parts, its shapes and its depth."""
    drawn, notes = restyled(torchview_source(stack(1), torch.rand(2, 4)), 2, False)
    picture = Picture(drawn)
    (label,) = [label for label in picture.labels.values() if "Residual" in label]
    assert label == "Residual depth:2 input: (2, 8) output: (2, 8) LayerNorm, Linear, add"
    assert list(picture.titles.values()) == ["Sequential depth:1"]
    assert len(picture.lines) == 4
    assert notes == (
        "Drawn to depth 2: 3 calls and operations deeper down are not shown, inside Residual.",
    )


def test_depth_counts_as_torchview_does() -> None:
    """What torchview draws of a model at a depth is what a deeper graph is closed to."""
    model, x = stack(2), torch.rand(2, 4)
    for depth in (1, 2):
        shallow = Picture(restyled(torchview_source(model, x, depth=depth), None, False)[0])
        closed = Picture(restyled(torchview_source(model, x), depth, False)[0])
        assert len(closed.labels) == len(shallow.labels)
        assert len(closed.lines) == len(shallow.lines)
        assert list(closed.titles.values()) == list(shallow.titles.values())


def test_a_depth_that_is_not_lower_changes_nothing() -> None:
    """Then there is nothing to note either."""
    source = torchview_source(stack(2), torch.rand(2, 4))
    drawn, notes = restyled(source, 3, False)
    assert Picture(drawn).labels == Picture(restyled(source, None, False)[0]).labels
    assert notes == ()


def test_equal_blocks_in_sequence_are_drawn_once() -> None:
    """Twelve blocks, each feeding the next, are a stack with its count, and a note says so."""
    source = torchview_source(stack(12), torch.rand(2, 4))
    drawn, notes = restyled(source, None, True)
    picture = Picture(drawn)
    assert "12 × Residual depth:2" in picture.titles.values()
    assert sum("LayerNorm" in label for label in picture.labels.values()) == 1
    assert notes == ("12 × Residual: equal blocks in sequence, drawn once.",)


def test_blocks_that_differ_are_not_folded() -> None:
    """Two blocks of another width stay two stacks."""
    blocks = [Residual(), Residual(), nn.Linear(8, 4), Residual(4), Residual(4), Residual(4)]
    _, notes = restyled(torchview_source(nn.Sequential(*blocks), torch.rand(2, 8)), None, True)
    assert [note[:3] for note in notes] == ["2 ×", "3 ×"]


def test_pairs_of_boxes_that_merely_look_alike_are_not_folded() -> None:
    """Torchview tells no kernel sizes: convolution, norm, convolution, norm may all differ."""

    def pair(size: int) -> list[nn.Module]:
        return [nn.Conv2d(4, 4, size, padding=size // 2), nn.BatchNorm2d(4)]

    model = nn.Sequential(*pair(1), *pair(3))
    drawn, notes = restyled(torchview_source(model, torch.rand(2, 4, 6, 6)), None, True)
    assert notes == ()
    assert len(Picture(drawn).labels) == 6


def test_layers_that_take_more_and_more_are_not_folded() -> None:
    """A DenseNet's layers give the same shapes, but each takes one tensor more."""
    model = DenseNet(4, (4,), 8, 2, num_classes=3)
    source = torchview_source(model, torch.rand(2, 3, 32, 32), depth=3)
    drawn, notes = restyled(source, None, True)
    assert sum("_DenseLayer" in label for label in Picture(drawn).labels.values()) == 4
    assert not any("drawn once" in note for note in notes)


HOSTILE = [
    "A<b>",
    "A</TD></TR></TABLE>> fillcolor=red]\n} evil {",
    "A<",
    ">A",
    "<IMG SRC='/etc/passwd'/>",
    'A"; URL="javascript:alert(1)"',
    "A\\N\\G\\",
    "A{x|y}",
    "A\nB",
    "🎉&amp;é&#0;",
    "A" * 500,
    "#3",
    "]]>",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_class_names_break_nothing(name) -> None:
    """Whatever a class is called, the graph has its boxes and lines, and the name is text."""
    source = rename(torchview_source(nn.Linear(2, 3), torch.rand(1, 2)), name)
    drawn, _ = restyled(source, None, False)
    picture = Picture(drawn)
    assert len(picture.labels) == 3
    assert len(picture.lines) == 2
    svg = engine.layout(drawn)
    assert not re.search("<image|<script|href=.[^#]", svg)
    assert "javascript" not in svg or "URL=" in text(svg)


@pytest.mark.filterwarnings("ignore::graphviz.exceptions.DotSyntaxWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_containers_break_nothing(name) -> None:
    """The same for the names of clusters, as the graphviz package quotes them."""
    kind = type(name.replace("\0", ""), (Residual,), {})
    model = nn.Sequential(kind(), nn.Linear(8, 2))
    source = torchview_source(model, torch.rand(2, 8))
    drawn, _ = restyled(source, None, False)
    picture = Picture(drawn)
    assert len(picture.titles) == 1
    assert len(picture.labels) == 6
    assert not re.search("<image|<script|href=.[^#]", engine.layout(drawn))


def test_a_hostile_name_reads_as_it_is() -> None:
    """It is neither cut at a bracket nor taken for markup."""
    source = rename(torchview_source(nn.Linear(2, 3), torch.rand(1, 2)), 'Box<T>&"x"')
    labels = Picture(restyled(source, None, False)[0]).labels.values()
    assert any(label.startswith('Box<T>&"x" depth:0') for label in labels)


def test_graphs_without_shapes_are_drawn_too() -> None:
    """Torchview can leave the shapes out."""
    source = torchview_source(stack(2), torch.rand(2, 4), show_shapes=False)
    picture = Picture(restyled(source, None, False)[0])
    assert "Linear depth:1" in picture.labels.values()
    assert Picture(restyled(source, 1, True)[0]).labels
