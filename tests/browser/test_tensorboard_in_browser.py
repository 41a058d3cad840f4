"""The tab in a real TensorBoard, in a real browser."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from torch import nn

from modelviz_callbacks import ModelVizHook
from tests.models import digits
from tests.tensorboard_plugin.records import artifact, page, write_events, write_record

pytestmark = pytest.mark.browser

START = """
import sys, threading
from tensorboard import default, program
from modelviz_callbacks.tensorboard_plugin.loader import ArchitectureLoader
board = program.TensorBoard(plugins=[*default.get_static_plugins(), ArchitectureLoader])
board.configure(["tensorboard", "--logdir", sys.argv[1], "--port", "0", "--load_fast=false"])
print(board.launch(), flush=True)
threading.Event().wait()
"""


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Starts a TensorBoard of a logdir, and gives its address."""
    running: list[subprocess.Popen[str]] = []

    def serve(logdir: Path) -> str:
        command = [sys.executable, "-c", START, str(logdir)]
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(started)
        assert started.stdout is not None
        return started.stdout.readline().strip()

    yield serve
    for started in running:
        started.kill()
        started.communicate()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end nothing of ours may have complained in the console."""
    opened: list[Page] = []
    complaints: list[str] = []

    def note(message) -> None:
        ours = "modelviz" in message.location.get("url", "") or "modelviz" in message.text
        if message.type in {"error", "warning"} and ours:
            complaints.append(f"{message.text} ({message.location})")

    def visit(address: str, *, complains: bool = False, **options: object) -> Page:
        made = browser.new_page(**{"viewport": {"width": 1440, "height": 900}, **options})
        opened.append(made)
        if not complains:
            made.on("console", note)
            made.on("pageerror", lambda error: complaints.append(str(error)))
        made.set_default_timeout(20_000)
        made.goto(address)
        return made

    yield visit
    for made in opened:
        made.close()
    assert complaints == []


def tab(visited: Page) -> FrameLocator:
    return visited.frame_locator('iframe[src*="plugin_entry"]')


def page_in(visited: Page, side: str) -> FrameLocator:
    return tab(visited).get_by_role("region", name=f"{side} record").frame_locator("iframe")


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A logdir with the records of two real runs."""
    logs = tmp_path_factory.mktemp("logs")
    for name, width in (("narrow", 4), ("wide", 32)):
        write_events(logs / name)
        net = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))
        with ModelVizHook(net, logs / name, visualizers=("repr", "architecture")):
            net(digits())
        assert (logs / name / "architecture" / "index.html").is_file()
    return logs


def test_two_runs_side_by_side(two_runs, serve, visit) -> None:
    """Picked in the list, both pages work; the address keeps them."""
    visited = visit(serve(two_runs))
    visited.get_by_role("tab", name="Architecture").click()
    rows = tab(visited).get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("narrow/architecture")
    for name in ("narrow", "wide"):
        tab(visited).get_by_label(f"Compare {name}/architecture").check()
    tab(visited).get_by_role("button", name="Compare side by side").click()
    for _ in range(2):
        for side in ("Left", "Right"):
            expect(page_in(visited, side).locator("html[data-ready]")).to_be_attached()
        expect(page_in(visited, "Left").locator("body")).to_contain_text("46")
        expect(page_in(visited, "Right").locator("body")).to_contain_text("354")
        expect(tab(visited).locator(".verdict")).to_contain_text("right has 308 parameters more")
        assert "left=narrow%2Farchitecture&p.modelviz.right=wide%2Farchitecture" in visited.url
        visited.reload()
    tab(visited).get_by_role("button", name="Swap").click()
    expect(page_in(visited, "Left").locator("body")).to_contain_text("354")
    tab(visited).get_by_role("button", name="All records").click()
    expect(rows).to_have_count(3)
    assert "p.modelviz" not in visited.url


