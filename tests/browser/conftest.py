"""A browser, and pages that tell everything that goes wrong on them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.fail("The browser tests need Chromium: install it, so that `chromium` is found.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@dataclass
class Watched:
    """A page, and what was seen on it.

    Attributes:
        page: The page.
        complaints: Console messages of errors and warnings, and what scripts raised.
        requests: Every address that was asked for.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, file: Path) -> Page:
        """Opens a file and waits until its script has shown the diagram."""
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
        return self.page


@pytest.fixture
def watch(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Makes pages; at the end none of them may have complained or asked for another address."""
    made: list[Watched] = []

    def watched(**options: object) -> Watched:
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 800}, **options})
        seen = Watched(page)
        made.append(seen)
        page.on("console", lambda message: _note(seen, message))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.set_default_timeout(20_000)
        return seen

    yield watched
    for seen in made:
        seen.page.close()
    assert [complaint for seen in made for complaint in seen.complaints] == []
    assert all(len(set(seen.requests)) <= 1 for seen in made), [seen.requests for seen in made]


def _note(seen: Watched, message: object) -> None:
    if message.type in {"error", "warning"}:
        seen.complaints.append(f"{message.type}: {message.text}")
