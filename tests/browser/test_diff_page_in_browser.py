"""The page of a diff as its readers meet it: in a browser, by mouse and by keyboard."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Edge,
    ModuleEntry,
    Node,
    TensorSpec,
)
from tests.browser.large_graph import large_graph
from tests.browser.pages import HOSTILE
from tests.diff_page.pages import compared
from tests.report.archives import LINEAR, net

pytestmark = pytest.mark.browser


def _model(**changes: object) -> ArchitectureGraph:
    """A stem, three equal blocks and a head, one after the other."""
    given = {"blocks": 3, "head": "8, 4", "stem": "stem", "extra": False} | changes
    modules, nodes = (
        [ModuleEntry("", "my.Net")],
        [Node(0, "input", "x"), Node(1, "module", "Net", "")],
    )
    edges: list[Edge] = []

    def call(path: str, name: str, parent: int, config: str = "") -> int:
        kind = LINEAR if name == "Linear" else f"my.{name}"
        modules.append(ModuleEntry(path, kind, config))
        nodes.append(Node(len(nodes), "module", name, path, parent))
        return nodes[-1].id

    last = call(given["stem"], "Linear", 1, "6, 8")
    edges.append(Edge(0, last))
    for block in range(given["blocks"]):
        holder = call(f"b{block}", "Block", 1)
        inner = call(f"b{block}.fc", "Linear", holder, "8, 8")
        edges.append(Edge(last, inner))
        last = inner
    if given["extra"]:
        nodes.append(Node(len(nodes), "op", "relu", parent=1))
        edges.append(Edge(last, nodes[-1].id))
        last = nodes[-1].id
    head = call("head", "Linear", 1, given["head"])
    edges.append(Edge(last, head))
    return ArchitectureGraph(tuple(modules), tuple(nodes), tuple(edges))


def _with(graph: ArchitectureGraph, names: tuple[str, ...]) -> ArchitectureGraph:
    """Adds layers that are the same in every model."""
    first = len(graph.nodes)
    nodes = (Node(first + n, "module", "Linear", path, 0) for n, path in enumerate(names))
    modules = (*graph.modules, *(ModuleEntry(path, LINEAR) for path in names))
    return ArchitectureGraph(modules, (*graph.nodes, *nodes))


def _written(folder: Path, old: ArchitectureGraph, new: ArchitectureGraph) -> Path:
    _, page = compared(folder, old, new)
    file = folder / "diff.html"
    file.write_text(page.html, "utf-8")
    return file


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A head reconfigured, a block added, an operation gone, a stem renamed."""
    old, new = _model(extra=True), _model(blocks=4, head="8, 5", stem="entry")
    return _written(tmp_path_factory.mktemp("diff"), old, new)


def _side(page: Page, name: str):
    return page.get_by_role("region", name=name, exact=True)


def _fill_of(page: Page, side: str, text: str) -> str:
    box = _side(page, side).locator("g.box", has_text=text).last
    return box.locator("> path").last.get_attribute("fill")


def test_both_diagrams_are_coloured_and_signed(watch, small) -> None:
    """By what changed; everything else is grey; screen readers are told as well."""
    page = watch().open(small)
    for side in ("Old", "New"):
        assert _fill_of(page, side, "head") == "var(--m-changed)"
        head = _side(page, side).locator("g.box", has_text="head").last
        expect(head.locator(".badge")).to_contain_text("≠")
        assert "reconfigured" in head.get_attribute("aria-label")
    assert _fill_of(page, "Old", "relu") == "var(--m-removed)"
    assert _fill_of(page, "Old", "stem") == "var(--m-moved)"
    assert _fill_of(page, "New", "entry") == "var(--m-moved)"
    legend = page.get_by_label("Legend")
    for word in ("Added", "Removed", "Reconfigured", "Moved or renamed", "Changed inside"):
        expect(legend).to_contain_text(word)


def test_a_folded_block_is_partly_changed(watch, small) -> None:
    """One of the four blocks that are drawn as one was added: the box says so."""
    page = watch().open(small)
    page.get_by_role("slider").fill("0")
    block = _side(page, "New").locator("g.box[aria-label*='of 4 added']").first
    expect(block).to_be_attached()
    assert block.locator("> path").last.get_attribute("fill") == "var(--m-partly)"
    assert block.locator("> path").last.get_attribute("stroke-dasharray")


def test_a_click_on_a_change_goes_to_both_boxes(watch, small) -> None:
    """And tells what is known of them; what is on one side alone is on that."""
    page = watch().open(small)
    page.get_by_role("button", name=re.compile("^head")).click()
    for side in ("Old", "New"):
        chosen = _side(page, side).locator("g.box.chosen")
        expect(chosen).to_contain_text("head")
        expect(chosen).to_be_in_viewport()
    expect(page.locator(".about")).to_contain_text("reconfigured")
    page.locator("button.change", has_text="relu").click()
    expect(_side(page, "Old").locator("g.box.chosen")).to_contain_text("relu")
    expect(_side(page, "New").locator("g.box.chosen")).to_have_count(0)
    expect(page.locator(".about")).to_contain_text("not there")


