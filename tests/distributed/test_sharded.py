"""Sharded models in real ranks: recorded as whole, trained as without us."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from modelviz_callbacks.archive.layout import LAYOUT
from tests.conftest import read_manifest
from tests.distributed import sharded_models as ways
from tests.distributed.ranks import run_ranks
from tests.distributed.sharded_models import Net, train
from tests.test_untouched import assert_same


def _compare(rank: int, names: list[str], folder: str) -> dict[str, Any]:
    """Trains in each way without us and with us; gives what differs, or nothing."""
    found = {}
    for name in names:
        shard: Callable[[Net], nn.Module] = getattr(ways, name)
        without = train(shard, None)
        with_us = train(shard, Path(folder) / name)
        try:
            assert_same(without, with_us)
            found[name] = ""
        except AssertionError as error:
            found[name] = str(error)
    return found
