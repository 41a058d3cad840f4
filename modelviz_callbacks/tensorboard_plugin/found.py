"""A record that was found in a logdir."""

import hashlib
from dataclasses import dataclass

from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.tensorboard_plugin.log_roots import LogRoot


@dataclass(frozen=True)
class LogdirRecord:
    """A folder with a manifest of ours.

    Attributes:
        root: What it was found in.
        folder: Its path below that, with `/`.
        run: The run of TensorBoard's that it lies in; None where TensorBoard knows none there.
        manifest: What is in it; None where that cannot be read.
        problem: Why it cannot be read.
        page: What the page changes with, as often as it is written; None where there is none.
    """

    root: LogRoot
    folder: str
    run: str | None = None
    manifest: Manifest | None = None
    problem: str | None = None
    page: str | None = None

    @property
    def name(self) -> str:
        """What it is called in the tab: as a run would be that lay there."""
        return self.root.run_name(self.folder)

    @property
    def path(self) -> str:
        """Its whole path."""
        return f"{self.root.path}/{self.folder}".rstrip("/")

    @property
    def id(self) -> str:
        """What it is called in addresses: nothing that could be taken for a path."""
        place = f"{self.root.path}\0{self.folder}"
        return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
