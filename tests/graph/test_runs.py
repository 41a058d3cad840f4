"""Which blocks are folded into one with a count, and which never are."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from modelviz_callbacks.graph.fold import view_graph
from tests.graph_drafts import GraphDraft, counts, links, residual_stack, state, tensor, walk


def chain_of(*kinds: str, times: int) -> GraphDraft:
    """A Sequential in which some layers come again and again."""
    draft = GraphDraft()
    draft.module("", "Sequential")
    last, root = draft.input(), draft.call("", None, inputs=())
    for number in range(times * len(kinds)):
        draft.module(str(number), kinds[number % len(kinds)])
        last = draft.call(str(number), root, last)
    draft.output("output", last)
    return draft


@pytest.mark.parametrize("depth", [1, 2])
def test_equal_blocks_in_sequence_are_one_block_with_a_count(depth) -> None:
    """Blocks that feed each other and share a mask are drawn once; all their paths are kept."""
    draft, ids = residual_stack(12)
    view = view_graph(draft.build(), depth)
    (folded,) = [box for box in walk(view.boxes) if box.count > 1]
    assert folded.count == 12
    assert folded.paths == tuple(f"blocks.{number}" for number in range(12))
    assert folded.id == ids[0][0]
    assert "12 × Block blocks.0 … blocks.11" in view.notes[0]


def test_links_go_into_the_first_block_and_come_out_of_the_last() -> None:
    """The drawn block has the first one's inputs, the mask's link, and the last one's outputs."""
    draft, ids = residual_stack(5)
    _, first, second, addition = ids[0]
    head = draft.nodes[-2].id
    assert links(view_graph(draft.build(), 2)) == {
        (0, first),
        (1, first),
        (first, second),
        (second, addition),
        (0, addition),
        (addition, head),
        (head, head + 1),
    }


