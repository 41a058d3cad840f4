"""Ten thousand boxes, none like the other, and no wait."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from modelviz_callbacks.draw.page import render_page
from tests.browser.large_graph import BLOCKS, LEAVES, block_id, large_content

pytestmark = pytest.mark.browser

_LIMIT_MS = 100
# On a busy machine: so many frames of an empty page that is painted anew.
_EMPTY_FRAMES = 12
_TRIES = 3

# Notes how long it takes from an event to the moment after the next frame is painted.
_TRACE = """() => {
  window.traced = [];
  const afterFrame = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = then;
    channel.port2.postMessage(null);
  });
  for (const type of ["wheel", "pointermove", "keydown", "pointerup", "input"]) {
    addEventListener(type, () => {
      const begun = performance.now();
      afterFrame(() => window.traced.push(performance.now() - begun));
    }, { capture: true });
  }
}"""


@pytest.fixture(scope="session")
def large_page(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("large") / "index.html"
    file.write_text(render_page(large_content()), encoding="utf-8")
    return file


@pytest.fixture
def page(watch, large_page) -> Page:
    page = watch().open(large_page)
    page.wait_for_timeout(500)
    page.evaluate(_TRACE)
    return page


@pytest.fixture
def empty_ms(browser, tmp_path) -> float:
    """How long a frame takes of a page with nothing on it, at this moment."""
    file = tmp_path / "empty.html"
    file.write_text("<!DOCTYPE html><title>empty</title><p>nothing")
    page = browser.new_page()
    page.goto(file.as_uri())
    page.evaluate(_TRACE)
    for place in range(8):
        page.mouse.move(10 + place, 10)
        page.wait_for_timeout(50)
    longest = max(page.evaluate("window.traced"))
    page.close()
    return float(longest)


def _middle(page: Page) -> tuple[float, float]:
    box = page.locator(".panel.diagram .frame").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _wheel(page: Page) -> None:
    for step in (120, 120, -120, -120):
        page.mouse.wheel(0, step)
        page.wait_for_timeout(60)


def _drag(page: Page) -> None:
    x, y = _middle(page)
    page.mouse.down()
    for step in range(1, 8):
        page.mouse.move(x - 40 * step, y - 15 * step)
        page.wait_for_timeout(30)
    page.mouse.up()


def _keys(page: Page) -> None:
    page.locator(".panel.diagram .frame").focus()
    for key in ("ArrowRight", "+", "-", "Enter", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)


def _search(page: Page) -> None:
    page.locator(".search input").fill("blocks_77.leaf_33")
    page.wait_for_timeout(200)
    page.locator(".search input").press("Enter")


def _click(page: Page) -> None:
    page.mouse.click(*_middle(page))


@pytest.mark.parametrize("act", [_wheel, _drag, _keys, _search, _click])
@pytest.mark.parametrize("view", ["near", "afar"])
def test_the_next_frame_is_there_at_once(page, empty_ms, act, view) -> None:
    """Pan, zoom, search and click take less than 100 ms to the next frame, near by and from afar.

    Or, where everything is slow just now, less than twelve frames of an empty page. The quickest
    of three tries counts: others use this machine too.
    """
    if view == "afar":
        page.get_by_role("button", name="Fit to view").click()
        page.wait_for_timeout(400)
    page.mouse.move(*_middle(page))
    longest = []
    for _ in range(_TRIES):
        page.evaluate("window.traced.length = 0")
        act(page)
        page.wait_for_timeout(500)
        longest.append(max(page.evaluate("window.traced")))
        if longest[-1] < _LIMIT_MS:
            break
    assert min(longest) < max(_LIMIT_MS, _EMPTY_FRAMES * empty_ms), (longest, empty_ms)


def test_few_of_ten_thousand_boxes_are_elements(page) -> None:
    """Only those in sight are; from afar a canvas has all of them."""
    boxes = page.locator(".frame .box")
    assert 10 < boxes.count() < 1_000
    page.get_by_role("button", name="Fit to view").click()
    page.wait_for_timeout(400)
    assert boxes.count() < 10
    painted = page.evaluate(
        """() => {
          const canvas = document.querySelector("canvas.afar");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const isBlue = (at) => data[at + 2] > 200 && data[at + 3] > 0;
          let blue = 0;
          for (let at = 0; at < data.length; at += 4) blue += isBlue(at);
          return blue / (data.length / 4);
        }"""
    )
    assert painted > 0.05


def test_a_box_far_away_is_found_by_click_and_by_search(page) -> None:
    """What is a few pixels large can be clicked; the search brings it near."""
    page.get_by_role("button", name="Fit to view").click()
    page.wait_for_timeout(400)
    _click(page)
    details = page.get_by_label("Details", exact=True)
    expect(details.locator("h2")).to_have_text("Linear")
    _search(page)
    chosen = page.locator(f".frame #n{block_id(77) + 1 + 33}")
    expect(chosen).to_be_in_viewport()
    expect(chosen).to_have_class("node box chosen")


def test_ten_thousand_rows_are_scrolled_without_being_there(page) -> None:
    """The module table holds the rows in sight only, and still tells how many there are."""
    page.get_by_role("tab", name="Modules").click()
    page.get_by_role("button", name="Open all").click()
    grid = page.get_by_role("treegrid", name="Modules", exact=True)
    assert int(grid.get_attribute("aria-rowcount")) == 2 + BLOCKS * (LEAVES + 1)
    assert grid.locator("[role=row]").count() < 200
    page.locator(".panel.modules .rows").evaluate("rows => { rows.scrollTop = 1e9; }")
    expect(grid.get_by_text("leaf_99", exact=True)).to_be_visible()


def test_its_page_is_small(large_page) -> None:
    """Ten thousand boxes with all that is known of them stay below 3 MB."""
    assert large_page.stat().st_size < 3_000_000