def test_a_click_on_a_box_goes_to_its_counterpart(watch, small) -> None:
    """Also where it has another name."""
    page = watch().open(small)
    _side(page, "Old").locator("g.box", has_text="stem").last.click()
    expect(_side(page, "New").locator("g.box.chosen")).to_contain_text("entry")
    expect(page.locator(".about")).to_contain_text("renamed: stem → entry")


def _batch_of(size: int) -> ArchitectureGraph:
    """A step whose FLOPs grow with its input, as any does."""
    graph = _model()
    x, *others = graph.nodes
    x = replace(x, outputs=(TensorSpec((size, 6), "float32", "cpu", "x"),))
    return replace(graph, nodes=(x, *(replace(node, flops=100 * size) for node in others)))


@pytest.mark.parametrize(("size", "told"), [(4, "+1.00 k, +100.0 %, for another input"), (2, "=")])
def test_more_flops_for_a_larger_batch_are_told_as_such(watch, tmp_path, size, told) -> None:
    """They say nothing of the architecture."""
    page = watch().open(_written(tmp_path, _batch_of(2), _batch_of(size)))
    flops = page.locator("dl.totals div", has_text="FLOPs forward")
    expect(flops).to_contain_text(told)


def test_flops_of_which_some_were_not_counted_have_no_difference(watch, tmp_path) -> None:
    """It would say nothing."""
    old = _batch_of(2)
    new = replace(old, nodes=(*old.nodes[:-1], replace(old.nodes[-1], flops=None)))
    page = watch().open(_written(tmp_path, old, new))
    flops = page.locator("dl.totals div", has_text="FLOPs forward")
    expect(flops).to_contain_text(" → at least ")
    expect(flops).not_to_contain_text("%")


def test_the_keyboard_does_all_of_it(watch, small) -> None:
    """Tab to the changes, Enter takes one; in a diagram arrows go from box to box."""
    page = watch().open(small)
    page.locator("button.change").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("button.change[aria-current]")).to_have_count(1)
    frame = _side(page, "New").locator(".frame")
    frame.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator("g.box:focus")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(_side(page, "New").locator("g.box.chosen")).to_have_count(1)


def test_the_depth_is_of_both(watch, small) -> None:
    """The slider draws both anew."""
    page = watch().open(small)
    for value, count in (("0", 1), ("1", 2)):
        page.get_by_role("slider").fill(value)
        for side in ("Old", "New"):
            expect(_side(page, side).locator(".frame")).to_have_attribute(
                "aria-label", re.compile(f"depth {count}")
            )


@pytest.mark.parametrize("width", [320, 768, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(watch, small, width, scheme) -> None:
    """Side by side where there is room, below each other where there is none."""
    page = watch(viewport={"width": width, "height": 800}, color_scheme=scheme).open(small)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    old, new = (_side(page, side).bounding_box() for side in ("Old", "New"))
    assert (old["y"] == new["y"]) == (width > 320)


def test_print_has_the_list_and_both_diagrams(watch, small) -> None:
    """In light colours."""
    page = watch(color_scheme="dark").open(small)
    page.emulate_media(media="print")
    printed = page.locator("#printed")
    expect(printed.locator("svg")).to_have_count(2)
    expect(printed).to_contain_text("head")


def test_hostile_names_are_shown_and_never_run(watch, tmp_path) -> None:
    """In the list, in both diagrams and in what is told of a box."""
    names = list(HOSTILE.values())
    same = ("constructor", "__proto__.fc", "toString")
    old, new = (_with(net(width, *names, class_name=f"my.{names[0]}"), same) for width in (4, 5))
    page = watch().open(_written(tmp_path / "<img src=x onerror=hacked=1>", old, new))
    for name in same:
        _side(page, "Old").locator("g.box", has_text=name.partition(".")[0]).last.press("Enter")
        expect(_side(page, "New").locator("g.box.chosen")).to_have_count(1)
    for change in page.locator("button.change").all():
        change.click()
        page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    expect(page.locator(".changes")).to_contain_text("<script>window.hacked = 1</script>")


def test_ten_thousand_changes_are_a_list_of_few_elements(watch, tmp_path, monkeypatch) -> None:
    """The page of two large graphs is there in a few seconds, also where they are not drawn."""
    monkeypatch.setattr("modelviz_callbacks.diff_page.drawings._MOST_A_DIAGRAM_S", 0.0)
    old = large_graph()
    modules = [
        ModuleEntry(entry.path, entry.class_name, f"{place}, changed")
        for place, entry in enumerate(old.modules)
    ]
    file = _written(tmp_path, old, ArchitectureGraph(tuple(modules), old.nodes))
    begun = time.monotonic()
    page = watch().open(file)
    assert time.monotonic() - begun < 10
    assert page.locator("button.change").count() <= 200
    page.get_by_label("Filter changes").fill("blocks_77.leaf_33")
    expect(page.locator("button.change")).to_have_count(1)
