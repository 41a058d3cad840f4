"""The pytest plugin: golden files of architectures beside the tests that check them.

pytest imports it in every run of whoever has this package installed: it imports nothing of ours
before a test asks for its fixture.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import nn

_OPTION = "--update-architectures"
_UPDATE_VARIABLE = "MODELVIZ_UPDATE_GOLDEN"
_FOLDER = "architectures"
_WRITTEN = "architecture written"
# What file systems everywhere take as it is; "@" stands between a test and a call of it.
_UNSAFE = re.compile(r"[^A-Za-z0-9_.+=-]")
_MOST_CHARACTERS = 120


class ArchitectureRegression:
    """Checks models of one test against golden files beside the test's file."""

    def __init__(self, item: pytest.Item) -> None:
        """Finds the place of the golden files.

        Args:
            item: The test.
        """
        self._item = item
        self._stem = item.path.parent / _FOLDER / item.path.stem / _test_name(item)
        self._names: set[str] = set()

    def check(
        self,
        model: "nn.Module",
        args: Any = (),
        *,
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        """Fails if a model is not the one that its golden file tells of.

        As `assert_architecture_unchanged`. The golden file of `tests/test_net.py::test_small` is
        `tests/architectures/test_net/test_small.json`; `pytest --update-architectures` writes it.

        Args:
            model: The model.
            args: Positional arguments of the call that is watched, `(x,)`, or the only one.
            kwargs: Its keyword arguments.
            name: What to call this check where a test has several, like `"encoder"`; by default
                they are numbered from the second on.

        Raises:
            AssertionError: If something is another, with all that is; or if there is no golden
                file.
            SettingsError: If the test has used the name already.
        """
        __tracebackhide__ = True
        from modelviz_callbacks.testing import assert_architecture_unchanged

        path = self._path(name)
        if assert_architecture_unchanged(model, args, path, kwargs=kwargs):
            self._item.user_properties.append((_WRITTEN, str(path)))

    def _path(self, name: str | None) -> Path:
        used = name
        if name is None:
            used = str(len(self._names) + 1) if self._names else ""
        if used in self._names or name == "":
            from modelviz_callbacks.errors import SettingsError

            raise SettingsError(f"name={name!r}: give each check of a test a name of its own.")
        self._names.add(used or "")
        suffix = f"@{_safe(used)}" if used else ""
        return self._stem.with_name(f"{self._stem.name}{suffix}.json")


@pytest.fixture
def architecture_regression(request: pytest.FixtureRequest) -> ArchitectureRegression:
    """Checks that a model's architecture is what a golden file beside the test says.

    Example: `def test_net(architecture_regression): architecture_regression.check(Net(), (x,))`
    """
    return ArchitectureRegression(request.node)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that writes golden files."""
    parser.getgroup("modelviz").addoption(
        _OPTION,
        action="store_true",
        help="write the golden files of architectures that are missing or tell of another model",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Lets the option count for whatever asks for the environment variable."""
    if config.getoption(_OPTION):
        patch = pytest.MonkeyPatch()
        patch.setenv(_UPDATE_VARIABLE, "1")
        config.add_cleanup(patch.undo)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Names the golden files that were written, of all of xdist's workers."""
    reports = [report for several in terminalreporter.stats.values() for report in several]
    written = {
        os.path.relpath(path, config.invocation_params.dir)
        for report in reports
        for kind, path in getattr(report, "user_properties", ())
        if kind == _WRITTEN
    }
    if written:
        terminalreporter.section("architectures written")
        for path in sorted(written):
            terminalreporter.write_line(path)


def _test_name(item: pytest.Item) -> str:
    """Gives a test's name as that of a file: `TestNet.test_small-resnet18-3`."""
    inside = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    name, bracket, parameters = item.name.partition("[")
    shown = f"{name}-{parameters.removesuffix(']')}" if bracket else name
    return _safe(".".join([*inside, shown]))


def _safe(text: str) -> str:
    safe = _UNSAFE.sub("_", text)[:_MOST_CHARACTERS]
    if safe == text:
        return safe
    # Two names must not become one.
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
