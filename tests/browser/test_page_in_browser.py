"""The record's page as its readers meet it: in a browser, by mouse and by keyboard."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import HOSTILE, Crashing, Net, hostile_net, record_page

pytestmark = pytest.mark.browser

_VIEWS = ("Diagram", "Modules", "torchinfo", "print(model)", "torchview", "Autograd", "Record")


@pytest.fixture(scope="session")
def net_page(tmp_path_factory) -> Path:
    return record_page(Net(), tmp_path_factory.mktemp("net"))


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory) -> Path:
    return record_page(hostile_net(), tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def page(watch, net_page) -> Page:
    return watch().open(net_page)


def _tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def _transform(page: Page) -> str:
    page.wait_for_timeout(300)  # a movement's end
    return str(
        page.eval_on_selector(".panel:not([hidden]) .paper", "paper => paper.style.transform")
    )


def _depth(page: Page) -> str:
    return page.locator(".depth output").inner_text()


def test_every_view_loads_without_a_complaint_or_a_request(watch, net_page) -> None:
    """Each tab has its content; the fixture asserts an empty console and no other address."""
    seen = watch()
    page = seen.open(net_page)
    assert [tab.inner_text() for tab in page.get_by_role("tab").all()] == list(_VIEWS)
    for name in _VIEWS:
        _tab(page, name)
        panel = page.get_by_role("tabpanel")
        expect(panel).to_have_count(1)
        content = panel.locator("svg, pre, [role=row], table").first
        expect(content).to_be_visible()
    assert seen.requests == [net_page.as_uri()]


def test_the_overview_tells_what_the_record_is(page) -> None:
    """Class, status, totals and input stand at the top."""
    header = page.locator("#overview")
    for text in ("Net", "complete", "624", "536 (85.9 %)", "x [5, 6] float32", "cpu"):
        expect(header).to_contain_text(text)


def test_warnings_are_seen_before_anything_else(page) -> None:
    """The never-called module is told above the tabs, and leads to its row."""
    warnings = page.locator("#warnings")
    expect(warnings).to_contain_text("1 module was never called in the first step")
    assert warnings.bounding_box()["y"] < page.get_by_role("tablist").bounding_box()["y"]
    warnings.locator("summary", has_text="warning").click()
    warnings.get_by_role("button", name="unused").click()
    expect(page.locator("[role=row][aria-selected=true]").first).to_contain_text("unused")
    expect(page.get_by_label("Details", exact=True)).to_contain_text("Not called in the first step")


def test_a_step_that_raised_is_unmistakable(watch, tmp_path) -> None:
    """Exception, place and traceback are told, and the diagram begins at the failed box."""
    page = watch().open(record_page(Crashing(), tmp_path, fails=True))
    expect(page.locator("#overview")).to_contain_text("first step failed")
    banner = page.locator("#warnings details.error").first
    expect(banner).to_contain_text("The first training step raised RuntimeError")
    expect(banner).to_contain_text("Where: cat in the model")
    banner.get_by_text("Traceback", exact=True).click()
    expect(banner.locator("pre")).to_contain_text("Traceback (most recent call last)")
    failed = page.locator(".frame .box", has_text="RuntimeError").last
    expect(failed).to_be_in_viewport()


def test_the_slider_shows_the_diagram_at_each_depth(page) -> None:
    """From closed blocks to all operations, by keyboard; the depth is said."""
    slider = page.get_by_label("Depth", exact=True)
    assert _depth(page) == "1 / 3"
    counts = [page.locator(".frame .box").count()]
    slider.focus()
    for depth in (2, 3):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".depth output")).to_have_text(f"{depth} / 3")
        expect(slider).to_have_attribute("aria-valuetext", f"{depth} of 3")
        page.wait_for_timeout(200)
        counts.append(page.locator(".frame .box").count())
    assert counts == sorted(set(counts))


def test_search_by_path_moves_to_the_box(page) -> None:
    """Enter goes to the first result: depth raised, box marked and in sight, row and details."""
    page.keyboard.press("/")
    page.keyboard.type("blocks.1.second")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".depth output")).to_have_text("3 / 3")
    chosen = page.locator(".frame .box.chosen")
    expect(chosen).to_contain_text("Linear")
    expect(chosen).to_be_in_viewport()
    expect(page.locator("[role=row][aria-selected=true]")).to_contain_text("second")
    details = page.get_by_label("Details", exact=True)
    expect(details.get_by_label("Path blocks.1.second")).to_be_visible()
    expect(details).to_contain_text("in_features=8, out_features=8, bias=True")
    expect(page.locator("#live")).to_contain_text("blocks.1.second, depth 3")


def test_search_by_class_lists_all_of_them(page) -> None:
    """Results are counted for who does not see them, and chosen with the arrow keys."""
    field = page.get_by_label("Search by path or class")
    field.fill("batchnorm")
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.locator("#live")).to_have_text("1 result")
    field.fill("block")
    # The Sequential, its three blocks, and what is in them.
    assert page.get_by_role("option").count() >= 10
    page.keyboard.press("ArrowDown")
    second = page.get_by_role("option").nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", second.get_attribute("id"))
    field.fill("nothing like it")
    expect(page.locator("#found")).to_contain_text("Nothing found")


def test_a_click_on_a_box_tells_everything_about_it(page) -> None:
    """Path, class, configuration, shapes, parameters, share, mode, marks; and its row."""
    page.locator(".frame .box", has_text="stem").last.click()
    details = page.get_by_label("Details", exact=True)
    for text in ("Linear", "torch.nn.modules.linear.Linear", "in_features=6", "[5, 6]", "[5, 8]"):
        expect(details).to_contain_text(text)
    expect(details.locator(".facts")).to_contain_text(re.compile(r"Parameters\s*56"))
    expect(details.locator(".shares")).to_contain_text("9.0 % of the parameters")
    expect(details.locator(".chips")).to_contain_text("train")
    expect(page.locator("[role=row][aria-selected=true]")).to_contain_text("stem")
    page.locator(".frame .box", has_text="frozen").last.click()
    expect(details.locator(".chips")).to_contain_text("frozen")
    expect(details.locator(".chips")).to_contain_text("eval")


def test_a_row_of_the_tree_leads_to_its_box(page) -> None:
    """And a folded box tells all modules that it stands for."""
    page.locator(".panel.diagram [role=row]", has_text="head").click()
    expect(page.locator(".frame .box.chosen")).to_contain_text("head")
    page.locator(".panel.diagram [role=row]", has_text="blocks").click()
    page.get_by_label("Depth", exact=True).fill("1")
    page.locator(".panel.diagram [role=row]", has_text="Block").nth(1).click()
    expect(page.locator(".frame .box.chosen")).to_contain_text("3 ×")
    details = page.get_by_label("Details", exact=True)
    for path in ("blocks.0", "blocks.1", "blocks.2"):
        expect(details.get_by_role("button", name=path, exact=True)).to_be_visible()


def test_wheel_drag_buttons_and_keys_move_the_diagram(page) -> None:
    """Each of them changes what is in sight, and fit brings back all of it."""
    frame = page.locator(".panel.diagram .frame")
    box = frame.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    states = [_transform(page)]

    def changed() -> bool:
        states.append(_transform(page))
        return states[-1] != states[-2]

    page.mouse.wheel(0, -240)
    assert changed()
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 40)
    page.mouse.up()
    assert changed()
    expect(page.get_by_label("Details", exact=True)).to_be_hidden()
    for name in ("Zoom in", "Zoom out", "Natural size", "Fit to view"):
        page.get_by_role("button", name=name).last.click()
        changed()
    assert len(set(states[-4:])) >= 3
    frame.focus()
    for key in ("+", "ArrowLeft", "ArrowDown", "-"):
        page.keyboard.press(key)
        assert changed(), key
    page.keyboard.press("0")
    page.wait_for_timeout(300)
    picture, seen = page.locator(".frame svg").bounding_box(), frame.bounding_box()
    assert seen["x"] <= picture["x"]
    assert picture["y"] + picture["height"] <= seen["y"] + seen["height"]


def test_two_fingers_zoom(watch, net_page) -> None:
    """A pinch on a phone makes the diagram larger."""
    page = watch(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open(
        net_page
    )
    before = _transform(page)
    box = page.locator(".panel.diagram .frame").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    client = page.context.new_cdp_session(page)
    for kind, gap in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80), ("touchEnd", None)):
        points = [] if gap is None else [{"x": x - gap, "y": y}, {"x": x + gap, "y": y}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    after = _transform(page)
    scale = [float(re.search(r"scale\(([\d.]+)\)", text)[1]) for text in (before, after)]
    assert scale[1] > 1.5 * scale[0]


def test_everything_is_reached_by_keyboard_alone(page) -> None:
    """From the tabs to the diagram, among its boxes, into the details and back, to another tab."""
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the diagram")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator(".panel.diagram .frame").focus()
    page.keyboard.press("Enter")
    first = page.evaluate("document.activeElement.id")
    assert re.fullmatch(r"n\d+", first)
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.id")
    assert second not in {first, ""}
    assert page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    details = page.get_by_label("Details", exact=True)
    expect(details).to_be_visible()
    details.get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == second
    page.keyboard.press("Escape")
    expect(page.locator(".panel.diagram .frame")).to_be_focused()
    page.get_by_role("tab", name="Diagram").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Modules")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Record")).to_be_focused()


def test_only_one_box_is_in_the_order_of_the_tab_key(page) -> None:
    """A thousand boxes are one stop, not a thousand."""
    assert page.locator('.frame .box[tabindex="0"]').count() == 1


def test_the_module_table_is_sorted_filtered_and_closed(page) -> None:
    """By a column's head, by words, and with the arrow keys of a tree."""
    _tab(page, "Modules")
    grid = page.get_by_role("treegrid", name="Modules", exact=True)
    names = grid.locator(".space .name bdi")
    assert names.first.inner_text() == "model"
    page.get_by_label("As a list").check()
    grid.get_by_role("button", name="Parameters").click()
    head = grid.get_by_role("columnheader", name="Parameters")
    expect(head).to_have_attribute("aria-sort", "descending")
    first_rows = [grid.get_by_role("row").nth(place).inner_text() for place in (1, 2)]
    assert "model" in first_rows[0]
    assert "blocks" in first_rows[1]
    page.get_by_label("As a list").uncheck()
    page.get_by_label("Filter by path or class").fill("batchnorm")
    assert grid.locator(".space [role=row]").count() == 3
    page.get_by_label("Filter by path or class").fill("")
    row = grid.locator(".space [role=row]").first
    row.focus()
    count = int(grid.get_attribute("aria-rowcount"))
    page.keyboard.press("ArrowLeft")
    assert int(grid.get_attribute("aria-rowcount")) == 2
    page.keyboard.press("ArrowRight")
    assert int(grid.get_attribute("aria-rowcount")) == count


