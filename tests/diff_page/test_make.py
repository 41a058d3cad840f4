"""What the page of a diff is made of: its list, its depths, its diagrams, and what is missing."""

from dataclasses import replace

from modelviz_callbacks.diff_page import sides as sides_module
from modelviz_callbacks.graph.diff_items import diff_items
from modelviz_callbacks.graph.model import ArchitectureGraph, Edge, ModuleEntry, Node
from tests.diff_page.pages import compared
from tests.draw.page.test_render import blocks, facts
from tests.report.archives import LINEAR, net

HOSTILE = "</script><script>alert(1)</script>"


def _blocks_of(count: int, kind: str = "my.Block") -> ArchitectureGraph:
    """A model of blocks, each with a layer in it that nobody sees at depth 1."""
    modules, nodes = [ModuleEntry("", "my.Net")], [Node(0, "module", "Net", "")]
    for block in range(count):
        modules += [ModuleEntry(f"b{block}", kind), ModuleEntry(f"b{block}.fc", LINEAR)]
        first = len(nodes)
        nodes.append(Node(first, "module", "Block", f"b{block}", 0))
        nodes.append(Node(first + 1, "module", "Linear", f"b{block}.fc", first))
    return ArchitectureGraph(tuple(modules), tuple(nodes))


def _listed(told: dict) -> list[tuple[str, str, list]]:
    return [(c["kind"], c["subject"], c["places"]) for c in told["changes"]]


def test_each_change_is_listed_with_its_places_on_both_sides(tmp_path) -> None:
    """What went has one in the old graph, what came in the new one, what stayed in both."""
    _, page = compared(tmp_path, net(4, "a", "kept"), net(5, "kept", "b"))
    assert _listed(facts(page.html)) == [
        ("added", "b", [[None, "b", None, None]]),
        ("removed", "a", [["a", None, None, None]]),
        ("changed", "kept", [["kept", "kept", None, None]]),
    ]


def test_what_came_with_its_holder_is_not_listed_again(tmp_path) -> None:
    """A block is one change, equal blocks are one line; all of it is marked."""
    _, page = compared(tmp_path, _blocks_of(1), _blocks_of(3))
    told = facts(page.html)
    assert _listed(told) == [
        ("added", "b[1-2]", [[None, "b1", None, None], [None, "b2", None, None]])
    ]
    assert told["changes"][0]["text"] == "Block with 1 module in it"
    assert set(told["sides"][1]["marks"]["modules"]) == {"b1", "b1.fc", "b2", "b2.fc"}
    assert told["sides"][0]["marks"]["modules"] == {}


def test_both_diagrams_are_drawn_at_every_depth(tmp_path) -> None:
    """And the page begins where what changed has boxes of its own."""
    old = _blocks_of(2)
    entries = [
        ModuleEntry(e.path, e.class_name, "another") if e.path == "b1.fc" else e
        for e in old.modules
    ]
    _, page = compared(tmp_path, old, ArchitectureGraph(tuple(entries), old.nodes))
    told = facts(page.html)
    assert told["depths"] == [1, 2]
    assert told["depth"] == 2
    drawn = {name for name in blocks(page.html) if "diagram" in name}
    assert drawn == {f"block-diagram-{side}-{depth}" for side in (0, 1) for depth in (1, 2)}
    assert "<style" not in blocks(page.html)["block-diagram-0-1"]
    assert page.notes == ()


def _joining(joins: tuple[int, ...]) -> ArchitectureGraph:
    """A model of three blocks in a row; those that are named add what they were given."""
    modules, nodes = [ModuleEntry("", "my.Net")], [Node(0, "module", "Net", "")]
    edges: list[Edge] = []
    last = None
    for block in range(3):
        modules += [ModuleEntry(f"b{block}", "my.Block"), ModuleEntry(f"b{block}.fc", LINEAR)]
        first = len(nodes)
        nodes.append(Node(first, "module", "Block", f"b{block}", 0))
        nodes.append(Node(first + 1, "module", "Linear", f"b{block}.fc", first))
        edges += [Edge(last, first + 1)] if last is not None else []
        given, last = last, first + 1
        if block in joins:
            nodes.append(Node(first + 2, "op", "add", parent=first))
            edges += [Edge(last, first + 2)] + ([Edge(given, first + 2)] if given else [])
            last = first + 2
    return ArchitectureGraph(tuple(modules), tuple(nodes), tuple(edges))


