"""The hook in loops of Lightning's Fabric: its wrapper is seen through, nothing is disturbed."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from modelviz_callbacks import ModelVizHook, record_architecture
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.distributed.ranks import run_ranks
from tests.lightning_loops.both_ways import net
from tests.models import HostileNet, TakesTensor, digits, lit
from tests.test_untouched import assert_same, fingerprint, hostile_state, reset
from tests.watch.flow import paths

EXACT: Any = {"formats": ()}
LABELS = torch.arange(16) % 4


def fabric_of(package: str = "lightning.fabric", **options: Any) -> Any:
    made = importlib.import_module(package).Fabric(accelerator="cpu", devices=1, **options)
    made.launch()
    return made


def set_up(fabric: Any, network: nn.Module, how: str) -> tuple[Any, Any]:
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    if how == "setup":
        return tuple(fabric.setup(network, optimizer))
    if how == "setup of a compiled network":
        torch._dynamo.reset()
        return tuple(fabric.setup(torch.compile(network, backend="eager"), optimizer))
    return fabric.setup_module(network), fabric.setup_optimizers(optimizer)


def train(
    folder: Path,
    fabric: Any,
    *,
    hooked: str | None,
    how: str = "setup",
    make: Callable[[], nn.Module] = net,
) -> dict[str, Any]:
    """Trains with accumulated gradients, with a hook made before or after `setup`, or with none."""
    reset()
    network = make()
    hook = ModelVizHook(network, folder, **EXACT) if hooked == "before setup" else None
    model, optimizer = set_up(fabric, network, how)
    if hooked == "after setup":
        hook = ModelVizHook(model, folder, **EXACT)
    losses = []
    for index in range(4):
        accumulating = index % 2 == 0
        with fabric.no_backward_sync(model, enabled=accumulating):
            loss = F.cross_entropy(model(digits()), LABELS)
            fabric.backward(loss)
        losses.append(loss.item())
        if not accumulating:
            fabric.clip_gradients(model, optimizer, max_norm=1.0)
            optimizer.step()
            optimizer.zero_grad()
    if hook is not None:
        hook.close()
    state = fingerprint(network) | {"losses": losses, "adam": optimizer.state_dict()}
    if isinstance(network, HostileNet):
        state |= hostile_state(network)
    return state | {"attributes": [sorted(vars(part)) for part in model.modules()]}


@pytest.mark.filterwarnings("ignore:.*no_backward_sync.*:UserWarning")
@pytest.mark.parametrize(
    ("package", "hooked", "precision"),
    [
        ("lightning.fabric", "before setup", "32-true"),
        ("lightning.fabric", "before setup", "bf16-mixed"),
        ("lightning.fabric", "after setup", "32-true"),
        ("lightning.fabric", "after setup", "bf16-mixed"),
        ("lightning.fabric", "after setup", "bf16-true"),
        ("lightning.fabric", "after setup", "64-true"),
        ("lightning_fabric", "after setup", "bf16-mixed"),
    ],
)
def test_a_fabric_loop_is_as_without_us(package, hooked, precision, tmp_path) -> None:
    """Bit-identical, nothing left, and the record is of the user's own network in its precision."""
    fabric = fabric_of(package, precision=precision)
    without = train(tmp_path, fabric, hooked=None)
    with_us = train(tmp_path, fabric, hooked=hooked)
    assert_same(without, with_us)
    manifest = read_manifest(find_record(tmp_path))
    assert statuses(find_record(tmp_path)) == ALL_OK
    assert (manifest["status"], manifest["notes"]) == ("complete", [])
    assert manifest["model"] == {"class": "torch.nn.modules.container.Sequential", "roots": [""]}
    if hooked == "after setup":
        assert manifest["environment"]["precision"] == precision
        assert manifest["environment"]["strategy"] == "SingleDeviceStrategy"


@pytest.mark.filterwarnings("ignore:.*no_backward_sync.*:UserWarning")
@pytest.mark.parametrize("how", ["setup_module", "setup of a compiled network"])
def test_however_the_network_is_set_up_it_is_seen(how, tmp_path) -> None:
    """`setup_module` with an optimizer of its own; a network that was compiled before."""
    fabric = fabric_of()
    without = train(tmp_path, fabric, hooked=None, how=how)
    with_us = train(tmp_path, fabric, hooked="after setup", how=how)
    assert_same(without, with_us)
    assert statuses(find_record(tmp_path)) == ALL_OK


