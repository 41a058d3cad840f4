"""Paths and URLs, seen from each other."""

import os
from pathlib import Path

import pytest

from modelviz_callbacks.archive.places import (
    absolute,
    are_same,
    holder,
    joined,
    last_part,
    relative_to,
    share_a_store,
)


@pytest.mark.parametrize(
    ("path", "folder", "relative"),
    [
        ("/run/architecture", "/run/checkpoints", "../architecture"),
        ("/run/architecture", "/run", "architecture"),
        ("/a b/«ü»/architecture", "/a b/c/d", "../../«ü»/architecture"),
        ("memory://run/architecture", "memory://run/checkpoints", "../architecture"),
        ("memory:///run/architecture", "memory://run", "architecture"),
    ],
)
def test_a_place_seen_from_a_folder_leads_back(path, folder, relative) -> None:
    """Joined again it is the same place."""
    assert relative_to(path, folder) == relative
    assert are_same(joined(folder, relative), path)


def test_there_is_no_way_between_stores() -> None:
    """The whole place is kept then."""
    assert relative_to("memory://run/architecture", "/run") == "memory://run/architecture"
    assert joined("/run", "memory://run/architecture") == "memory://run/architecture"


@pytest.mark.parametrize(
    ("path", "above"),
    [("/run/x.ckpt", "/run"), ("/", "/"), ("memory://run/x.ckpt", "memory:///run")],
)
def test_what_holds_a_place(path, above) -> None:
    """One folder up, and at the top no further."""
    assert holder(path) == above
    top = path
    for _ in range(5):
        top = holder(top)
    assert holder(top) == top


def test_last_part_is_the_name() -> None:
    """With or without a slash at the end."""
    assert [last_part(p) for p in ("a/b", "a/b/", "b", "s3://a/b")] == ["b"] * 4


def test_symbolic_links_are_the_same_place(tmp_path) -> None:
    """`runs/latest` is the run that it points to."""
    (tmp_path / "run").mkdir()
    (tmp_path / "latest").symlink_to("run")
    assert are_same(str(tmp_path / "run"), str(tmp_path / "latest"))
    assert not are_same(str(tmp_path / "run"), "memory://run")


def test_absolute_paths_stay_after_a_change_of_folder(tmp_path, monkeypatch) -> None:
    """And know the home folder; URLs are what they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert absolute("runs/one") == str(tmp_path / "runs" / "one")
    assert absolute("~/one") == str(tmp_path / "home" / "one")
    assert absolute("~nobody at all/one") == str(tmp_path / "~nobody at all" / "one")
    assert absolute("s3://bucket/one") == "s3://bucket/one"
    assert Path(absolute(os.curdir)) == tmp_path


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("/a", "/b", True),
        ("s3://bucket/a", "s3://bucket/b/c", True),
        ("s3://bucket/a", "s3://other/a", False),
        ("https://host/a", "/a", False),
        ("https://host/a", "s3://host/a", False),
    ],
)
def test_who_may_send_us_where(one, other, shared) -> None:
    """A checkpoint in one bucket does not make us call up another host."""
    assert share_a_store(one, other) is shared