def test_a_module_is_the_same_in_table_and_diagram(page) -> None:
    """A row of the table goes to its box, and the box's row is marked in the table."""
    _tab(page, "Modules")
    page.locator(".panel.modules [role=row]", has_text="head").click()
    page.get_by_role("button", name="Show in the diagram").click()
    expect(page.locator(".frame .box.chosen")).to_contain_text("head")
    page.locator(".frame .box", has_text="stem").last.click()
    _tab(page, "Modules")
    expect(page.locator(".panel.modules [role=row][aria-selected=true]")).to_contain_text("stem")


_TEXT_AND_GROUND = """(element, [text, ground]) => {
  const own = getComputedStyle(element)[text];
  let at = element.closest(ground || "*");
  if (ground) return [own, getComputedStyle(at.querySelector("path, polygon")).fill];
  const isClear = () => /, 0\\)$|transparent/.test(getComputedStyle(at).backgroundColor);
  while (isClear()) at = at.parentElement;
  return [own, getComputedStyle(at).backgroundColor];
}"""


def _luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(part) / 255) for part in re.findall(r"\d+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(page: Page, selector: str, *, text: str = "color", ground: str = "") -> float:
    """The contrast of an element's text with what is behind it."""
    own, behind = page.eval_on_selector(selector, _TEXT_AND_GROUND, [text, ground])
    light, dark = sorted((_luminance(own), _luminance(behind)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_are_legible_in_light_and_dark(watch, net_page, scheme) -> None:
    """WCAG AA, 4.5 : 1, in the page and in the boxes of its pictures."""
    page = watch(color_scheme=scheme).open(net_page)
    assert page.locator("html").get_attribute("data-theme") == scheme
    page.locator(".frame .box", has_text="stem").last.click()
    for selector in ("h1", ".totals dt", ".faint", ".banner.warning strong", "[role=tab]", ".crumb",
                     ".banner.note .titles", ".status.good", ".details dt", ".chip.family", ".sort",
                     ".tree .name .class", ".mark"):  # fmt: skip
        if page.locator(selector).count():
            assert _contrast(page, selector) >= 4.5, selector
    for box in page.locator(".frame g.node").all():
        id_ = box.get_attribute("id")
        selector = f".frame g#{id_} > text"
        assert _contrast(page, selector, text="fill", ground="g.node") >= 4.5, id_


def test_the_theme_is_chosen_and_kept(watch, net_page) -> None:
    """The button goes from the system's to light to dark; dark boxes are not light ones."""
    page = watch(color_scheme="light").open(net_page)
    fill = "getComputedStyle(document.querySelector('.frame g.node path')).fill"
    light = page.evaluate(fill)
    toggle = page.get_by_role("button", name=re.compile("Colours"))
    toggle.click()
    toggle.click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate(fill) != light
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_print_shows_what_the_tabs_hide(page) -> None:
    """Overview, warnings, the diagram and the whole table are on paper, in light colours."""
    page.emulate_media(media="print", color_scheme="dark")
    printed = page.locator("#printed")
    expect(printed.locator("svg")).to_be_visible()
    expect(printed.locator("table")).to_contain_text("blocks.2.second")
    expect(page.locator("#warnings")).to_contain_text("unused")
    expect(page.locator("#tabs")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 31, 36)"
    page.emulate_media(media="screen")
    expect(printed.locator("svg")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390, 768, 1920])
def test_nothing_is_wider_than_the_window(watch, net_page, width) -> None:
    """On a phone as on a large screen, no view makes the page scroll sideways."""
    page = watch(viewport={"width": width, "height": 800}).open(net_page)
    for name in _VIEWS:
        _tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_hostile_names_are_shown_and_never_run(watch, hostile_page) -> None:
    """Markup in names is text in every view, in search and in the details."""
    page = watch().open(hostile_page)
    field = page.get_by_label("Search by path or class")
    shown = HOSTILE | {"turned": "gnp\\u202eexe"}
    for name in shown.values():
        # Paths of modules hold no dots but those between names.
        field.fill(name.replace(".", ""))
        option = page.get_by_role("option").first
        expect(option).to_contain_text(name.replace(".", ""))
        page.keyboard.press("Enter")
        expect(page.get_by_label("Details", exact=True).locator("h2")).to_be_visible()
    for name in _VIEWS:
        _tab(page, name)
        page.wait_for_timeout(150)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("({}).hacked") is None


def test_reduced_motion_moves_at_once(watch, net_page) -> None:
    """Who asked for no animation gets none."""
    page = watch(reduced_motion="reduce").open(net_page)
    page.locator(".panel.diagram [role=row]", has_text="head").click()
    assert (
        page.eval_on_selector(
            ".panel.diagram .paper", "p => getComputedStyle(p).transitionDuration"
        )
        == "0s"
    )