@pytest.mark.filterwarnings("ignore:.*no_backward_sync.*:UserWarning")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_hostile_network_in_fabric_is_as_without_us(precision, tmp_path) -> None:
    """State in every way that there is; the replays run in the same precision."""
    fabric = fabric_of(precision=precision)
    without = train(tmp_path, fabric, hooked=None, make=HostileNet)
    with_us = train(tmp_path, fabric, hooked="after setup", make=HostileNet)
    assert_same(without, with_us)
    assert statuses(find_record(tmp_path)) == ALL_OK


def test_module_paths_have_no_wrappers_name(tmp_path) -> None:
    """Neither in the graph nor in the texts; `target=` takes the user's own paths."""
    network = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 4)))
    model = fabric_of().setup(network)
    with ModelVizHook(model, tmp_path, target="1", formats=()) as hook:
        model(digits())
    record = Path(str(hook.directory))
    graph = ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))
    assert paths(graph) == ["", "0", "1", "1.0", "1.1"]
    assert read_manifest(record)["model"]["roots"] == ["1"]
    for file in ("modules.txt", "table.txt", "summary.txt", "architecture.gv", "architecture.json"):
        assert "_forward_module" not in (record / file).read_text("utf-8")
        assert "Fabric" not in (record / file).read_text("utf-8")
    assert not any({"_call_impl"} & set(vars(part)) for part in model.modules())


def test_the_casts_of_the_training_precision_are_in_the_autograd_graph(tmp_path) -> None:
    """Under bf16-mixed the wrapper opens the autocast that the real call runs in."""
    model = fabric_of(precision="bf16-mixed").setup(TakesTensor())
    with ModelVizHook(model, tmp_path, formats=()) as hook:
        model(digits())
    record = Path(str(hook.directory))
    assert "ToCopyBackward" in (record / "autograd.gv").read_text("utf-8")
    assert read_manifest(record)["input"]["x"]["dtype"] == "bfloat16"


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed"])
def test_a_model_that_is_compiled_after_setup_is_shown_in_its_precision(
    precision, tmp_path
) -> None:
    """The casts and the autocast of Fabric's wrapper are inside the compiled call."""
    torch._dynamo.reset()
    model = torch.compile(fabric_of(precision=precision).setup(net()), backend="eager")
    with ModelVizHook(model, tmp_path, formats=(), on_error="raise"):
        model(digits())
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK
    (call,) = read_manifest(record)["root_calls"]
    (given,) = call["inputs"].values()
    assert given["dtype"] == "bfloat16"
    assert call["autocast"] == ({"cpu": "bfloat16"} if precision == "bf16-mixed" else {})
    graph = ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))
    (first,) = [node for node in graph.nodes if node.path == "0"]
    assert [spec.dtype for spec in first.outputs] == ["bfloat16"]
    assert [node.name for node in graph.nodes if node.kind == "op"] == []


def test_a_call_in_eval_mode_is_not_the_first_step(tmp_path) -> None:
    """The wrapper's mode is the network's."""
    model = fabric_of().setup(TakesTensor())
    hook = ModelVizHook(model, tmp_path, formats=())
    model.eval()
    model(digits(3))
    model.train()
    model(digits(5))
    assert read_manifest(str(hook.directory))["input"]["x"]["shape"] == [5, 8]


def test_a_record_without_a_loop_takes_a_model_of_fabrics(tmp_path) -> None:
    """`record_architecture` shows the user's own module."""
    model = fabric_of().setup(TakesTensor())
    record = record_architecture(model, digits(), log_dir=tmp_path, formats=())
    assert statuses(record) == ALL_OK
    assert read_manifest(record)["model"]["class"] == "tests.models.TakesTensor"


def test_a_second_hook_is_refused_also_behind_the_wrapper(tmp_path) -> None:
    """One on the network and one on what Fabric made of it would be two on one module."""
    from modelviz_callbacks import ModelVizError

    network = TakesTensor()
    hook = ModelVizHook(network, tmp_path / "1", formats=())
    model = fabric_of().setup(network)
    with pytest.raises(ModelVizError, match="watched already"):
        ModelVizHook(model, tmp_path / "2")
    model(digits())
    assert statuses(str(hook.directory)) == ALL_OK


