"""Paths that may be URLs of fsspec: where they lie, seen from each other."""

import os
import posixpath
from pathlib import Path
from typing import Any


def is_url(path: str) -> bool:
    """Whether `path` is an fsspec URL like `s3://bucket/run`."""
    return "://" in path


def absolute(path: str) -> str:
    """Gives a path that stays the same after a change of the working directory; URLs are so."""
    # Path.expanduser() raises for users that there are none of.
    return path if is_url(path) else str(Path(os.path.expanduser(path)).absolute())  # noqa: PTH111


def holder(path: str) -> str:
    """Gives the folder that a path or URL lies in; at the top, the path itself."""
    if not is_url(path):
        return os.path.dirname(absolute(path))  # noqa: PTH120 - symbolic links stay
    files, inside = _located(path)
    return _url(files, posixpath.dirname(inside.rstrip("/")) or inside)


def last_part(path: str) -> str:
    """Gives the name of a file or folder in the folder that it lies in."""
    return path.rstrip("/").rpartition("/")[2]


def joined(folder: str, relative: str) -> str:
    """Gives what `relative` is, seen from a folder; `..` is taken by name, links or not."""
    if is_url(relative):
        return relative
    if not is_url(folder):
        return os.path.normpath(os.path.join(absolute(folder), relative))  # noqa: PTH118
    files, inside = _located(folder)
    return _url(files, posixpath.normpath(posixpath.join(inside, relative)))


def relative_to(path: str, folder: str) -> str:
    """Gives a path as seen from a folder, with `/`; the whole one where there is no such way."""
    if not is_url(path) and not is_url(folder):
        return os.path.relpath(absolute(path), absolute(folder)).replace(os.sep, "/")
    (files, inside), (others, start) = _located(path), _located(folder)
    return posixpath.relpath(inside, start) if files == others else path


def are_same(one: str, other: str) -> bool:
    """Whether two paths or URLs are of one place; symbolic links are followed."""
    if is_url(one) or is_url(other):
        return _located(one) == _located(other)
    return os.path.realpath(absolute(one)) == os.path.realpath(absolute(other))


def share_a_store(one: str, other: str) -> bool:
    """Whether two places are both on this machine, or both in one bucket or host."""
    if is_url(one) != is_url(other):
        return False
    return not is_url(one) or _store(one) == _store(other)


def _store(url: str) -> tuple[str, str]:
    scheme, _, inside = url.partition("://")
    return scheme, inside.lstrip("/").partition("/")[0]


def _located(path: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    files, inside = url_to_fs(path if is_url(path) else absolute(path))
    return files, str(inside).rstrip("/") or "/"


def _url(files: Any, inside: str) -> str:
    return str(files.unstrip_protocol(inside))
