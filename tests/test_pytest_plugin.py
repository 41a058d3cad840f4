"""The pytest plugin, in test runs of its own."""

import os
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import pytest
import torch

from modelviz_callbacks import assert_architecture_unchanged

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
# Where the package is installed, pytest finds the plugin by itself.
_IS_INSTALLED = any(e.name == "modelviz" for e in metadata.entry_points(group="pytest11"))
PLUGIN = () if _IS_INSTALLED else ("-p", "modelviz_callbacks.pytest_plugin")
UPDATE = "--update-architectures"

SMALL = """
    import pytest, torch
    from torch import nn

    def test_small(architecture_regression):
        architecture_regression.check(nn.Linear(8, 4), (torch.zeros(1, 8),))
"""


@pytest.fixture(autouse=True)
def no_update(monkeypatch) -> None:
    """Whoever runs the tests may have it set."""
    monkeypatch.delenv("MODELVIZ_UPDATE_GOLDEN", raising=False)


@pytest.fixture(scope="module")
def torch_is_whole(tmp_path_factory) -> None:
    """What torch imports late is here before a run inside this process, which would drop it."""
    path = tmp_path_factory.mktemp("golden") / "linear.json"
    assert_architecture_unchanged(torch.nn.Linear(8, 4), torch.zeros(1, 8), path, update=True)


@pytest.fixture
def run(pytester: pytest.Pytester, torch_is_whole):
    """Runs pytest on the files that are there."""

    def run(*options: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*PLUGIN, *options)

    return run


def goldens(pytester: pytest.Pytester) -> list[str]:
    return sorted(str(p.relative_to(pytester.path)) for p in pytester.path.rglob("*.json"))


def test_a_golden_file_is_made_where_it_is_asked_for_and_then_checked(pytester, run) -> None:
    """Beside the test's file, under its name; the run says which it wrote."""
    pytester.makepyfile(test_net=SMALL)
    missing = run()
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*There is no golden file*pytest --update-architectures*"])
    assert goldens(pytester) == []
    written = run(UPDATE)
    written.assert_outcomes(passed=1)
    written.stdout.fnmatch_lines(
        ["*architectures written*", "architectures/test_net/test_small.json"]
    )
    assert goldens(pytester) == ["architectures/test_net/test_small.json"]
    checked = run()
    checked.assert_outcomes(passed=1)
    checked.stdout.no_fnmatch_line("*architectures written*")


def test_a_changed_model_fails_with_the_difference_alone(pytester, run) -> None:
    """The last line of the traceback is the user's own."""
    pytester.makepyfile(test_net=SMALL)
    run(UPDATE).assert_outcomes(passed=1)
    pytester.makepyfile(test_net=SMALL.replace("nn.Linear(8, 4)", "nn.Linear(8, 5)"))
    failed = run()
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["E *the model itself: out_features 4 → 5*"])
    failed.stdout.no_fnmatch_line("*modelviz_callbacks/testing.py*")
    failed.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_the_file_is_beside_the_test_wherever_pytest_is_started(pytester, run) -> None:
    """Two test files may have tests of one name."""
    for place in ("unit/test_net.py", "unit/test_other.py", "slow/test_nets.py"):
        file = pytester.path / place
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedented(SMALL))
    run(UPDATE).assert_outcomes(passed=3)
    assert goldens(pytester) == [
        "slow/architectures/test_nets/test_small.json",
        "unit/architectures/test_net/test_small.json",
        "unit/architectures/test_other/test_small.json",
    ]
    os.chdir(pytester.path / "unit")
    run("test_net.py").assert_outcomes(passed=1)


def dedented(text: str) -> str:
    return "\n".join(line[4:] for line in text.splitlines())


