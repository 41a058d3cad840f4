"""What all pages share, as it is installed."""

import re
from importlib.resources import files

import pytest

from modelviz_callbacks.diff_page import page as diff_page
from modelviz_callbacks.draw.page import render
from modelviz_callbacks.report import page as report_page
from modelviz_callbacks.webpage.document import render_document


def test_the_vendored_library_has_its_licence_and_version_beside_it() -> None:
    """In the installed package, where wheels lose files first."""
    folder = files("modelviz_callbacks.webpage") / "assets" / "vendor" / "panzoom"
    script = (folder / "panzoom.min.js").read_text("utf-8")
    (version,) = re.findall(r"Panzoom (\d+\.\d+\.\d+)", script)
    assert version in (folder / "README.md").read_text("utf-8")
    assert "Permission is hereby granted" in (folder / "MIT-License.txt").read_text("utf-8")


_PAGES = {
    "modelviz_callbacks.draw.page": render._DESIGN,
    "modelviz_callbacks.report": report_page._DESIGN,
    "modelviz_callbacks.diff_page": diff_page._DESIGN,
}


@pytest.mark.parametrize("package", ["modelviz_callbacks.webpage", *_PAGES])
def test_every_asset_is_in_a_page(package) -> None:
    """No file is forgotten in a list, and none is without use."""
    designs = [_PAGES[package]] if package in _PAGES else _PAGES.values()
    used = {str(asset) for design in designs for asset in (*design.sheets, *design.scripts)}
    for kind in ("css", "js"):
        for asset in (files(package) / "assets" / kind).iterdir():
            assert str(asset) in used, asset.name


def test_no_name_in_a_title_hides_or_turns_what_follows() -> None:
    """It is text, also where a browser shows it in its own frame."""
    html = render_document(render._DESIGN, "a\u202eb</title><script>", {})
    assert "<title>a\ufffdb&lt;/title&gt;&lt;script&gt;</title>" in html