def test_the_hook_imports_neither_fabric_nor_lightning(tmp_path) -> None:
    """The wrapper is known by its name."""
    script = f"""
import sys
from tests.models import TakesTensor, digits
from modelviz_callbacks import ModelVizHook
net = TakesTensor()
with ModelVizHook(net, {str(tmp_path)!r}, formats=()):
    net(digits())
print([name for name in sys.modules if name.partition('.')[0].startswith('lightning')])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == []


def by_method(model: Any, batch: Any) -> Any:
    return model.training_step(batch, 0)


def by_call(model: Any, batch: Any) -> Any:
    return F.cross_entropy(model(batch[0]), batch[1])


def with_training_step() -> Any:
    """Makes a LightningModule, whose training step Fabric takes for a forward."""

    def step(self: Any, batch: Any) -> Any:
        return F.cross_entropy(self(batch[0]), batch[1]) * 2

    return lit(net(), step=step)


LOOPS: dict[str, Any] = {"call": (net, by_call), "method": (with_training_step, by_method)}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_method_that_stands_for_the_forward_is_as_without_us(precision, tmp_path) -> None:
    """`fabric_model.training_step(batch)`: what it calls of the model itself is the record."""
    results = []
    for hooked in (False, True):
        reset()
        module = with_training_step()
        fabric = fabric_of(precision=precision)
        model, optimizer = fabric.setup(module, module.configure_optimizers())
        model.mark_forward_method("configure_optimizers")
        hook = ModelVizHook(model, tmp_path, **EXACT) if hooked else None
        for _ in range(3):
            fabric.backward(by_method(model, (digits(), LABELS)))
            optimizer.step()
            optimizer.zero_grad()
        if hook is not None:
            hook.close()
        results.append(fingerprint(module) | {"losses": module.losses})
    assert_same(*results)
    assert statuses(find_record(tmp_path)) == ALL_OK
    assert read_manifest(find_record(tmp_path))["model"]["roots"] == [""]


def test_a_method_that_calls_only_parts_is_told_and_its_parts_can_be_hooked(tmp_path) -> None:
    """The model itself is then never called: the note says what to do instead."""
    module = lit(TakesTensor(), step=lambda self, b: self.loss(self.net(b[0]), b[1]))
    model = fabric_of().setup(module)
    with (
        ModelVizHook(model, tmp_path / "whole", formats=()) as whole,
        ModelVizHook(module.net, tmp_path / "part", formats=()) as part,
    ):
        by_method(model, (digits(), LABELS))
    assert statuses(str(part.directory)) == ALL_OK
    manifest = read_manifest(str(whole.directory))
    assert manifest["status"] == "partial"
    assert "give the hook the part that it calls" in manifest["notes"][0]


def ddp_loop(rank: int, folder: str, loop: str, *, ours: bool) -> dict[str, Any]:
    """Trains in two processes: Fabric joins the group that is there."""
    import os

    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments import LightningEnvironment

    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp", plugins=[LightningEnvironment()])
    fabric.launch()
    reset()
    make, step = LOOPS[loop]
    network = make()
    model, optimizer = fabric.setup(network, torch.optim.Adam(network.parameters(), 1e-2))
    hook = ModelVizHook(model, f"{folder}/{loop}", **EXACT) if ours else None
    losses = []
    for index in range(3):
        batch = (digits()[rank::2], LABELS[rank::2])
        with fabric.no_backward_sync(model, enabled=index == 0):
            loss = step(model, batch)
            fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    if hook is not None:
        hook.close()
    return fingerprint(network) | {"losses": losses, "record": hook and hook.directory}


def ddp_both_ways(rank: int, folder: str) -> dict[str, list[dict[str, Any]]]:
    return {
        loop: [ddp_loop(rank, folder, loop, ours=ours) for ours in (False, True)] for loop in LOOPS
    }


def test_two_ranks_of_fabric_are_as_without_us(tmp_path) -> None:
    """DDP inside Fabric's wrapper: rank 0 records the user's network; both train as they would."""
    for rank, results in enumerate(run_ranks(ddp_both_ways, str(tmp_path))):
        assert not isinstance(results, BaseException), results
        for without, with_us in results.values():
            record = with_us.pop("record")
            without.pop("record")
            assert_same(without, with_us)
            assert (record is None) == (rank == 1)
    for loop, name in (("call", "Sequential"), ("method", "Lit")):
        manifest = read_manifest(tmp_path / loop / "architecture")
        assert manifest["notes"] == []
        assert statuses(tmp_path / loop / "architecture") == ALL_OK
        assert manifest["model"]["class"].endswith(name)
        assert manifest["environment"]["strategy"] == "DDPStrategy"
        assert manifest["environment"]["world_size"] == 2
