"""The architecture diagram: what is in its SVG."""

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.draw.engine import layout
from modelviz_callbacks.graph.model import ArchitectureGraph, Failure
from tests.graph_drafts import GraphDraft, residual_stack, state, tensor

HOSTILE = [
    "<b>&amp;",
    'say "hi"',
    "back\\slash\\N\\G\\E",
    "{a|b}",
    "]]>",
    "<!-- c -->",
    "</TD></TABLE>",
    "☃ 雪 🎉",
    "%s {0}",
    "]; evil [URL=x",
]


class Picture:
    """A drawing, to be asked what is in it."""

    def __init__(self, graph: ArchitectureGraph, depth: int) -> None:
        self.source, self.notes = architecture_dot(graph, depth)
        self.svg = ET.fromstring(layout(self.source).encode())
        self.groups = [g for g in self.svg.iter() if _kind(g) in ("node", "cluster", "edge")]

    def of(self, kind: str) -> dict[str, ET.Element]:
        return {_id(group): group for group in self.groups if _kind(group) == kind}

    @property
    def texts(self) -> list[str]:
        return _texts(self.svg)

    def node(self, node: int) -> list[str]:
        return _texts(self.of("node")[f"n{node}"])

    def fill(self, node: int) -> str | None:
        return self._shape(node).get("fill")

    def is_dashed(self, node: int) -> bool:
        return self._shape(node).get("stroke-dasharray") is not None

    def _shape(self, node: int) -> ET.Element:
        group = self.of("node")[f"n{node}"]
        return next(e for e in group.iter() if e.tag.rpartition("}")[2] in {"path", "polygon"})


def _kind(group: ET.Element) -> str:
    return group.get("class", "").partition(" ")[0]


def _id(group: ET.Element) -> str:
    return group.get("id", "")


def _texts(element: ET.Element) -> list[str]:
    return [(e.text or "").replace("\xa0", " ") for e in element.iter() if e.tag.endswith("text")]


def small_model() -> tuple[GraphDraft, int, int]:
    """A model of a convolution in a container and a head; gives the ids of both."""
    draft = GraphDraft()
    draft.module("", "mine.Net")
    draft.module("body", "torch.nn.modules.container.Sequential")
    weight = state("weight", 64, 3, 7, 7)
    config = "3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False"
    draft.module("body.conv", "torch.nn.modules.conv.Conv2d", weight, config=config)
    draft.module("head", "torch.nn.modules.linear.Linear", state("weight", 10, 64), config="64, 10")
    data = draft.input("batch.image", 2, 3, 64, 64)
    root = draft.call("", None, inputs=())
    body = draft.call("body", root, inputs=())
    conv = draft.call("body.conv", body, data, outputs=(tensor(2, 64, 32, 32),))
    head = draft.call("head", root, draft.op("mean", root, conv, outputs=(tensor(2, 64),)))
    draft.output("loss", head)
    return draft, conv, head


def test_every_box_is_a_node_and_every_open_call_a_box_around_it() -> None:
    """The SVG has a node for each leaf, a cluster for each container, an edge for each link."""
    draft, conv, head = small_model()
    picture = Picture(draft.build(), 2)
    assert set(picture.of("node")) == {"n0", f"n{conv}", f"n{conv + 1}", f"n{head}", f"n{head + 1}"}
    assert set(picture.of("cluster")) == {"c1", "c2"}
    assert len(picture.of("edge")) == 4


def test_a_module_says_what_it_is() -> None:
    """Class, path in its container, short configuration, parameters and output shape."""
    draft, conv, _ = small_model()
    assert Picture(draft.build(), 2).node(conv) == [
        "Conv2d",
        ".conv",
        "3 to 64, 7×7, stride 2, pad 3, no bias",
        "9.41 k params",
        "[2, 64, 32, 32]",
    ]


def test_inputs_operations_and_outputs_have_their_names() -> None:
    """As in the batch, with shape and type; an operation with the shape that comes out."""
    draft, conv, head = small_model()
    picture = Picture(draft.build(), 2)
    assert picture.node(0) == ["input", "[2, 3, 64, 64] float32", "batch.image"]
    assert picture.node(conv + 1) == ["mean", "[2, 64]"]
    assert picture.node(head + 1)[::2] == ["output", "loss"]


def test_a_module_of_elsewhere_has_its_whole_path() -> None:
    """A leading dot stands for the container's path; without it the path is whole."""
    draft, _, _ = small_model()
    called = {}
    for path in ("shared.norm", "body2.norm"):
        draft.module(path, "LayerNorm")
        called[path] = draft.call(path, 2, 0)
    picture = Picture(draft.build(), 2)
    assert all(path in picture.node(node) for path, node in called.items())


