"""The folders that TensorBoard was told to show: `--logdir` and `--logdir_spec`."""

import os
import re
from dataclasses import dataclass

from modelviz_callbacks.archive.places import is_url

_URL = re.compile(r"[a-zA-Z][0-9a-zA-Z.]*://")


@dataclass(frozen=True)
class LogRoot:
    """A folder whose runs TensorBoard shows.

    Attributes:
        path: Its real path, or its URL.
        name: What TensorBoard puts before the names of its runs; `""` where that is nothing.
    """

    path: str
    name: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether it lies in a store, in which nothing is searched."""
        return is_url(self.path)

    def run_name(self, folder: str) -> str:
        """Names a folder as TensorBoard names its run.

        Args:
            folder: The folder's path below this one; `""` is this one itself.
        """
        return f"{self.name}/{folder or '.'}" if self.name else folder or "."


def log_roots(logdir: str | None, logdir_spec: str | None) -> tuple[LogRoot, ...]:
    """Reads TensorBoard's flags as TensorBoard itself does.

    Args:
        logdir: One path or URL.
        logdir_spec: Several, divided by commas, each with an optional name: `a:path,b:other`.
    """
    if logdir:
        return (_root(logdir),)
    return tuple(map(_specified, filter(None, (logdir_spec or "").split(","))))


def _specified(specification: str) -> LogRoot:
    name, colon, path = specification.partition(":")
    # `s3://bucket` and `/data:old/runs` have a colon, but no name.
    if colon and not specification.startswith("/") and not _URL.match(specification):
        return _root(path, name)
    return _root(specification)


def _root(path: str, name: str = "") -> LogRoot:
    # Path.expanduser() raises for users that there are none of.
    real = path if is_url(path) else os.path.realpath(os.path.expanduser(path))  # noqa: PTH111
    return LogRoot(real, name)
