"""The report as its readers meet it: by mouse, by keyboard, with ten thousand runs."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.records import find_records
from modelviz_callbacks.report.evolution import lineages
from modelviz_callbacks.report.facts import facts_of
from modelviz_callbacks.report.links import Links
from modelviz_callbacks.report.make import make_report
from modelviz_callbacks.report.page import render_report
from modelviz_callbacks.report.runs import read_archive
from tests.browser.pages import HOSTILE
from tests.report.archives import SVG, found, net, write_record

pytestmark = pytest.mark.browser

_LIMIT_MS = 1_000
_TABS = ("Runs", "Architectures", "Evolution")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """Four runs of two architectures, one of a class that never changes, and a broken one."""
    root = tmp_path_factory.mktemp("runs")
    graphs = (net(4), net(4), net(5, "fc", "head"), net(4, class_name="my.Other"))
    for place, graph in enumerate(graphs):
        status = "failed_step" if place == 3 else "complete"
        write_record(
            root / f"exp{place}" / "architecture",
            graph,
            f"2026-01-0{place + 1}T00:00:00Z",
            SVG,
            status=status,
            totals={"parameters": 12 * (place + 1), "flops_forward": 24},
        )
    (root / "broken" / "architecture").mkdir(parents=True)
    (root / "broken" / "architecture" / "manifest.json").write_text("{")
    return _written(root)


def _written(root: Path) -> Path:
    archive = read_archive(find_records(root))
    file = root / "report.html"
    report = make_report(str(root), archive, root, most_thumbnails=9, limit_s=60)
    file.write_text(report.html, "utf-8")
    return file


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """Ten thousand runs of a hundred architectures; no record is there."""
    records = (
        found(
            f"sweep/run_{n:05}",
            class_name=f"my.Net{n % 7}",
            parameters=1_000 + n,
            fingerprints={"structure": f"sha256:{n % 100:064}"},
            created_at=f"2026-{1 + n % 12:02}-{1 + n % 28:02}T{n % 24:02}:00:00Z",
        )
        for n in range(10_000)
    )
    return _rendered(tmp_path_factory.mktemp("large"), records)


def _rendered(folder: Path, records: Iterable[FoundRecord]) -> Path:
    """Writes a report without reading any record."""
    archive = read_archive(records)
    facts = facts_of(archive, lineages(archive.runs, 0), Links("/"))
    head = {"root": "/runs", "made_at": "2026-12-31T00:00:00Z", "notes": ["a note"]}
    file = folder / "report.html"
    file.write_text(render_report(head | facts, {}), "utf-8")
    return file


def _rows(page: Page) -> list[str]:
    return page.locator(".panel.runs .space .row [role=gridcell]:first-child").all_inner_texts()


def _tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_the_table_is_sorted_and_filtered(watch, small) -> None:
    """Newest first; by a column and back; by words, status and architecture."""
    page = watch().open(small)
    assert _rows(page) == ["exp3", "exp2", "exp1", "exp0"]
    heading = page.get_by_role("button", name="Parameters")
    heading.click()
    assert page.get_by_role("columnheader", name="Parameters").get_attribute("aria-sort") == (
        "descending"
    )
    heading.click()
    assert _rows(page) == ["exp0", "exp1", "exp2", "exp3"]
    page.get_by_label("Filter by run, model or fingerprint").fill("exp net")
    expect(page.locator("output")).to_have_text("3 of 4 runs")
    page.get_by_label("Filter by status").select_option("failed_step")
    expect(page.locator("output")).to_have_text("0 of 4 runs")
    page.get_by_role("button", name="Show all runs").click()
    row = page.locator(".panel.runs .row", has_text="exp0")
    row.get_by_role("button", name="2 runs").click()
    assert sorted(_rows(page)) == ["exp0", "exp1"]
    row.click()
    assert page.url == small.as_uri()


def test_the_keyboard_leads_to_a_record(watch, small) -> None:
    """Tab to the rows, arrows among them, Enter opens the record's page."""
    seen = watch()
    page = seen.open(small)
    page.locator(".panel.runs .row[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    focused = page.locator(".panel.runs .row:focus")
    expect(focused).to_contain_text("exp2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/exp2/architecture/index.html")
    # The record's page is another address, which was asked for.
    seen.requests.clear()
    seen.complaints.clear()


def test_the_slash_goes_to_the_filter(watch, small) -> None:
    """From whatever tab."""
    page = watch().open(small)
    _tab(page, "Evolution")
    page.keyboard.press("/")
    expect(page.get_by_label("Filter by run, model or fingerprint")).to_be_focused()


def test_architectures_have_a_picture_and_their_runs(watch, small) -> None:
    """A click leads to the runs of an architecture."""
    page = watch().open(small)
    _tab(page, "Architectures")
    cards = page.locator(".card")
    expect(cards).to_have_count(3)
    expect(cards.first.locator("img")).to_be_visible()
    assert page.eval_on_selector(".card img", "image => image.naturalWidth") > 10
    page.get_by_role("button", name="Show 2 runs with this architecture").click()
    assert sorted(_rows(page)) == ["exp0", "exp1"]


def test_the_evolution_says_what_changed(watch, small) -> None:
    """Of each class, with its parameters over time; what stayed the same is named."""
    page = watch().open(small)
    _tab(page, "Evolution")
    panel = page.locator(".panel.evolution")
    expect(panel.locator(".steps")).to_contain_text("added: head (Linear)")
    expect(panel.get_by_role("img", name="Parameters over 3 runs")).to_be_visible()
    expect(panel.locator("svg.chart")).to_have_count(1)
    expect(panel.locator(".unchanged")).to_contain_text("Other (1 run)")


def test_each_tab_says_what_is_the_same_architecture(watch, small) -> None:
    """In one of them parameters that train or not are a change, in the other they are none."""
    page = watch().open(small)
    for name, said in (
        ("Architectures", "which parameters train may differ"),
        ("Evolution", "which parameters train"),
    ):
        _tab(page, name)
        line = page.locator(f".panel.{name.lower()} .page > p").first
        expect(line).to_be_visible()
        expect(line).to_contain_text("same modules and data flow")
        expect(line).to_contain_text(said)


def test_a_card_without_a_data_flow_says_whose_it_may_be(watch, tmp_path) -> None:
    """It stands apart, and is perhaps no architecture of its own."""
    prints = {"structure": "sha256:1f4c"}
    runs = [found("seen", fingerprints={**prints, "dataflow": "sha256:77"}, created_at="4")]
    runs.append(found("bare", fingerprints=prints, created_at="3"))
    runs.append(found("alone", fingerprints={"structure": "sha256:2222"}, created_at="2"))
    page = watch().open(_rendered(tmp_path, runs))
    _tab(page, "Architectures")
    cards = page.locator(".card")
    expect(cards.nth(0)).not_to_contain_text("data flow")
    expect(cards.nth(1)).to_contain_text("data flow not seen: may be the same as the other one")
    expect(cards.nth(2)).to_contain_text("data flow not seen")
    expect(cards.nth(2)).not_to_contain_text("may be")


def test_what_cannot_be_read_is_told(watch, small) -> None:
    """With its reason, in a tab that is there for it alone."""
    page = watch().open(small)
    _tab(page, "Not readable (1)")
    expect(page.locator("ul.problems")).to_contain_text("manifest.json")


def test_ten_thousand_runs_are_no_wait(watch, large) -> None:
    """They are there at once; sorting and filtering take less than a second, with few elements."""
    page = watch().open(large)
    grid = page.get_by_role("grid", name="Runs")
    assert grid.get_attribute("aria-rowcount") == "10001"
    assert grid.locator("[role=row]").count() < 100
    timed = """async (act) => {
      const begun = performance.now();
      act === "sort" ? document.querySelector(".sort").click()
        : Object.assign(document.querySelector("input[type=search]"), { value: "run_09" })
            .dispatchEvent(new Event("input"));
      if (act === "filter") await new Promise((done) => setTimeout(done, 130));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return performance.now() - begun;
    }"""
    for act in ("sort", "filter"):
        assert min(page.evaluate(timed, act) for _ in range(3)) < _LIMIT_MS, act
    expect(page.locator("output")).to_have_text("1,000 of 10,000 runs")
    page.locator(".panel.runs .rows").evaluate("rows => { rows.scrollTop = 1e9; }")
    expect(grid.locator("[aria-rowindex='1001']")).to_be_visible()
    for name in _TABS:
        _tab(page, name)
    assert page.locator(".card").count() <= 60
    assert large.stat().st_size < 1_500_000


@pytest.mark.parametrize("width", [320, 768, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(watch, small, width, scheme) -> None:
    """On a phone as on a large screen, no tab makes the page scroll sideways."""
    page = watch(viewport={"width": width, "height": 800}, color_scheme=scheme).open(small)
    for name in _TABS:
        _tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_print_has_the_table_and_the_evolution(watch, small) -> None:
    """What the tabs hide is on paper."""
    page = watch().open(small)
    page.emulate_media(media="print")
    printed = page.locator("#printed")
    expect(printed.locator("table")).to_contain_text("exp0")
    expect(printed).to_contain_text("added: head (Linear)")
    expect(page.locator("#tabs")).to_be_hidden()


def test_hostile_names_are_shown_and_never_run(watch, tmp_path) -> None:
    """Of classes, modules, runs and reasons, in every tab."""
    for place, name in enumerate(HOSTILE.values()):
        for step in range(2):
            folder = tmp_path / f"<img src=x onerror=hacked=1>{place}{step}" / "architecture"
            day = f"2026-01-0{step + 1}T00:00:00Z"
            write_record(folder, net(4 + step, name, class_name=f"my.{name}"), day, SVG)
    broken = tmp_path / "<script>hacked=1<" / "architecture"
    broken.mkdir(parents=True)
    (broken / "manifest.json").write_text('{"schema_version": "<script>hacked=1</script>"}')
    page = watch().open(_written(tmp_path))
    for name in (*_TABS, "Not readable (1)"):
        _tab(page, name)
        page.wait_for_timeout(150)
        page.eval_on_selector_all("details", "all => all.forEach((one) => (one.open = true))")
        page.wait_for_timeout(150)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img:not([src^='data:image/png'])").count() == 0
    expect(page.locator(".panel.evolution")).to_contain_text("</script><script>")
