"""Records as a search finds them, made by hand; and TensorBoard around the plugin."""

import base64
import hashlib
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from tensorboard import default, program
from tensorboard.backend.application import TensorBoardWSGIApp
from werkzeug.test import Client

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.tensorboard_plugin.loader import ArchitectureLoader

SCRIPT = "document.body.dataset.ready = 'yes';"


def page(title: str, script: str = SCRIPT) -> str:
    """A page as ours is: its script inside, allowed by its hash."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'"
    return (
        f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{title}</title><body><h1>{title}</h1><script>{script}</script></body>"
    )


def manifest(**fields: Any) -> Manifest:
    """A small model's."""
    given: dict[str, Any] = {
        "created_at": "2026-01-31T12:00:00Z",
        "status": "complete",
        "model": {"class": "nets.Net", "roots": [""]},
        "totals": {"parameters": 11_689_512},
        "fingerprints": {"structure": "sha256:0123456789", "dataflow": "sha256:ab"},
        "artifacts": (artifact("summary", "summary.txt"), artifact("graph", "architecture.json")),
    }
    return Manifest(**(given | fields))


def artifact(name: str, *files: str, **fields: Any) -> Artifact:
    """An artifact that is there."""
    given: dict[str, Any] = {"visualizer": name, "root": "", "status": "ok"}
    return Artifact(name, files=files, **(given | fields))


def write_record(folder: Path, *, with_page: bool = True, **fields: Any) -> Path:
    """Writes a record with the files of its artifacts."""
    folder.mkdir(parents=True)
    written = manifest(**fields)
    for entry in written.artifacts:
        for name in entry.files:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"the content of {name}", "utf-8")
    if with_page:
        (folder / "index.html").write_text(page(folder.parent.name), "utf-8")
    (folder / "manifest.json").write_text(written.to_json(), "utf-8")
    return folder


def write_events(folder: Path) -> None:
    """Makes a folder a run of TensorBoard's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.out.tfevents.1.host.1.0").touch()


def tensorboard(*flags: str, path: str = "") -> Client:
    """TensorBoard with all its plugins and ours, as it answers requests."""
    board = program.TensorBoard(plugins=[*default.get_static_plugins(), ArchitectureLoader])
    board.configure(["tensorboard", *flags, "--path_prefix", path, "--load_fast=false"])
    return Client(TensorBoardWSGIApp(Namespace(**vars(board.flags)), board.plugin_loaders))


def listing(client: Client, prefix: str = "") -> dict[str, Any]:
    """What the tab is told when the search is over."""
    for _ in range(100):
        answer = client.get(f"{prefix}/data/plugin/modelviz/records")
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json
        if not told["searching"]:
            return told
        time.sleep(0.05)
    raise AssertionError("the search does not end")
