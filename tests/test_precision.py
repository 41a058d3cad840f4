"""Precisions: what ran is what the record says, and the training is as without us."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.fabric import Fabric
from lightning.pytorch.plugins.precision import Precision
from torch import Tensor, nn
from torch.nn import functional as F

from modelviz_callbacks import ModelVizCallback, ModelVizHook, record_architecture
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import digits, lit, loader, trainer
from tests.test_untouched import assert_same, fingerprint, reset


class Spy(nn.Linear):
    """Tells in which dtypes it runs, in replays too: a list would be put back afterwards."""

    def forward(self, x: Tensor) -> Tensor:
        result = super().forward(x)
        tell(f"{torch.get_default_dtype()} {x.dtype} {result.dtype}")
        return result


@torch._dynamo.disable
def tell(text: str) -> None:
    with Path(os.environ["SPY"]).open("a", encoding="utf-8") as told:
        told.write(f"{text}\n")


@pytest.fixture(autouse=True)
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the layers tell of each forward."""
    path = tmp_path / "spy.txt"
    monkeypatch.setenv("SPY", str(path))
    return path


def lines(told: Path) -> list[str]:
    return told.read_text("utf-8").splitlines()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Spy(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.norm(self.first(x)).relu()))


def dtypes(record: Path, kind: str = "module") -> dict[str, tuple[str, str]]:
    """Gives the dtypes of the first tensor that goes into each call and of the one that comes."""
    graph = ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))
    return {
        node.path if node.kind == "module" else node.name: (
            node.inputs[0].dtype,
            node.outputs[0].dtype,
        )
        for node in graph.nodes
        if node.kind == kind
    }


def ambient() -> dict[str, Any]:
    return {
        "dtype": torch.get_default_dtype(),
        "matmul": torch.get_float32_matmul_precision(),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "tf32": torch.backends.cudnn.allow_tf32,
        "mkldnn": torch.backends.mkldnn.enabled,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "autocast dtype": torch.get_autocast_dtype("cpu"),
    }


# Lightning's own precisions.


def fitted(folder: Path, callbacks: list[Any], **options: Any) -> dict[str, Any]:
    reset()
    module = lit(Net())
    type(module).configure_optimizers = lambda self: torch.optim.SGD(self.parameters(), 0.1)
    fit = trainer(folder, *callbacks, **options)
    fit.fit(module, loader())
    assert all(p.isfinite().all() for p in module.parameters())
    return fingerprint(module) | {"losses": module.losses, "ambient": ambient()}


# Precision, dtype of the batch, dtype of the first layer's input and output.
PRECISIONS = [
    ("32-true", "float32", "float32"),
    ("64-true", "float64", "float64"),
    ("bf16-true", "bfloat16", "bfloat16"),
    ("16-true", "float16", "float16"),
    ("bf16-mixed", "float32", "bfloat16"),
]


@pytest.mark.parametrize(("precision", "given", "made"), PRECISIONS)
def test_lightnings_precisions_are_untouched_and_recorded(
    precision, given, made, tmp_path, told
) -> None:
    """The dtypes in the record are those that ran, and every library runs in them."""
    without = fitted(tmp_path / "without", [], precision=precision)
    told.unlink()
    callback = ModelVizCallback(formats=(), on_error="raise")
    assert_same(without, fitted(tmp_path / "with", [callback], precision=precision))
    record = Path(str(callback.directory))
    assert statuses(record) == ALL_OK
    # Three steps, and one forward for torchinfo and torchview together.
    assert len(lines(told)) == 4
    assert len(set(lines(told))) == 1
    assert dtypes(record)["net.first"] == (given, made)
    assert dtypes(record)["net.head"][1] == made
    manifest = read_manifest(record)
    assert manifest["environment"]["precision"] == precision
    assert manifest["input"]["[0]"]["dtype"] == given
    (root,) = manifest["root_calls"]
    assert root["inputs"]["x"]["dtype"] == given
    assert root["autocast"] == ({"cpu": "bfloat16"} if precision == "bf16-mixed" else {})


