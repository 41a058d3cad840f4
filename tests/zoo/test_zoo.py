"""Every model of the zoo trains the same with us and without, and has a whole record."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from modelviz_callbacks import ModelVizHook
from tests.conftest import find_record, read_manifest
from tests.test_untouched import assert_same, fingerprint, reset
from tests.zoo import MODELS
from tests.zoo.zoo_model import ZooModel

STEPS = 2
# As README's known limits say.
CALL_NOT_RECORDED = {"nested tensor in"}


def trained(model: ZooModel, folder: Path | None) -> dict[str, Any]:
    """Trains for two steps, recorded in a folder if one is given; tells what is left."""
    reset()
    net = model.build()
    hook = folder and ModelVizHook(net, folder, formats=(), visualizers=("repr",))
    losses = [train_one_step(model, net) for _ in range(STEPS)]
    if hook:
        hook.close()
    left = fingerprint(net) | {"losses": losses}
    # Comparing takes numbers as floats, which would drop imaginary parts.
    left["state"] = {
        n: torch.view_as_real(t) if t.is_complex() else t for n, t in left["state"].items()
    }
    return left


def train_one_step(model: ZooModel, net: torch.nn.Module) -> float:
    # A new optimizer each time: lazy parameters cannot be stepped on before the first forward.
    loss = model.step(net)
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def check_record(model: ZooModel, record: Path) -> None:
    """Checks what holds for the record of every model."""
    manifest = read_manifest(record)
    assert manifest["status"] == "complete"
    assert manifest["model"]["roots"] == ([] if model.name in CALL_NOT_RECORDED else [""])


def marked(model: ZooModel) -> Any:
    marks = () if model.quick else (pytest.mark.zoo,)
    return pytest.param(model, id=model.name, marks=marks)


@pytest.mark.parametrize("model", [marked(model) for model in MODELS])
def test_a_model_trains_bit_for_bit_the_same(model, tmp_path) -> None:
    """Parameters, buffers, modes, RNGs and losses are as without us; the record is complete."""
    without = trained(model, None)
    assert all(torch.tensor(without["losses"]).isfinite())
    assert_same(without, trained(model, tmp_path))
    check_record(model, find_record(tmp_path))


def test_names_are_unique() -> None:
    """A name finds one model."""
    assert len({model.name for model in MODELS}) == len(MODELS)


def test_the_catalogue_imports_no_heavy_library() -> None:
    """Listing the zoo waits for no library that a test run does not need."""
    code = """
import sys
import tests.zoo
assert not {"timm", "torchvision", "transformers"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
