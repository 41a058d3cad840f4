"""Promise 1 on a GPU: bit for bit as without us, its random generator included."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.compilers import compiler_work, fresh_compiler
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import digits, lit, loader, trainer
from tests.test_untouched import TRAIN, assert_same, fingerprint, reset


class Dropping(nn.Module):
    """Draws from the device's own random generator in every call."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 32)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn_like(x)
        return self.head(self.drop(self.first(x + 0.1 * noise).relu()))


class Convolutions(nn.Module):
    """Images `[N, 3, 16, 16]` → `[N, 4]`."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(16, 4)
        self.formats: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        self.formats.append(x.is_contiguous(memory_format=torch.channels_last))
        return self.head(x.mean((2, 3)))


def graph_of(record: Path) -> ArchitectureGraph:
    return ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))


@TRAIN
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16 autocast"])
def test_training_on_a_gpu_is_bit_identical(train, bf16, device, tmp_path) -> None:
    """Parameters, buffers, optimizer, losses, every generator; the record names the device."""
    without = train(tmp_path / "without", ours=False, bf16=bf16, device=device)
    with_us = train(tmp_path / "with", ours=True, bf16=bf16, device=device)
    assert_same(without, with_us)
    record = find_record(tmp_path / "with")
    assert set(statuses(record).values()) == {"ok"}
    manifest = read_manifest(record)
    assert manifest["environment"]["device"] == (device if device == "cpu" else f"{device}:0")
    assert manifest["root_calls"][0]["autocast"] == ({device: "bfloat16"} if bf16 else {})


def scaled(folder: Path | None, device: str) -> dict[str, Any]:
    reset()
    net = Dropping().to(device)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    scaler = torch.amp.GradScaler(device, init_scale=2.0**18, growth_interval=2)
    hook = None if folder is None else ModelVizHook(net, folder, formats=(), on_error="raise")
    scales = []
    for _ in range(6):
        with torch.autocast(device, torch.float16):
            loss = F.cross_entropy(net(digits().to(device)), torch.arange(16).to(device) % 4)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append((scaler.get_scale(), loss.item()))
    if hook is not None:
        hook.close()
    return fingerprint(net) | {"scales": scales, "scaler": scaler.state_dict()}


def test_float16_with_a_scaler_is_bit_identical(device, tmp_path) -> None:
    """The scaler skips and grows at the same steps; the dtypes that ran are in the record."""
    assert_same(scaled(None, device), scaled(tmp_path, device))
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK
    layer = next(node for node in graph_of(record).nodes if node.path == "first")
    assert (layer.inputs[0].dtype, layer.outputs[0].dtype) == ("float32", "float16")


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-true", "16-true"])
def test_lightnings_precisions_on_a_gpu_are_bit_identical(precision, device, tmp_path) -> None:
    """With Lightning's own scaler for 16-mixed."""
    states = []
    for callbacks in ([], [ModelVizCallback(formats=(), on_error="raise")]):
        reset()
        module = lit(Dropping())
        type(module).configure_optimizers = lambda self: torch.optim.SGD(self.parameters(), 0.1)
        options = {"accelerator": device, "devices": 1, "precision": precision}
        fit = trainer(tmp_path / str(len(callbacks)), *callbacks, **options)
        fit.fit(module, loader())
        scaler = getattr(fit.precision_plugin, "scaler", None)
        states.append(fingerprint(module) | {"losses": module.losses})
        states[-1] |= {"scaler": None if scaler is None else scaler.state_dict()}
    assert_same(*states)
    record = Path(str(callbacks[0].directory))
    assert statuses(record) == ALL_OK
    assert read_manifest(record)["environment"]["precision"] == str(fit.precision)


def test_the_devices_random_generator_is_where_it_was(device, tmp_path) -> None:
    """Right after the first step, before anything else draws from it."""
    drawn = []
    for ours in (False, True):
        reset()
        net = Dropping().to(device)
        if ours:
            ModelVizHook(net, tmp_path, formats=(), on_error="raise")
        output = net(digits().to(device))
        drawn.append((output.detach().cpu(), torch.rand(8, device=device).cpu()))
    assert_same(*drawn)
    assert statuses(find_record(tmp_path)) == ALL_OK


def imaged(folder: Path | None, device: str) -> dict[str, Any]:
    reset()
    images = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    data = DataLoader(
        TensorDataset(images, torch.arange(16) % 4),
        batch_size=4,
        shuffle=True,
        num_workers=2,
        pin_memory=device == "cuda",
        generator=torch.Generator().manual_seed(2),
    )
    net = Convolutions().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    hook = None if folder is None else ModelVizHook(net, folder, formats=(), on_error="raise")
    losses = []
    for batch in data:
        x, y = (part.to(device, non_blocking=True) for part in batch)
        loss = F.cross_entropy(net(x.contiguous(memory_format=torch.channels_last)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if hook is not None:
        hook.close()
    strides = {name: parameter.stride() for name, parameter in net.named_parameters()}
    return fingerprint(net) | {"losses": losses, "strides": strides, "formats": net.formats}


def test_pinned_batches_from_workers_in_channels_last_are_bit_identical(device, tmp_path) -> None:
    """Memory formats stay as they are, of parameters and of what flows between layers."""
    without = imaged(None, device)
    assert without["formats"] == [True] * 4
    assert_same(without, imaged(tmp_path, device))
    assert statuses(find_record(tmp_path)) == ALL_OK


@pytest.mark.usefixtures("recursion_limit")
def test_a_compiled_model_on_a_gpu_is_bit_identical(device, tmp_path) -> None:
    """Through inductor; as many graphs as without us."""
    results = []
    for ours in (False, True):
        backend = fresh_compiler()
        reset()
        net = Dropping().to(device)
        model = torch.compile(net, mode="reduce-overhead")
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        hook = ModelVizHook(model, tmp_path, formats=(), on_error="raise") if ours else None
        losses = []
        for _ in range(4):
            loss = model(digits().to(device)).pow(2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        if hook is not None:
            hook.close()
        results.append(fingerprint(net) | {"losses": losses, "work": compiler_work(backend)})
    assert_same(*results)
    assert statuses(find_record(tmp_path)) == ALL_OK