@pytest.mark.parametrize(
    ("how", "precision"),
    [("compiled", "bf16-mixed"), ("compiled", "64-true"), ("input_fn", "bf16-mixed")],
)
def test_what_is_rehearsed_runs_in_the_same_precision(how, precision, tmp_path, told) -> None:
    """A step that is compiled as a whole, and a call that the user's function makes."""
    results = []
    for ours in (False, True):
        torch._dynamo.reset()
        reset()
        module = lit(Net())
        options = {"input_fn": lambda batch: batch[0]} if how == "input_fn" else {}
        callbacks = [ModelVizCallback(formats=(), on_error="raise", **options)] if ours else []
        compiled = torch.compile(module, backend="eager") if how == "compiled" else module
        trainer(tmp_path / str(ours), *callbacks, precision=precision).fit(compiled, loader())
        assert len(set(lines(told))) == 1
        results.append(fingerprint(module) | {"ambient": ambient()})
    assert_same(*results)
    assert statuses(str(callbacks[0].directory)) == ALL_OK


# Precision plugins that change the module, like those for Transformer Engine and bitsandbytes.


class Scaled(nn.Module):
    """A layer of a library's own: it works only in the library's context, and keeps scales."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.scales: dict[str, Tensor] = {"largest": torch.zeros(())}

    def forward(self, x: Tensor) -> Tensor:
        assert ScaledPrecision.depth > 0
        self.scales["largest"] = torch.maximum(self.scales["largest"], x.detach().abs().max())
        return F.linear(x, self.weight, self.bias) * (1 + self.scales["largest"] / 1000)


class ScaledPrecision(Precision):
    precision = "scaled"
    depth = 0

    def convert_module(self, module: nn.Module) -> nn.Module:
        for parent in list(module.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(parent, name, Scaled(child))
        return module.to(torch.float64)

    def convert_input(self, data: Any) -> Any:
        return [part.double() if part.is_floating_point() else part for part in data]

    @contextmanager
    def forward_context(self) -> Iterator[None]:
        ScaledPrecision.depth += 1
        try:
            with torch.autocast("cpu", torch.bfloat16):
                yield
        finally:
            ScaledPrecision.depth -= 1


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_plugin_that_swaps_layers_is_passed_through(compiled, tmp_path) -> None:
    """Its layers are in the record, its context is around each replay, its scales are as before."""
    results = []
    for ours in (False, True):
        torch._dynamo.reset()
        reset()
        module = lit(Net())
        callback = ModelVizCallback(formats=(), on_error="raise")
        fit = trainer(
            tmp_path / str(ours), *([callback] if ours else []), plugins=[ScaledPrecision()]
        )
        fit.fit(torch.compile(module, backend="eager") if compiled else module, loader())
        scales = {n: m.scales for n, m in module.named_modules() if isinstance(m, Scaled)}
        results.append(fingerprint(module) | {"losses": module.losses, "scales": scales})
    assert_same(*results)
    record = Path(str(callback.directory))
    assert statuses(record) == ALL_OK
    assert dtypes(record)["net.first"][0] == "float64"
    manifest = read_manifest(record)
    assert manifest["environment"]["precision"] == "scaled"
    assert manifest["root_calls"][0]["autocast"] == {"cpu": "bfloat16"}
    assert "Scaled (first)" in (record / "summary.txt").read_text("utf-8")


def test_transformer_engines_layers_are_not_run_again(tmp_path) -> None:
    """It keeps its scales for all modules in one place, which a replay would move."""
    layer = type("Linear", (nn.Linear,), {"__module__": "transformer_engine.pytorch.module.linear"})
    hook = ModelVizHook(net := nn.Sequential(layer(8, 8), nn.ReLU()), tmp_path, formats=())
    net(digits())
    found = statuses(str(hook.directory))
    assert found == ALL_OK | {"summary": "skipped", "torchview": "skipped"}
    reasons = {a["error"] for a in read_manifest(str(hook.directory))["artifacts"] if a["error"]}
    assert len(reasons) == 1
    assert "Transformer Engine" in reasons.pop()


# Fabric.


@pytest.mark.parametrize(
    ("hooked", "precision", "made"),
    [
        *(("wrapper", precision, made) for precision, _, made in PRECISIONS),
        ("module", "bf16-mixed", "bfloat16"),
        ("module", "64-true", "float64"),
    ],
)
def test_fabrics_precisions_are_untouched_and_recorded(
    hooked, precision, made, tmp_path, told
) -> None:
    """Whether the hook is on Fabric's wrapper or on the module inside."""
    results = []
    for ours in (False, True):
        reset()
        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        net = Net()
        model, optimizer = fabric.setup(net, torch.optim.SGD(net.parameters(), 0.1))
        if ours:
            chosen = model if hooked == "wrapper" else net
            hook = ModelVizHook(chosen, tmp_path, formats=(), on_error="raise")
        losses = []
        for _ in range(3):
            loss = F.cross_entropy(model(digits()).float(), torch.arange(16) % 4)
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        results.append(fingerprint(net) | {"losses": losses, "ambient": ambient()})
        assert len(set(lines(told))) == 1
    assert_same(*results)
    record = Path(str(hook.directory))
    assert statuses(record) == ALL_OK
    first = next(path for path in dtypes(record) if path.endswith("first"))
    assert dtypes(record)[first][1] == made


