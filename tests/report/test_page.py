"""The report as a file: what its scripts are given, its links, its policy."""

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from modelviz_callbacks.archive.search import find_records
from modelviz_callbacks.report.links import Links
from modelviz_callbacks.report.make import make_report
from modelviz_callbacks.report.runs import read_archive
from tests.draw.page.test_render import blocks, facts
from tests.report.archives import SVG, found, net, write_record

HOSTILE = "</script><script>alert(1)</script>"


def _report(root: Path, folder: Path | None = None, **options: object) -> str:
    given = {"most_thumbnails": 5, "limit_s": 60} | options
    archive = read_archive(find_records(root))
    return make_report(str(root), archive, folder or root, **given).html


def test_a_run_has_a_row(tmp_path) -> None:
    """Name, class, parameters, FLOPs, status, architecture, date and the way to its page."""
    write_record(tmp_path / "exp 1" / "architecture", net())
    told = facts(_report(tmp_path))
    date = "2026-01-31T12:00:00Z"
    page = "exp%201/architecture/index.html"
    assert told["runs"] == [["exp 1", 0, 12, 24, 0, 0, date, page, None]]
    assert told["classes"] == ["my.Net"]
    assert told["statuses"][0] == "complete"


def test_broken_records_are_listed_with_their_reason(tmp_path) -> None:
    """And are no runs."""
    write_record(tmp_path / "good" / "architecture", net())
    bad = write_record(tmp_path / "bad" / "architecture", net())
    (bad / "manifest.json").write_text("{")
    told = facts(_report(tmp_path))
    assert len(told["runs"]) == 1
    ((name, reason),) = told["broken"]
    assert name == "bad"
    assert "manifest.json" in reason


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b", "javascript:alert(1)", 'a"b', "é\n"])
def test_a_link_leads_to_the_page_whatever_it_is_called(tmp_path, name) -> None:
    """No name is a scheme, a query or an end of the link."""
    page = tmp_path / name / "architecture" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("")
    link, told = Links(str(tmp_path / "elsewhere")).of(str(page.parent))
    assert told is None
    assert not re.match(r"\w+:", link)
    assert (tmp_path / "elsewhere" / unquote(link)).resolve() == page
    assert set(link) <= set("%/._-~") | set(map(chr, range(48, 123)))


def test_a_page_in_a_store_is_told_and_one_that_is_not_there_is_not(tmp_path) -> None:
    """A browser opens no store; a record without a page has no dead link."""
    links = Links(str(tmp_path))
    assert links.of("s3://bucket/run/architecture") == (
        None,
        "s3://bucket/run/architecture/index.html",
    )
    assert links.of(str(tmp_path / "none")) == (None, None)


def test_the_policy_allows_what_is_in_the_page_alone(tmp_path) -> None:
    """By hashes; nothing is loaded, and no name is markup."""
    graph = net(class_name=f"my.{HOSTILE}")
    write_record(tmp_path / "run" / "architecture", graph, svg=SVG)
    html = _report(tmp_path)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    for script in (*scripts, *re.findall(r"<style>(.*?)</style>", html, re.DOTALL)):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "alert(1)" not in html
    assert HOSTILE in facts(html)["classes"][0]
    assert list(blocks(html)) == ["block-facts", "block-thumbnails"]


def test_rows_are_bounded_whatever_a_record_says() -> None:
    """A name of a megabyte is no row of one."""
    from modelviz_callbacks.report.facts import facts_of

    long = found("n" * 10**6, class_name="c" * 10**6, created_at="2" * 10**6)
    told = facts_of(read_archive([long]), (), Links("/"))
    assert len(str(told)) < 3_000


def test_the_notes_give_the_true_reason_of_each_change_that_is_not_said(tmp_path) -> None:
    """As many times as it holds; no other reason stands beside it."""
    for place in range(4):
        day = f"2026-01-0{place + 1}T00:00:00Z"
        write_record(tmp_path / f"run{place}" / "architecture", net(4 + place), day, SVG)
    (tmp_path / "run1" / "architecture" / "architecture.json").write_text("{")
    archive = read_archive(find_records(tmp_path))
    made = make_report("runs", archive, tmp_path, most_thumbnails=4, limit_s=60)
    (note,) = made.notes
    assert note.startswith("What changed is not said of 2 changes: ")
    assert "run1" in note
    timed = make_report("runs", archive, tmp_path, most_thumbnails=0, limit_s=0)
    (note,) = timed.notes
    assert note.startswith("What changed is not said of 3 changes: there was no time to look")