def test_every_test_and_every_call_has_a_name_that_a_file_can_have(pytester, run) -> None:
    """Classes, parameters with any characters in them, several calls, calls with a name."""
    pytester.makepyfile(
        test_net=SMALL
        + """
    def test_three(architecture_regression):
        x = torch.zeros(1, 8)
        architecture_regression.check(nn.Linear(8, 1), x)
        architecture_regression.check(nn.Linear(8, 2), x)
        architecture_regression.check(nn.Linear(8, 3), x, name="last one")

    @pytest.mark.parametrize(("kind", "width"), [("../a", 1), ("..:a", 1), ("r18", 0.5)])
    def test_parameters(architecture_regression, kind, width):
        architecture_regression.check(nn.Linear(8, round(4 * width)), torch.zeros(1, 8))

    class TestNet:
        class TestHead:
            def test_small(self, architecture_regression):
                architecture_regression.check(nn.Linear(8, 2), kwargs={"input": torch.zeros(8)})
    """
    )
    run(UPDATE).assert_outcomes(passed=6)
    run().assert_outcomes(passed=6)
    assert goldens(pytester) == [
        "architectures/test_net/TestNet.TestHead.test_small.json",
        "architectures/test_net/test_parameters-.._a-1-c31a3670.json",
        "architectures/test_net/test_parameters-.._a-1-d8b1d97b.json",
        "architectures/test_net/test_parameters-r18-0.5.json",
        "architectures/test_net/test_small.json",
        "architectures/test_net/test_three.json",
        "architectures/test_net/test_three@2.json",
        "architectures/test_net/test_three@last_one-c376d7c1.json",
    ]


def test_a_name_is_used_once(pytester, run) -> None:
    """The second check would be one of the first's file."""
    pytester.makepyfile(
        SMALL.replace("8),))", "8),), name='a')")
        + SMALL.splitlines()[-1].replace("8),))", "8),), name='a')")
    )
    failed = run(UPDATE)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*name='a': give each check of a test a name of its own.*"])


def test_other_golden_files_are_not_touched(pytester, run) -> None:
    """A test that did not run is not one that is gone."""
    pytester.makepyfile(test_net=SMALL)
    other = pytester.path / "architectures" / "test_net" / "test_gone.json"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    run(UPDATE).assert_outcomes(passed=1)
    assert other.read_text() == "{}"


def test_the_option_updates_what_is_checked_without_the_fixture_too(pytester, run) -> None:
    """And only while pytest runs."""
    pytester.makepyfile("""
        import torch
        from modelviz_callbacks import assert_architecture_unchanged

        def test_net():
            assert_architecture_unchanged(torch.nn.ReLU(), torch.zeros(1), "net.json")
    """)
    run().assert_outcomes(failed=1)
    run(UPDATE).assert_outcomes(passed=1)
    assert goldens(pytester) == ["net.json"]
    assert "MODELVIZ_UPDATE_GOLDEN" not in os.environ


@pytest.mark.skipif(util.find_spec("xdist") is None, reason="needs pytest-xdist")
def test_workers_of_xdist_write_and_tell_it(pytester, run) -> None:
    """The option reaches all workers, and what they wrote the one who reports."""
    # Without torch, which each worker would import.
    pytester.makeconftest("""
        import os, pathlib, sys, types

        def check(_model, _args, path, *, kwargs):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(os.environ["MODELVIZ_UPDATE_GOLDEN"])
            return True

        sys.modules["modelviz_callbacks.testing"] = types.SimpleNamespace(
            assert_architecture_unchanged=check
        )
    """)
    pytester.makepyfile(
        test_net="""
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_small(architecture_regression, number):
            architecture_regression.check(None)
    """
    )
    written = run(UPDATE, "-n", "2")
    written.assert_outcomes(passed=4)
    files = [f"architectures/test_net/test_small-{number}.json" for number in range(4)]
    written.stdout.fnmatch_lines(files)
    assert goldens(pytester) == files


def test_a_run_that_does_not_use_it_imports_nothing_of_ours(tmp_path) -> None:
    """Not even torch, and no warning where the package was imported before pytest."""
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass")
    distribution = tmp_path / "modelviz_probe-1.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Name: modelviz-probe\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text(
        "[pytest11]\nmodelviz = modelviz_callbacks.pytest_plugin\n"
    )
    (distribution / "RECORD").write_text("modelviz_callbacks/__init__.py,,\n")
    script = (
        "import modelviz_callbacks, pytest, sys; code = pytest.main(['-q', '-W', 'error']);"
        "print('torch' in sys.modules, sorted(m for m in sys.modules if m.startswith('modelviz')));"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "False ['modelviz_callbacks', 'modelviz_callbacks.pytest_plugin']" in done.stdout


def test_the_plugin_is_an_entry_point() -> None:
    """And so is there without a line in anybody's conftest.py."""
    assert 'modelviz = "modelviz_callbacks.pytest_plugin"' in (ROOT / "pyproject.toml").read_text()