def test_the_legend_has_the_families_in_the_picture_and_no_others() -> None:
    """A closed container hides the convolution, so the legend does not explain its colour."""
    graph = small_model()[0].build()
    legends = [set(_texts(Picture(graph, depth).svg)) for depth in (1, 2)]
    families = {"convolution", "linear", "container", "operation", "pooling"}
    assert legends[0] & families == {"linear", "container", "operation"}
    assert legends[1] & families == {"linear", "convolution", "operation"}
    assert not set(_texts(Picture(graph, 0).svg)) & families


@pytest.mark.parametrize("depth", [1, 2])
def test_a_folded_block_is_a_stack_with_its_count(depth) -> None:
    """Twelve equal blocks are drawn as a stack that says 12 ×, with what they have together."""
    draft, ids = residual_stack(12)
    picture = Picture(draft.build(), depth)
    assert picture.texts.count("12 ×") == 1
    assert "blocks.0 … blocks.11" in picture.texts
    assert "1.54 k params, 128 each" in picture.texts
    stacks = [group for group in picture.groups if "stack" in group.get("class", "").split()]
    name = "n" if depth == 1 else "c"
    assert [_id(group) for group in stacks] == [f"{name}{ids[0][0]}"]


def test_a_module_that_is_called_again_and_again_shares_its_parameters() -> None:
    """Five calls of one layer have one layer's parameters."""
    draft = GraphDraft()
    draft.module("layer", "Linear", state("weight", 8, 8))
    last, root = draft.input(), draft.call("", None, inputs=())
    for _ in range(5):
        last = draft.call("layer", root, last)
    texts = Picture(draft.build(), 1).texts
    assert "5 ×" in texts
    assert "64 params, shared" in texts


def test_a_closed_norm_of_operations_only_is_a_norm() -> None:
    """An `RMSNorm` written in operations is closed at the depth, but it is no block of modules."""
    draft = GraphDraft()
    draft.module("", "Net"), draft.module("norm", "mine.RMSNorm", state("weight", 8))
    norm = draft.call("norm", draft.call("", None, inputs=()), inputs=())
    draft.op("rsqrt", norm, draft.input())
    assert "normalisation" in Picture(draft.build(), 1).texts


def test_outputs_that_are_drawn_once_say_how_many_they_are() -> None:
    """The shape that all have, and the first and the last name on two lines."""
    draft, ids = residual_stack(5)
    for number, block in enumerate(ids):
        draft.output(f"cache[{number}]", block[1])
    picture = Picture(draft.build(), 1)
    texts = ["5 outputs", "[2, 8] float32", "cache[0]", "… cache[4]"]
    assert texts in [_texts(group) for group in picture.of("node").values()]