def test_a_page_is_without_an_origin_and_reaches_nothing(tmp_path, serve, visit) -> None:
    """A record is data that anybody may have made; its names are no HTML either."""
    script = """
      const tries = {
        parent: () => parent.document.title,
        top: () => { top.location = "about:blank"; },
        storage: () => localStorage.length,
        opened: () => { if (open("/") === null) throw new Error("no window"); },
      };
      const outcome = {};
      for (const [name, attempt] of Object.entries(tries)) {
        try { attempt(); outcome[name] = "reached"; } catch { outcome[name] = "refused"; }
      }
      fetch("/data/logdir").then(() => "reached", () => "refused").then((fetched) => {
        outcome.fetched = fetched;
        document.body.dataset.outcome = JSON.stringify({ ...outcome, origin: window.origin });
      });
    """
    hostile = "<img src=x onerror=\"top['run']=1\">"
    record = write_record(
        tmp_path / "run" / "architecture",
        model={"class": f"a.{hostile}"},
        fingerprints={"structure": hostile},
        notes=(hostile,),
    )
    (record / "index.html").write_text(page("hostile", script))
    visited = visit(f"{serve(tmp_path)}#modelviz", complains=True)
    body = page_in(visited, "Left").locator("body[data-outcome]")
    expect(body).to_have_attribute(
        "data-outcome",
        '{"parent":"refused","top":"refused","storage":"refused","opened":"refused",'
        '"fetched":"refused","origin":"null"}',
    )
    tab(visited).get_by_role("button", name="All records").click()
    expect(tab(visited).get_by_role("row").nth(1)).to_contain_text("onerror")
    assert tab(visited).locator("img").count() == 0
    assert visited.evaluate("window.run") is None


def test_a_record_is_shown_before_its_page_is_there(tmp_path, serve, visit) -> None:
    """What there is of it, and the page as soon as it is there; nobody reloads anything."""
    drawing = (artifact("summary", "summary.txt"), artifact("torchview", status="pending"))
    record = write_record(tmp_path / "run" / "architecture", with_page=False, artifacts=drawing)
    visited = visit(f"{serve(tmp_path)}#modelviz")
    shown = tab(visited).get_by_role("region", name="Left record")
    expect(shown).to_contain_text("are being made")
    expect(shown.locator("pre")).to_have_text("the content of summary.txt")
    (record / "index.html").write_text(page("drawn"))
    expect(page_in(visited, "Left").locator("body[data-ready] h1")).to_have_text("drawn")
    # What is open is not taken away from who looks at it.
    (record / "index.html.new").write_text(page("drawn again"))
    (record / "index.html.new").rename(record / "index.html")
    tab(visited).get_by_role("button", name="Show the newer page").click()
    expect(page_in(visited, "Left").locator("h1")).to_have_text("drawn again")


def test_new_records_appear_when_tensorboard_reloads(tmp_path, serve, visit) -> None:
    """First there is none, and the tab says how one is made."""
    visited = visit(f"{serve(tmp_path)}#modelviz")
    expect(tab(visited).locator("main")).to_contain_text("ModelVizCallback")
    for name in ("a", "b"):
        write_record(tmp_path / name / "architecture")
    visited.wait_for_timeout(1_500)
    visited.get_by_title(re.compile("Last Updated")).click()
    expect(tab(visited).get_by_role("row")).to_have_count(3)


def test_the_keyboard_is_enough(two_runs, serve, visit) -> None:
    """A record is opened, another put beside it, and the list comes back."""
    visited = visit(f"{serve(two_runs)}#modelviz")
    first = tab(visited).get_by_role("button", name="narrow/architecture")
    expect(first).to_be_visible()
    for _ in range(40):
        visited.keyboard.press("Tab")
        if first.evaluate("e => e === document.activeElement"):
            break
    visited.keyboard.press("Enter")
    expect(page_in(visited, "Left").locator("html[data-ready]")).to_be_attached()
    choice = tab(visited).get_by_label("Compare with")
    choice.focus()
    visited.keyboard.press("ArrowDown")
    expect(choice).to_have_value("wide/architecture")
    expect(page_in(visited, "Right").locator("html[data-ready]")).to_be_attached()
    tab(visited).get_by_role("button", name="All records").focus()
    visited.keyboard.press("Space")
    expect(tab(visited).get_by_role("row")).to_have_count(3)


def test_the_tab_and_the_pages_are_dark_where_tensorboard_is(two_runs, serve, visit) -> None:
    """Whatever the system's own colours are, and when that is switched."""
    choice = "p.modelviz.left=narrow%2Farchitecture"
    visited = visit(f"{serve(two_runs)}?darkMode=true#modelviz&{choice}", color_scheme="null")
    dark = page_in(visited, "Left").locator("html[data-theme=dark][data-ready]")
    expect(dark).to_be_attached()
    expect(tab(visited).locator("html[data-theme=dark]")).to_be_attached()
    visited.get_by_role("button", name="Menu for changing light or dark theme").click()
    visited.get_by_role("menuitem", name="Light").click()
    expect(tab(visited).locator("html[data-theme=light]")).to_be_attached()
    expect(page_in(visited, "Left").locator("html[data-theme=light]")).to_be_attached()
