"""Fixtures of many tests."""

import json
import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Tiny models: threads that wait for each other take longer than they save, in child processes too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Every test starts from the same random numbers."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global generator is what models use
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def nothing_process_wide_is_left() -> Iterator[None]:
    """No test leaves a mode on torch's stacks or another recursion limit."""
    limit = sys.getrecursionlimit()
    yield
    assert torch.overrides._get_current_function_mode_stack() == []
    assert torch.utils._python_dispatch._get_current_dispatch_mode_stack() == []
    assert sys.getrecursionlimit() == limit


@pytest.fixture
def recursion_limit() -> Iterator[None]:
    """Puts back what torch's inductor raises."""
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


@pytest.fixture(autouse=True)
def quiet_lightning() -> None:
    """Lightning's banners tell nothing about what is tested."""
    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
    warnings.filterwarnings("ignore", module="pytorch_lightning.*")


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Each of Lightning's two packages."""
    name: str = request.param
    return name


def read_manifest(record: str | Path) -> dict[str, Any]:
    """Reads a record's table of contents."""
    manifest: dict[str, Any] = json.loads((Path(record) / "manifest.json").read_text("utf-8"))
    return manifest


def statuses(record: str | Path) -> dict[str, str]:
    """Gives each artifact's status by name, with the root's path where there are several.

    The page is left out: it is there whenever pictures are drawn, and tested on its own.
    """
    manifest = read_manifest(record)
    several = len(manifest["model"]["roots"]) > 1
    return {
        (f"{a['root']}:{a['name']}" if several and a["root"] else a["name"]): a["status"]
        for a in manifest["artifacts"]
        if a["name"] != "page"
    }


def find_record(folder: Path) -> Path:
    """Finds the only record below a folder."""
    (manifest,) = folder.rglob("manifest.json")
    return manifest.parent


ALL_OK = {
    "modules": "ok",
    "summary": "ok",
    "torchview": "ok",
    "autograd": "ok",
    "graph": "ok",
    "table": "ok",
    "architecture": "ok",
}
Train = Callable[..., Any]


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder: `architecture/` and `checkpoints/last.ckpt`. Copy it to change it."""
    from lightning.pytorch.callbacks import ModelCheckpoint
    from torch import nn

    from modelviz_callbacks import ModelVizCallback
    from tests.models import lit, loader, trainer

    folder = tmp_path_factory.mktemp("runs") / "exp1"
    keep = ModelCheckpoint(dirpath=folder / "checkpoints", save_last=True)
    watch = ModelVizCallback(formats=(), visualizers=("architecture",))
    net = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 4))
    trainer(folder, keep, watch).fit(lit(net), loader())
    return folder