def test_the_page_begins_where_a_removed_skip_connection_can_be_seen(tmp_path) -> None:
    """Also in one of equal blocks that are drawn once."""
    _, page = compared(tmp_path, _joining((0, 1, 2)), _joining((0, 2)))
    told = facts(page.html)
    assert [change["kind"] for change in told["changes"]] == ["removed"]
    assert told["depths"] == [1, 2]
    assert told["depth"] == 2


def test_the_page_begins_where_what_came_is_a_box(tmp_path) -> None:
    """What is in it is no change of its own, for which all would have to be opened."""
    _, page = compared(tmp_path, _blocks_of(1), _blocks_of(3))
    assert facts(page.html)["depth"] == 1


def test_moves_are_told_in_the_words_of_the_terminal(tmp_path) -> None:
    """All that made room for a new block in one line, with their places."""
    old, new = net(4, "b", "b.0", "b.1", "b.2"), net(4, "b", "b.0", "b.1", "b.2", "b.3")
    modules = [
        replace(entry, class_name="my.Other", parameters=()) if entry.path == "b.1" else entry
        for entry in new.modules
    ]
    diff, page = compared(tmp_path, old, ArchitectureGraph(tuple(modules), new.nodes))
    (words,) = (item for item in diff_items(diff.graph) if item.kind == "moved")
    (moved,) = (c for c in facts(page.html)["changes"] if c["kind"] == "moved")
    assert (moved["subject"], moved["text"]) == (words.subject, words.detail)
    assert (moved["subject"], moved["text"]) == ("b.[1-2] → b.[2-3]", "2 modules renamed")
    assert moved["places"] == [["b.1", "b.2", None, None], ["b.2", "b.3", None, None]]


def test_what_could_not_be_drawn_is_told(tmp_path) -> None:
    """The list of changes is there all the same."""
    _, page = compared(tmp_path, _blocks_of(1), _blocks_of(2), limit_s=0)
    told = facts(page.html)
    assert told["changes"]
    assert told["sides"][0]["views"] == {}
    assert len([note for note in page.notes if "not drawn" in note]) == 4
    assert set(page.notes) <= set(told["notes"])


def test_a_depth_of_too_many_boxes_is_left_out(tmp_path, monkeypatch) -> None:
    """Nobody waits for it."""
    monkeypatch.setattr(sides_module, "_MOST_DRAWN", 3)
    _, page = compared(tmp_path, _blocks_of(2), _blocks_of(2, "my.Other"))
    assert facts(page.html)["depths"] == [1]
    assert "depth 2 is not drawn" in page.notes[0]


def test_graphs_without_a_step_have_a_list_and_no_diagram(tmp_path) -> None:
    """As they come of a record whose step was not watched."""
    modules = [ArchitectureGraph(net(width).modules) for width in (4, 5)]
    _, page = compared(tmp_path, *modules)
    told = facts(page.html)
    assert [change["kind"] for change in told["changes"]] == ["changed"]
    assert told["depths"] == []
    assert "nothing to draw" in page.notes[0]


def test_equal_architectures_have_no_change(tmp_path) -> None:
    """And the page says so."""
    diff, page = compared(tmp_path, net(), net())
    assert not diff
    assert facts(page.html)["changes"] == []


def test_operations_are_listed_by_where_they_ran(tmp_path) -> None:
    """A removed one is in the old graph, and leads to its node."""
    graph = net()
    extra = (*graph.nodes, Node(2, "op", "dropout", parent=0))
    more = ArchitectureGraph(graph.modules, extra, (Edge(1, 2),))
    _, page = compared(tmp_path, more, graph)
    (change,) = facts(page.html)["changes"]
    assert (change["kind"], change["text"]) == ("removed", "dropout")
    assert change["places"] == [[None, None, 2, None]]


def test_no_name_is_markup(tmp_path) -> None:
    """Whatever a class, a module or a folder is called."""
    old, new = net(4, HOSTILE), net(5, HOSTILE, class_name=f"my.{HOSTILE}")
    _, page = compared(tmp_path / "a<b>", old, new)
    assert "alert(1)" not in page.html
    assert "alert(1)" in blocks(page.html)["block-facts"]
