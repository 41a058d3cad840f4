"""Nothing outside of a folder is read, however the way to it is written or laid."""

import os
from pathlib import Path

import pytest

from modelviz_callbacks.archive.confined import read_below


@pytest.fixture
def folder(tmp_path):
    """A folder with a file in it, beside a secret."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "inside"
    (inside / "deeper").mkdir(parents=True)
    (inside / "deeper" / "file").write_text("content")
    return inside


def test_a_file_below_is_read(folder) -> None:
    """Also where the folder itself is reached by a link."""
    (folder.parent / "link").symlink_to(folder)
    for start in (folder, folder.parent / "link"):
        assert read_below(str(start), "deeper/file", 100) == b"content"


@pytest.mark.parametrize(
    "path",
    ["../secret", "deeper/../../secret", "/etc/passwd", "", ".", "deeper//file", "./deeper/file",
     "..\\secret", "deeper\\file", "deeper/file\0.png", "deeper/", "C:\\secret"],
)  # fmt: skip
def test_a_path_that_is_none_below_is_refused(folder, path) -> None:
    """Before anything is opened."""
    with pytest.raises(ValueError, match="no path below"):
        read_below(str(folder), path, 100)


def test_links_are_not_followed(folder) -> None:
    """Neither of the file, nor of a folder on the way, wherever they lead."""
    (folder / "to_file").symlink_to(folder.parent / "secret")
    (folder / "to_folder").symlink_to(folder.parent)
    (folder / "to_own").symlink_to(folder / "deeper")
    for path in ("to_file", "to_folder/secret", "to_own/file"):
        with pytest.raises(OSError, match=r"symbolic|directory"):
            read_below(str(folder), path, 100)


def test_what_is_no_plain_file_is_refused_at_once(folder) -> None:
    """A pipe that nobody writes to, and a folder."""
    os.mkfifo(folder / "pipe")
    for path in ("pipe", "deeper"):
        with pytest.raises(OSError, match="no file"):
            read_below(str(folder), path, 100)


def test_a_file_that_is_too_long_is_refused(folder) -> None:
    """One of exactly the limit is read."""
    assert read_below(str(folder), "deeper/file", 7) == b"content"
    with pytest.raises(OSError, match="longer than 6 bytes"):
        read_below(str(folder), "deeper/file", 6)


def test_no_descriptor_is_left_open(folder) -> None:
    """TensorBoard runs for weeks."""
    descriptors = Path("/proc/self/fd")
    before = sorted(descriptors.iterdir())
    for path in ("deeper/file", "deeper/none", "none/file", "../secret", "deeper"):
        try:
            read_below(str(folder), path, 100)
        except (OSError, ValueError):
            continue
    assert sorted(descriptors.iterdir()) == before