# Plain loops.


def test_a_module_that_is_called_in_an_autocast_of_its_own_is_replayed_in_it(tmp_path) -> None:
    """Where the call is only found out by a rehearsal, long before the library's forward."""

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return self.net(self.net.first(x))

    record = record_architecture(Around(), (digits(),), log_dir=tmp_path, formats=(), target="net")
    assert statuses(record) == ALL_OK
    (root,) = read_manifest(record)["root_calls"]
    assert root["inputs"]["x"]["dtype"] == "bfloat16"
    assert root["autocast"] == {"cpu": "bfloat16"}


def stepped(folder: Path | None, *, scaler: bool, inside: bool) -> dict[str, Any]:
    """Trains in float16, autocast around the model or in its forward, with a gradient scaler."""

    class Inside(Net):
        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.float16) if inside else nullcontext():
                return super().forward(x)

    reset()
    net = Inside()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    scale = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=2, enabled=scaler)
    hook = None if folder is None else ModelVizHook(net, folder, formats=(), on_error="raise")
    scales = []
    for _ in range(6):
        with nullcontext() if inside else torch.autocast("cpu", torch.float16):
            loss = F.cross_entropy(net(digits()).float(), torch.arange(16) % 4)
        optimizer.zero_grad()
        scale.scale(loss).backward()
        scale.step(optimizer)
        scale.update()
        scales.append((scale.get_scale(), loss.item()))
    if hook is not None:
        hook.close()
    assert torch.is_autocast_cache_enabled()
    state = fingerprint(net) | {"scales": scales, "scaler": scale.state_dict()}
    return state | {"ambient": ambient()}


@pytest.mark.parametrize("scaler", [False, True])
@pytest.mark.parametrize("inside", [False, True], ids=["autocast around", "autocast inside"])
def test_autocast_and_a_gradient_scaler_are_untouched(scaler, inside, tmp_path) -> None:
    """The scaler skips the same steps and grows at the same ones."""
    without = stepped(None, scaler=scaler, inside=inside)
    assert_same(without, stepped(tmp_path, scaler=scaler, inside=inside))
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK
    assert dtypes(record)["first"] == ("float32", "float16")
    assert read_manifest(record)["root_calls"][0]["autocast"] == (
        {} if inside else {"cpu": "float16"}
    )


def test_flags_and_defaults_that_the_user_set_are_kept(tmp_path, told) -> None:
    """Matmul precision, cuDNN's flags, a default dtype: during the step and after it."""
    before = ambient()
    net = Net().double()
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_float32_matmul_precision("medium")
        torch.backends.cudnn.benchmark = True
        chosen = ambient()
        net.register_forward_hook(lambda *_call: tell(str(ambient())))
        with ModelVizHook(net, tmp_path, formats=(), on_error="raise"):
            net(digits().double())
        net(digits().double())
        assert [line for line in lines(told) if "matmul" in line] == [str(chosen)] * 3
        assert ambient() == chosen
    finally:
        torch.set_default_dtype(before["dtype"])
        torch.set_float32_matmul_precision(before["matmul"])
        torch.backends.cudnn.benchmark = before["cudnn"][0]
    assert dtypes(find_record(tmp_path))["first"] == ("float64", "float64")


def test_a_record_without_a_loop_is_made_in_the_autocast_around_it(tmp_path) -> None:
    """`record_architecture` in an autocast region shows what that region gives."""
    with torch.autocast("cpu", torch.bfloat16):
        record = record_architecture(Net(), (digits(),), log_dir=tmp_path, formats=())
    assert dtypes(Path(record))["first"] == ("float32", "bfloat16")
    assert read_manifest(record)["root_calls"][0]["autocast"] == {"cpu": "bfloat16"}
