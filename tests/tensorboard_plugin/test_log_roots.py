"""TensorBoard's own reading of its flags is what ours is measured by."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.data_ingester import _parse_event_files_spec

from modelviz_callbacks.tensorboard_plugin.log_roots import LogRoot, log_roots


@pytest.mark.parametrize(
    "specification",
    [
        "/logs/a",
        "name:/logs/a",
        "/logs/a:b",
        "one:/logs/a,two:/logs/b",
        "one:relative,/logs/b",
        "s3://bucket/logs",
        "name:s3://bucket/logs",
        "name:~/logs",
        "name:/logs/with:colon",
    ],
)
def test_several_logdirs_are_read_as_by_tensorboard(specification) -> None:
    """The same folders with the same names."""
    theirs = _parse_event_files_spec(specification)
    assert {(root.path, root.name or None) for root in log_roots("", specification)} == {
        *theirs.items()
    }


def test_one_logdir_may_have_colons_and_commas(tmp_path, monkeypatch) -> None:
    """It is a path from the working directory; links in it are followed."""
    (tmp_path / "real,a:b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real,a:b")
    monkeypatch.chdir(tmp_path)
    for given in ("link", "real,a:b"):
        assert log_roots(given, "") == (LogRoot(str(tmp_path.resolve() / "real,a:b")),)


def test_the_home_folder_is_known(monkeypatch, tmp_path) -> None:
    """As for TensorBoard."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert log_roots("~/runs", None) == (LogRoot(str(Path(tmp_path, "runs").resolve())),)


def test_without_flags_there_is_no_logdir() -> None:
    """TensorBoard may serve a database."""
    assert log_roots(None, None) == ()


@pytest.mark.parametrize(
    ("root", "folder", "name"),
    [
        (LogRoot("/logs"), "", "."),
        (LogRoot("/logs"), "a/b", "a/b"),
        (LogRoot("/logs", "mine"), "", "mine/."),
        (LogRoot("/logs", "mine"), "a", "mine/a"),
    ],
)
def test_runs_are_named_as_by_tensorboard(root, folder, name) -> None:
    """The logdir itself is a run, too."""
    assert root.run_name(folder) == name
