"""DeepSpeed's engine and its ZeRO stages, by a faithful fake: it cannot run here."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modelviz_callbacks import ModelVizHook, record_architecture
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.fake_deepspeed import DeepSpeedEngine, gather, partition
from tests.test_untouched import assert_same
from tests.watch.flow import outline

ZERO3 = "no extra forward: ZeRO-3 gathers parameters on all ranks together"


class Net(nn.Module):
    """`[N, 8]` → `[N, 4]` with a container that is given what needs a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 8)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 8))
        self.head = nn.Linear(8, 4)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        hidden = self.embed(x)
        return self.head(F.gelu(hidden + self.body(hidden)))


def train(folder: Path | None, *, stage: int, on_module: bool = False) -> dict[str, Any]:
    torch.manual_seed(0)
    net = Net()
    engine = DeepSpeedEngine(partition(net) if stage == 3 else net)
    hook = None
    if folder is not None:
        hook = ModelVizHook(net if on_module else engine, folder, formats=(), on_error="raise")
    losses = []
    for _ in range(2):
        loss = engine(torch.randn(4, 8)).square().mean()
        if stage == 3:
            for part in net.modules():
                gather(part, ())
        loss.backward()
        losses.append(loss.item())
    if hook is not None:
        hook.close()
    hooks = [(*m._forward_pre_hooks.values(), *m._forward_hooks.values()) for m in net.modules()]
    return {
        "losses": losses,
        "calls": net.calls,
        "gradients": [p.grad for p in net.parameters()],
        "random": torch.get_rng_state(),
        "attributes": [list(vars(module)) for module in engine.modules()],
        "hooks": [[hook.__name__ for hook in of] for of in hooks],
    }


def graph(record: Path) -> ArchitectureGraph:
    return ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))


@pytest.mark.parametrize("on_module", [False, True], ids=["the engine", "the module in it"])
@pytest.mark.parametrize("stage", [1, 3])
def test_a_training_with_deepspeed_is_as_without_us(stage, on_module, tmp_path) -> None:
    """The fake raises where a parameter would be gathered on this rank alone."""
    without = train(None, stage=stage)
    assert_same(without, train(tmp_path, stage=stage, on_module=on_module))


def test_zero3_is_recorded_as_the_whole_model(tmp_path) -> None:
    """Shapes and sizes out of what DeepSpeed keeps beside the empty parameters."""
    train(tmp_path / "sharded", stage=3)
    record_architecture(Net(), torch.randn(4, 8), log_dir=tmp_path / "whole", formats=())
    sharded, whole = (tmp_path / name / "architecture" for name in ("sharded", "whole"))
    manifests = [read_manifest(record) for record in (sharded, whole)]
    assert manifests[0]["fingerprints"] == manifests[1]["fingerprints"]
    assert manifests[0]["totals"] == manifests[1]["totals"]
    assert outline(graph(sharded)) == outline(graph(whole))
    assert manifests[0]["notes"] == [
        "the parameters are sharded: of 388 values, rank 0 keeps 194",
    ]
    found = {a["name"]: a for a in manifests[0]["artifacts"]}
    for name in ("summary", "torchview"):
        assert (found[name]["status"], found[name]["error"]) == ("skipped", ZERO3)
    assert "our own table instead" in (sharded / "summary.txt").read_text("utf-8")


def test_zero1_and_2_are_replayed(tmp_path) -> None:
    """Their parameters are whole on every rank, and the engine leaves no trace in the graph."""
    train(tmp_path / "engine", stage=1)
    record_architecture(Net(), torch.randn(4, 8), log_dir=tmp_path / "whole", formats=())
    engine, whole = (tmp_path / name / "architecture" for name in ("engine", "whole"))
    assert statuses(engine) == ALL_OK
    assert read_manifest(engine)["fingerprints"] == read_manifest(whole)["fingerprints"]
    assert read_manifest(engine)["notes"] == []