def test_drawing_a_graph_needs_no_torch() -> None:
    """A record is drawn on a machine that has only its files."""
    script = (
        "import sys\n"
        "from modelviz_callbacks.graph.model import ArchitectureGraph\n"
        "from modelviz_callbacks.diagram.architecture_diagram import architecture_dot\n"
        "architecture_dot(ArchitectureGraph(), 3)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_failed_node_is_red_and_tells_what_met() -> None:
    """The picture of a crashed step shows where, the exception, and the shapes."""
    draft, _, head = small_model()
    draft.nodes.pop(), draft.edges.pop()
    draft.fail(head)
    picture = Picture(draft.build(), 2)
    assert picture.fill(head) == palette.FAILED_FILL
    assert picture.node(head)[-3:] == [
        "RuntimeError",
        "shapes cannot be multiplied",
        "shapes: [2, 64]",
    ]
    assert [
        node
        for node in range(7)
        if f"n{node}" in picture.of("node") and picture.fill(node) == palette.FAILED_FILL
    ] == [head]


def test_a_failure_in_a_closed_call_names_the_place_inside() -> None:
    """What is too deep to be shown is said in words on the closed call."""
    draft, ids = residual_stack(1)
    draft.fail(ids[0][2])
    picture = Picture(draft.build(), 1)
    assert picture.fill(ids[0][0]) == palette.FAILED_FILL
    assert "at blocks.0.1" in picture.node(ids[0][0])


def test_a_failure_outside_of_the_graph_is_in_the_head() -> None:
    """An exception of the step's own code belongs to no node."""
    draft, _, _ = small_model()
    draft.failure = Failure(None, None, None, (), "KeyError", "'label'")
    texts = Picture(draft.build(), 1).texts
    assert {"KeyError", "'label'"} < set(texts)


def test_frozen_modules_are_dashed_and_marked() -> None:
    """The mark is on the outermost box that it holds for; the outline shows it inside too."""
    draft, conv, head = small_model()
    draft.change("body.conv", parameters=(state("weight", 64, 3, 7, 7, requires_grad=False),))
    picture = Picture(draft.build(), 2)
    assert picture.is_dashed(conv)
    assert not picture.is_dashed(head)
    marks = [_texts(group).count("frozen") for group in picture.of("cluster").values()]
    assert sum(marks) == 1
    assert "frozen" not in picture.node(conv)


def test_eval_mode_is_marked_where_the_model_trains() -> None:
    """A norm left in eval mode is marked; a model that is in eval mode as a whole is not."""
    draft, conv, _ = small_model()
    draft.change("body.conv", training=False)
    assert "eval" in Picture(draft.build(), 2).node(conv)
    for path in draft.modules:
        draft.change(path, training=False)
    assert "eval" not in Picture(draft.build(), 2).texts


def test_modules_that_took_no_part_are_listed() -> None:
    """The outermost ones by name, alike ones together; not those inside a call that is a leaf."""
    draft, _, _ = small_model()
    for number in range(3):
        draft.module(f"spare.{number}", "Linear")
        draft.module(f"spare.{number}.inner", "Linear")
    draft.module("spare", "ModuleList")
    draft.module("head.projection", "Linear")
    draft.module("body.drop.0", "Dropout"), draft.module("body.1.drop", "Dropout")
    texts = " ".join(Picture(draft.build(), 2).texts)
    assert "Never called in this step:" in texts
    assert "spare (ModuleList)" in texts
    assert "inner" not in texts
    assert "projection" not in texts


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_all_kinds_are_shown_as_they_are(name, capfd) -> None:
    """In modules, containers, operations, inputs and outputs, without an error of Graphviz."""
    draft = GraphDraft()
    draft.module("", name)
    draft.module(f"c{name}", name)
    draft.module(f"c{name}.l", name, state(name, 2), config=name)
    root = draft.call("", None, inputs=())
    inside = draft.call(f"c{name}", root, inputs=())
    leaf = draft.call(f"c{name}.l", inside, draft.input(name))
    draft.output(name, draft.op(name, root, leaf))
    draft.failure = Failure(None, None, None, (), "Error", name)
    picture = Picture(draft.build(), 2)
    assert picture.texts.count(name) >= 5
    assert "Error" not in capfd.readouterr().err
    assert set(picture.of("node")) == {"n2", "n3", "n4", "n5"}


def test_a_name_of_500_letters_is_shortened() -> None:
    """It keeps its beginning and its end, and the picture its width."""
    draft = GraphDraft()
    draft.module("", "Net")
    draft.module("x" * 500, "Y" * 500, config="z" * 500)
    draft.call("x" * 500, draft.call("", None, inputs=()), draft.input("i" * 500))
    picture = Picture(draft.build(), 1)
    assert max(map(len, picture.texts)) <= 60
    width = re.search(r'width="(\d+)pt"', layout(picture.source))
    assert width is not None
    assert int(width[1]) < 700


def test_links_between_crowds_are_told_in_words() -> None:
    """Where each of many layers feeds all later ones, the way from one to the next is drawn."""
    draft = GraphDraft()
    root, made = draft.call("", None, inputs=()), []
    made.append(draft.op("stem", root, draft.input()))
    for number in range(12):
        draft.module(f"layers.{number}", "Layer", state("weight", number + 1))
        made.append(draft.call(f"layers.{number}", root, *made))
    picture = Picture(draft.build(), 1)
    assert len(picture.of("edge")) == 13
    assert "also from stem, layers.0 … layers.9 (11)" in picture.node(made[-1])
    assert "66 of 79 links are written in the boxes, not drawn." in picture.notes


def far_skip(*carried: tuple[int, ...]) -> Picture:
    """The picture of a split whose first output also goes past four operations, and past more."""
    draft = GraphDraft()
    root = draft.call("", None, inputs=())
    given = tuple(tensor(*shape) for shape in carried)
    split = last = draft.op("split", root, draft.input(), outputs=given)
    for _ in range(4):
        last = draft.op("relu", root, last)
    last = draft.op("add", root, last, split, (split, 0))
    for _ in range(4):
        last = draft.op("relu", root, last)
    draft.op("add", root, last, split)
    return Picture(draft.build(), 1)


def test_a_line_from_far_away_carries_its_shape_once() -> None:
    """The box that made the tensor is out of sight at the end of a skip; other lines are short."""
    picture = far_skip((2, 64, 8, 8))
    told = [_texts(line) for line in picture.of("edge").values()]
    assert sorted(filter(None, told)) == [["[2, 64, 8, 8]"]]
    assert _texts(picture.of("edge")["e2-7"]) == ["[2, 64, 8, 8]"]
    assert not _texts(picture.of("edge")["e2-12"])


def test_a_line_that_carries_one_of_several_tensors_says_which() -> None:
    """A box that gives two shapes leaves open which one goes on."""
    picture = far_skip((2, 64), (5, 5))
    assert _texts(picture.of("edge")["e2-3"]) == ["[2, 64]"]


def shared_twice(*parameters) -> Picture:
    """The picture of a block that is called twice, with something else in between."""
    draft = GraphDraft()
    draft.module("", "Net"), draft.module("twin", "Block")
    draft.module("twin.inner", "Linear", *parameters)
    root, last = draft.call("", None, inputs=()), draft.input()
    for operation in ("relu", "tanh"):
        call = draft.call("twin", root, inputs=())
        last = draft.op(operation, root, draft.call("twin.inner", call, last))
    return Picture(draft.build(), 2)


def test_boxes_of_one_module_say_that_they_are() -> None:
    """The outermost box of each call tells which of how many it is; the legend explains it."""
    texts = shared_twice(state("weight", 8, 8)).texts
    assert [text for text in texts if "shared" in text] == [
        "shared",
        "shared, 1 of 2",
        "shared, 2 of 2",
    ]
    assert "one module, called at several places" in texts


def test_modules_without_parameters_have_nothing_to_share() -> None:
    """One ReLU called at three places is no news."""
    assert not [text for text in shared_twice().texts if "shared" in text]


def test_few_links_are_all_drawn() -> None:
    """A skip connection, and a concatenation of many branches, are lines."""
    draft = GraphDraft()
    root, data = draft.call("", None, inputs=()), draft.input()
    branches = [draft.op(f"branch_{number}", root, data) for number in range(9)]
    draft.op("cat", root, *branches, data)
    picture = Picture(draft.build(), 1)
    assert len(picture.of("edge")) == 19
    assert not picture.notes


def test_many_operations_are_one_box_that_names_them() -> None:
    """How many there are, the most frequent first; shapes are on the lines from it."""
    draft = GraphDraft()
    draft.module("", "Net"), draft.module("head", "Linear")
    last, root = draft.input(), draft.call("", None, inputs=())
    for name in ("mul", "add", "mul") * 15:
        last = draft.op(name, root, last, outputs=(tensor(3, 5),))
    draft.output("loss", draft.call("head", root, last))
    picture = Picture(draft.build(), 1)
    assert picture.node(2) == ["45 operations", "30 × mul, 15 × add"]
    assert _texts(picture.of("edge")["e2-47"]) == ["[3, 5]"]


@pytest.mark.parametrize(
    ("name", "config", "training", "is_said"),
    [
        ("dropout.Dropout", "p=0.0, inplace=False", True, True),
        ("dropout.Dropout", "p=0.1, inplace=False", True, False),
        ("dropout.Dropout", "p=0.1, inplace=False", False, True),
        ("linear.Identity", "", True, True),
        ("linear.Linear", "8, 8", False, False),
    ],
)
def test_what_changes_nothing_says_why_no_line_comes_from_it(
    name, config, training, is_said
) -> None:
    """The same tensor went on: whoever reads it has it from what made it."""
    draft = GraphDraft()
    draft.module("", "Net"), draft.module("head", "Linear")
    draft.module("layer", f"torch.nn.modules.{name}", config=config, training=training)
    data, root = draft.input(), draft.call("", None, inputs=())
    layer = draft.call("layer", root, data)
    draft.output("loss", draft.call("head", root, data))
    assert ("gives its input back" in Picture(draft.build(), 1).node(layer)) == is_said
    draft.op("relu", root, layer)
    assert "gives its input back" not in Picture(draft.build(), 1).node(layer)


def test_the_same_graph_gives_the_same_source() -> None:
    """Nothing in it depends on hashes or addresses."""
    first, second = (architecture_dot(residual_stack(9)[0].build(), 2) for _ in range(2))
    assert first == second


def test_a_step_of_which_nothing_was_seen_is_a_picture_too() -> None:
    """An empty graph is valid DOT."""
    assert Picture(ArchitectureGraph(), 3).of("node") == {}
