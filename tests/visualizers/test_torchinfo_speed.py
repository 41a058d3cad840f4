"""torchinfo on deeply nested models."""

import time
from pathlib import Path

import pytest
import torchinfo
from torch import nn
from torchinfo.layer_info import LayerInfo

from modelviz_callbacks import record_architecture
from modelviz_callbacks.visualizers.torchinfo_speed import each_layer_counted_once
from tests.conftest import statuses
from tests.models import HostileNet, digits


def nest(levels: int) -> nn.Module:
    net: nn.Module = nn.Sequential(nn.Linear(8, 8))
    for _ in range(levels - 1):
        net = nn.Sequential(net)
    return net


@pytest.mark.parametrize("levels", [30, 60])
def test_deeply_nested_models_have_a_summary_in_time(levels, tmp_path) -> None:
    """The time does not double with each level; the totals are right."""
    started = time.perf_counter()
    folder = record_architecture(
        nest(levels),
        (digits(),),
        log_dir=tmp_path,
        depth=levels,
        visualizers=("torchinfo", "torchview"),
        formats=(),
    )
    assert time.perf_counter() - started < 20
    assert statuses(folder) == {"summary": "ok", "torchview": "ok"}
    summary = Path(folder, "summary.txt").read_text("utf-8")
    assert "Total params: 72" in summary
    # The first row names the variable, too.
    assert summary.count("Sequential") == levels + 1


@pytest.mark.parametrize("make", [lambda: nest(9), HostileNet], ids=["nested", "hostile"])
def test_the_table_is_the_same_as_torchinfos_own(make) -> None:
    """Only the way of counting differs, and torchinfo is as it was afterwards."""
    before = dict(vars(LayerInfo))
    net = make()
    options = {"input_data": digits(), "mode": "eval", "depth": 9, "verbose": 0}
    own = str(torchinfo.summary(net, **options))
    torchinfo.torchinfo.clear_cached_forward_pass()
    with each_layer_counted_once():
        ours = str(torchinfo.summary(net, **options))
    assert ours == own
    assert dict(vars(LayerInfo)) == before