def config(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.change("blocks.2.1", config="8, 8, kernel_size=5")


def frozen(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.change("blocks.2.1", parameters=(state("weight", 8, 8, requires_grad=False),))


def parameter_shape(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.change("blocks.2.1", parameters=(state("weight", 8, 9),))


def buffer(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.change("blocks.2.1", buffers=(state("scale", 1),))


def tied(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.change("blocks.2.1", parameters=(state("weight", 8, 8, tied_to="embed.weight"),))


def in_eval(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.change("blocks.2.1", training=False)


def other_class(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.change("blocks.2.1", class_name="other.Linear")


def module_that_is_not_called(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.module("blocks.2.spare", "Linear")


def activation_shape(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.nodes[ids[2][2]] = replace(draft.nodes[ids[2][2]], outputs=(tensor(2, 9),))


def activation_type(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.nodes[ids[2][2]] = replace(draft.nodes[ids[2][2]], outputs=(tensor(2, 8, dtype="int8"),))


def edge_inside(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.edges.append(replace(draft.edges[0], source=ids[2][1], target=ids[2][3], input=2))


def edge_from_elsewhere(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.edges.append(replace(draft.edges[0], source=0, target=ids[2][2], input=1))


def no_mask(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.edges = [e for e in draft.edges if (e.source, e.target) != (1, ids[2][1])]


def constant_shape(draft: GraphDraft, ids: list[list[int]]) -> None:
    node = draft.nodes[ids[2][2]]
    draft.nodes[node.id] = replace(node, inputs=(*node.inputs, tensor(3, name="scale")))


def failed(draft: GraphDraft, ids: list[list[int]]) -> None:
    draft.fail(ids[2][2])


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize(
    "differ",
    [
        config,
        frozen,
        parameter_shape,
        buffer,
        tied,
        in_eval,
        other_class,
        module_that_is_not_called,
        activation_shape,
        activation_type,
        edge_inside,
        edge_from_elsewhere,
        no_mask,
        constant_shape,
        failed,
    ],
)
def test_a_block_that_differs_in_anything_is_shown_by_itself(
    differ: Callable[[GraphDraft, list[list[int]]], None], depth: int
) -> None:
    """One difference, even deep inside a block that is closed, and the block is not folded."""
    draft, ids = residual_stack(6)
    differ(draft, ids)
    found = counts(view_graph(draft.build(), depth))
    assert found["blocks.2"] == 1
    assert found["blocks.0"] == 2
    assert found["blocks.3"] == 3


@pytest.mark.parametrize("block", [0, 1])
def test_a_constant_that_one_of_two_blocks_takes_keeps_them_apart(block) -> None:
    """A tensor that comes from nowhere has no edge, but the call took it."""
    draft, ids = residual_stack(2)
    node = draft.nodes[ids[block][1]]
    draft.nodes[node.id] = replace(node, inputs=(*node.inputs, tensor(8, 8, name="bias")))
    assert set(counts(view_graph(draft.build(), 1)).values()) == {1}


def test_a_first_input_of_another_shape_keeps_the_first_block_apart() -> None:
    """Where broadcasting makes the first block different, it is shown by itself."""
    draft, ids = residual_stack(5, mask=False)
    draft.nodes[0] = replace(draft.nodes[0], outputs=(tensor(1, 8),))
    for node in ids[0][1], ids[0][3]:
        inputs = draft.nodes[node].inputs
        small = (tensor(1, 8), *inputs[1:]) if node == ids[0][1] else (inputs[0], tensor(1, 8))
        draft.nodes[node] = replace(draft.nodes[node], inputs=small)
    found = counts(view_graph(draft.build(), 1))
    assert (found["blocks.0"], found["blocks.1"]) == (1, 4)


def test_ties_inside_each_block_do_not_keep_blocks_apart() -> None:
    """In each block the second layer shares the first one's weight: the blocks are equal."""
    draft, _ = residual_stack(4)
    for number in range(4):
        weight = state("weight", 8, 8, tied_to=f"blocks.{number}.0.weight")
        draft.change(f"blocks.{number}.1", parameters=(weight,))
    assert counts(view_graph(draft.build(), 1))["blocks.0"] == 4


def test_what_only_the_last_of_some_blocks_gives_out_keeps_it_apart() -> None:
    """A tensor from the middle of the last block alone would seem to come from all."""
    draft, ids = residual_stack(5)
    head = draft.nodes[-2].id
    draft.edges.append(replace(draft.edges[0], source=ids[4][1], target=head, input=1))
    found = counts(view_graph(draft.build(), 1))
    assert (found["blocks.0"], found["blocks.4"]) == (4, 1)


def test_blocks_with_inputs_of_their_own_are_not_folded() -> None:
    """Each block of a decoder takes another skip connection: which one would be lost."""
    draft = GraphDraft()
    root, data = draft.call("", None, inputs=()), draft.input()
    skips = [draft.op(name, root, data) for name in ("sin", "cos", "tan", "exp")]
    last = draft.op("stem", root, data)
    for skip in skips:
        last = draft.op("add", root, last, skip)
    view = view_graph(draft.build(), 1)
    assert all(box.count == 1 for box in walk(view.boxes))


def test_a_first_block_that_is_connected_otherwise_inside_is_kept_apart() -> None:
    """In the first pair of operations the second one does not take what the first one made."""
    draft = GraphDraft()
    root, data = draft.call("", None, inputs=()), draft.input()
    first, last = draft.op("exp", root, data), draft.op("log", root, data)
    for _ in range(3):
        last = draft.op("log", root, draft.op("exp", root, last))
    view = view_graph(draft.build(), 1)
    (sequence,) = [box for box in walk(view.boxes) if box.count > 1]
    assert sequence.count == 3
    assert first not in {box.id for box in sequence.boxes}


def test_a_failed_block_is_kept_apart_whatever_it_gave() -> None:
    """A call that had given out its tensors can still fail, in a hook."""
    draft, ids = residual_stack(5)
    outputs = draft.nodes[ids[2][0]].outputs
    draft.fail(ids[2][0])
    draft.nodes[ids[2][0]] = replace(draft.nodes[ids[2][0]], outputs=outputs)
    assert counts(view_graph(draft.build(), 1))["blocks.2"] == 1


def test_a_tensor_that_goes_elsewhere_ends_a_sequence() -> None:
    """What comes out of a drawn sequence comes out of its last block."""
    draft, ids = residual_stack(7)
    head = draft.nodes[-2].id
    draft.edges.append(replace(draft.edges[0], source=ids[2][3], target=head, input=1))
    view = view_graph(draft.build(), 1)
    assert counts(view) == {"": 1, "blocks.0": 3, "blocks.3": 4, "head": 1}
    first, second = ids[0][0], ids[3][0]
    assert {(first, second), (first, head), (second, head)} < links(view)


def test_blocks_side_by_side_are_not_folded() -> None:
    """Equal branches that all read the same tensor are no sequence."""
    draft = GraphDraft()
    data, root = draft.input(), draft.call("", None, inputs=())
    branches = []
    for number in range(4):
        draft.module(f"branches.{number}")
        branches.append(draft.call(f"branches.{number}", root, data))
    draft.op("cat", root, *branches)
    view = view_graph(draft.build(), 1)
    assert all(box.count == 1 for box in walk(view.boxes))
    assert len(view.links) == 8


def test_layers_that_come_again_and_again_are_one_sequence() -> None:
    """Convolution, norm, activation, four times over: three boxes in one that counts four."""
    view = view_graph(chain_of("Conv2d", "BatchNorm2d", "ReLU", times=4).build(), 1)
    (sequence,) = [box for box in walk(view.boxes) if box.count > 1]
    assert sequence.node is None
    assert sequence.count == 4
    assert [box.node.name for box in sequence.boxes if box.node] == [
        "Conv2d",
        "BatchNorm2d",
        "ReLU",
    ]
    assert sequence.boxes[1].paths == ("1", "4", "7", "10")
    assert links(view) == {(0, 2), (2, 3), (3, 4), (4, 14)}


def test_a_repetition_in_a_repetition_is_folded_twice() -> None:
    """Two norms and a linear layer, three times over: a sequence of three with a pair in it."""
    view = view_graph(chain_of("Norm", "Norm", "Linear", times=3).build(), 1)
    outer, inner = [box for box in walk(view.boxes) if box.count > 1]
    assert (outer.count, inner.count) == (3, 2)
    assert inner.paths == ("0", "1", "3", "4", "6", "7")


def test_calls_of_one_module_are_folded() -> None:
    """A recurrence calls one cell on slices of one tensor; its first call has no state yet."""
    draft = GraphDraft()
    draft.module("cell", "LSTMCell", state("weight_ih", 8, 8))
    data, root, carried = draft.input("x", 2, 50, 8), draft.call("", None, inputs=()), None
    for _ in range(50):
        piece = draft.op("getitem", root, data)
        states = () if carried is None else ((carried, 0), (carried, 1))
        two = (tensor(2, 8, name="[0]"), tensor(2, 8, name="[1]"))
        carried = draft.call("cell", root, piece, *states, outputs=two)
    view = view_graph(draft.build(), 1)
    (sequence,) = [box for box in walk(view.boxes) if box.count > 1]
    assert (sequence.count, len(sequence.boxes), sequence.paths) == (50, 2, ("cell",))
    assert links(view) == {(0, 2), (2, 3)}


def test_pieces_of_a_tensor_that_are_taken_in_order_are_folded() -> None:
    """`for x in xs.unbind()`: each block takes the next output of the same operation."""
    draft = GraphDraft()
    root = draft.call("", None, inputs=())
    pieces = draft.op("unbind", root, draft.input(), outputs=(tensor(2, 8),) * 10)
    last = draft.op("zeros_like", root, pieces)
    for number in range(10):
        last = draft.op("lerp", root, (pieces, number), last)
    (folded,) = [box for box in walk(view_graph(draft.build(), 1).boxes) if box.count > 1]
    assert folded.count == 10


def test_alternating_modules_are_folded_as_pairs() -> None:
    """Two modules in turn are no sequence of one, though they are equal."""
    draft = GraphDraft()
    draft.module("a"), draft.module("b")
    last, root = draft.input(), draft.call("", None, inputs=())
    for number in range(8):
        last = draft.call("ab"[number % 2], root, last)
    outer, inner = [box for box in walk(view_graph(draft.build(), 1).boxes) if box.count > 1]
    assert (outer.count, outer.node, outer.paths) == (4, None, ("a", "b"))
    assert (inner.count, inner.paths) == (2, ("a", "b"))


def test_a_sequence_begins_where_one_tensor_is_handed_on() -> None:
    """`add, layer, add, layer, add` is an addition, and then layers with their additions."""
    draft = GraphDraft()
    root, last = draft.call("", None, inputs=()), draft.op("add", 0, draft.input("x"))
    draft.nodes[last] = replace(draft.nodes[last], parent=root)
    for number in range(4):
        draft.module(f"layers.{number}")
        last = draft.op("add", root, draft.call(f"layers.{number}", root, last), last)
    (sequence,) = [box for box in walk(view_graph(draft.build(), 1).boxes) if box.count > 1]
    assert sequence.count == 4
    assert [box.node.name for box in sequence.boxes if box.node] == ["Linear", "add"]


def test_a_sequence_is_followed_by_something_larger() -> None:
    """`gate, layer, gate, layer, larger gate`: the other reading would pair unequal gates."""
    draft = GraphDraft()
    root, last = draft.call("", None, inputs=()), draft.input()
    gated = last
    for number, size in enumerate((1, 1, 3)):
        draft.module(f"gates.{number}", "Gate")
        gate = draft.call(f"gates.{number}", root, inputs=())
        gated = draft.op("add", gate, last, gated)
        for _ in range(size - 1):
            draft.op("exp", gate, gated)
        draft.module(f"layers.{number}")
        last = draft.call(f"layers.{number}", root, gated) if size == 1 else last
    (sequence,) = [box for box in walk(view_graph(draft.build(), 1).boxes) if box.count > 1]
    assert (sequence.count, sequence.paths[:2]) == (2, ("gates.0", "layers.0"))


def test_outputs_of_all_blocks_are_one_output() -> None:
    """Hidden states that a model gives out do not keep its blocks from being folded."""
    draft, ids = residual_stack(6)
    for number, block in enumerate(ids[:-1]):
        draft.output(f"output.hidden[{number}]", block[-1])
    view = view_graph(draft.build(), 1)
    folded = {box.count: box for box in walk(view.boxes) if box.count > 1}
    assert folded[6].paths[0] == "blocks.0"
    assert folded[5].paths[-1] == "output.hidden[4]"
    assert (folded[6].id, folded[5].id) in links(view)


def test_outputs_of_a_closed_call_that_differ_in_a_number_are_one() -> None:
    """A model drawn as one box gives out its layers' caches together."""
    draft, ids = residual_stack(4)
    for number, block in enumerate(ids):
        draft.output(f"cache[{number}].key", block[1])
        draft.output(f"cache[{number}].value", block[2])
    view = view_graph(draft.build(), 0)
    assert [box.count for box in view.boxes] == [1, 1, 1, 1, 4, 4]
    assert len(view.links) == 5


def test_a_cache_that_grows_does_not_keep_blocks_apart() -> None:
    """What a call is handed does not count, only what the nodes in it take."""
    draft, ids = residual_stack(6)
    for number, (block, *_) in enumerate(ids):
        cache = tuple(tensor(2, 8, name=f"cache[{place}]") for place in range(number))
        draft.nodes[block] = replace(draft.nodes[block], inputs=cache)
    assert counts(view_graph(draft.build(), 1))["blocks.0"] == 6


def test_branches_are_no_sequence_where_they_are_cut_across() -> None:
    """Of `linear, view` three times on one tensor, each `view, linear` is fed by the one before."""
    draft = GraphDraft()
    root, data = draft.call("", None, inputs=()), draft.input()
    heads = [draft.op("view", root, draft.op("linear", root, data)) for _ in range(3)]
    draft.op("attention", root, *heads)
    assert all(box.count == 1 for box in walk(view_graph(draft.build(), 1).boxes))


def test_an_output_of_one_of_two_blocks_keeps_them_apart() -> None:
    """Whose output it is would be lost."""
    draft, ids = residual_stack(2)
    draft.output("output.hidden[0]", ids[0][-1])
    assert set(counts(view_graph(draft.build(), 1)).values()) == {1}


def test_large_graphs_take_time_in_proportion() -> None:
    """96 blocks of 12 layers are a matter of 0.2 s; eight times as much takes no more than that."""

    def seconds(blocks: int) -> float:
        graph = residual_stack(blocks, layers=12)[0].build()
        times = []
        for _ in range(3):
            start = time.perf_counter()
            view_graph(graph, 3)
            times.append(time.perf_counter() - start)
        return min(times)

    assert seconds(96) < 0.2
    assert seconds(8 * 96) < 24 * seconds(96)


def test_a_long_chain_that_cannot_be_folded_takes_no_long_search() -> None:
    """Thousands of equal operations that are connected in ever other ways are no trap."""
    draft = GraphDraft()
    root, made = draft.call("", None, inputs=()), [draft.input()]
    for number in range(3_000):
        made.append(draft.op("add", root, made[-1], made[(number * 7919) % len(made)]))
    graph = draft.build()
    start = time.perf_counter()
    view_graph(graph, 1)
    assert time.perf_counter() - start < 3
