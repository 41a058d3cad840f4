"""The hook in plain loops."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from modelviz_callbacks import ModelVizError, ModelVizHook, SettingsError
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.models import TakesTensor, calls_of_every_kind, digits


def test_the_first_call_in_train_mode_is_recorded_once(tmp_path) -> None:
    """One-shot: validation before it and steps after it change nothing."""
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, formats=())
    net.eval()(digits(3))
    net.train()(digits(5))
    net(digits(7))
    assert hook.directory == str(tmp_path / "architecture")
    assert read_manifest(hook.directory)["input"]["x"]["shape"] == [5, 8]
    assert statuses(hook.directory) == ALL_OK
    assert "_call_impl" not in vars(net)


def test_a_context_manager_waits_for_the_pictures(tmp_path) -> None:
    """After the block all pictures are there."""
    net = TakesTensor()
    with ModelVizHook(net, tmp_path) as hook:
        net(digits())
    assert statuses(hook.directory) == ALL_OK
    assert (tmp_path / "architecture" / "autograd.png").is_file()


def test_wait_returns_when_the_pictures_are_there(tmp_path) -> None:
    """wait() says whether drawing is over."""
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path)
    net(digits())
    assert hook.wait()
    assert (tmp_path / "architecture" / "torchview.png").is_file()


def test_a_script_that_ends_at_once_still_gets_its_pictures(tmp_path) -> None:
    """Without wait() and close(): the interpreter waits for them, for a limited time."""
    script = f"""
from tests.models import TakesTensor, digits
from modelviz_callbacks import ModelVizHook
net = TakesTensor()
ModelVizHook(net, {str(tmp_path)!r})
net(digits())
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)
    assert statuses(tmp_path / "architecture") == ALL_OK
    assert (tmp_path / "architecture" / "torchview.png").is_file()


def test_closing_without_a_call_leaves_a_partial_record_and_a_clean_model(tmp_path) -> None:
    """The record says that the model was not called."""
    net = TakesTensor()
    with ModelVizHook(net, tmp_path) as hook:
        net.eval()(digits())
    manifest = read_manifest(hook.directory)
    assert manifest["status"] == "partial"
    assert "not called in train mode" in manifest["notes"][0]
    assert "_call_impl" not in vars(net)


def test_closing_twice_is_fine(tmp_path) -> None:
    """close() inside a with block, too."""
    net = TakesTensor()
    with ModelVizHook(net, tmp_path, formats=()) as hook:
        net(digits())
        hook.close()
    assert read_manifest(hook.directory)["status"] == "complete"


@pytest.mark.parametrize("kind", calls_of_every_kind(), ids=lambda k: k[0])
def test_inputs_of_every_shape_are_shown(kind, tmp_path) -> None:
    """Whatever the call looks like, the four ways see it."""
    _, net, args, kwargs = kind
    hook = ModelVizHook(net, tmp_path, formats=())
    net(*args, **kwargs)
    assert statuses(hook.directory) == ALL_OK
    assert read_manifest(hook.directory)["input"]


@pytest.fixture
def one_process_group(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def wrapped(kind: str, net: nn.Module) -> Any:
    if kind == "DataParallel":
        return DataParallel(net)
    if kind == "compiled":
        return torch.compile(net, backend="eager")
    if kind == "compiled in place":
        net.compile(backend="eager")
        return net
    if kind == "compiled DDP":
        return torch.compile(DistributedDataParallel(net), backend="eager")
    if kind == "DDP of compiled":
        return DistributedDataParallel(torch.compile(net, backend="eager"))
    return DistributedDataParallel(net)


@pytest.mark.parametrize(
    "kind",
    ["DataParallel", "DDP", "compiled", "compiled in place", "DDP of compiled", "compiled DDP"],
)
@pytest.mark.usefixtures("one_process_group")
def test_wrappers_are_seen_through(kind, tmp_path) -> None:
    """The user's own module is recorded, from a call of the wrapper, and left clean."""
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    outer = wrapped(kind, net)
    expected = net[2](net[1](net[0](digits())))
    hook = ModelVizHook(outer, tmp_path, formats=())
    assert torch.allclose(outer(digits()), expected)
    manifest = read_manifest(hook.directory)
    assert manifest["model"]["class"] == "torch.nn.modules.container.Sequential"
    assert statuses(hook.directory) == ALL_OK
    names = {"DataParallel": "DataParallel", "compiled": None, "compiled in place": None}
    strategy = manifest["environment"]["strategy"]
    assert strategy == names.get(kind, "DistributedDataParallel")
    ours = {"_call_impl", "train", "eval", "to"}
    assert not any(ours & vars(part).keys() for part in outer.modules())
    assert torch.allclose(outer(digits()), expected)
    outer(digits()).sum().backward()


@pytest.mark.usefixtures("one_process_group")
def test_other_ranks_record_nothing(tmp_path, monkeypatch) -> None:
    """Only rank 0 attaches anything."""
    monkeypatch.setattr(torch.distributed, "get_rank", lambda *_a: 1)
    net = TakesTensor()
    with ModelVizHook(net, tmp_path / "run") as hook:
        net(digits())
    assert hook.directory is None
    assert not (tmp_path / "run").exists()


def test_target_chooses_a_module_inside(tmp_path) -> None:
    """It is recorded with what the model calls it with."""
    net = nn.Sequential(nn.Linear(8, 6), nn.Sequential(nn.ReLU(), nn.Linear(6, 4)))
    hook = ModelVizHook(net, tmp_path, target="1", formats=())
    net(digits())
    assert read_manifest(hook.directory)["root_calls"][0]["inputs"]["input"]["shape"] == [16, 6]
    assert statuses(hook.directory) == ALL_OK
    assert all("_call_impl" not in vars(part) for part in net.modules())


def test_a_target_is_recorded_in_the_step(tmp_path) -> None:
    """Its calls in a validation before the step are none of the step's."""
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))
    with ModelVizHook(net, tmp_path, target="1", formats=()) as hook:
        net.eval()(digits(3))
        net.train()(digits(5))
    assert hook.directory is not None
    (call,) = read_manifest(hook.directory)["root_calls"]
    assert (call["training"], call["inputs"]["input"]["shape"]) == (True, [5, 8])
    assert "[5, 8]" in (tmp_path / "architecture" / "summary.txt").read_text("utf-8")


def test_of_calls_at_the_same_time_one_is_the_step(tmp_path) -> None:
    """Threads that share a model: one call is recorded, and each thread is left as it was."""
    both_inside = threading.Barrier(2, timeout=30)

    class Waits(TakesTensor):
        def forward(self, x: Tensor) -> Tensor:
            both_inside.wait()
            return super().forward(x)

    def call(rows: int) -> int:
        net(digits(rows))
        return torch._C._len_torch_function_stack()

    net, limit = Waits(), sys.getrecursionlimit()
    quick: Any = {"visualizers": ("repr", "architecture"), "formats": ()}
    with ModelVizHook(net, tmp_path, **quick) as hook, ThreadPoolExecutor(2) as pool:
        assert list(pool.map(call, (3, 5))) == [0, 0]
    assert sys.getrecursionlimit() == limit
    assert hook.directory is not None
    record = Path(hook.directory)
    graph = json.loads((record / "architecture.json").read_text("utf-8"))
    assert [node["kind"] for node in graph["nodes"]].count("input") == 1
    assert len(read_manifest(record)["root_calls"]) == 1


def test_a_misspelt_target_names_the_nearest(tmp_path) -> None:
    """At construction, before anything is written."""
    with pytest.raises(SettingsError, match="'layer'"):
        ModelVizHook(TakesTensor(), tmp_path / "run", target="layr")
    assert not (tmp_path / "run").exists()


def test_input_fn_makes_the_recorded_input_of_the_call(tmp_path) -> None:
    """It is called as the model was."""
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, input_fn=lambda x: {"x": x[:3]}, formats=())
    net(digits())
    assert read_manifest(hook.directory)["root_calls"][0]["inputs"]["x"]["shape"] == [3, 8]


def test_an_armed_model_refuses_a_second_hook(tmp_path) -> None:
    """The first one keeps working, the second leaves nothing."""
    net = TakesTensor()
    first = ModelVizHook(net, tmp_path / "1", formats=())
    with pytest.raises(ModelVizError, match="watched already"):
        ModelVizHook(net, tmp_path / "2")
    assert not (tmp_path / "2").exists()
    net(digits())
    assert statuses(first.directory) == ALL_OK
    ModelVizHook(net, tmp_path / "3", formats=()).close()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (3, {}, r"model=3 is no torch\.nn\.Module"),
        (TakesTensor(), {"depth": -2}, "depth=-2"),
        (TakesTensor(), {"writer": "runs"}, "SummaryWriter"),
        (TakesTensor(), {"formats": ["pdf"]}, "'pdf'"),
    ],
)
def test_bad_options_are_refused_at_construction(model, options, message, tmp_path) -> None:
    """With a clear error, and nothing is written or attached."""
    with pytest.raises(SettingsError, match=message):
        ModelVizHook(model, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["a file", "below a file", "not writable"])
def test_a_bad_log_dir_is_refused_at_construction(kind, tmp_path) -> None:
    """The message says what stands in the way."""
    file = tmp_path / "file"
    file.write_text("")
    folder = {"a file": file, "below a file": file / "run", "not writable": Path("/proc/run")}[kind]
    with pytest.raises(SettingsError, match="log_dir="):
        ModelVizHook(TakesTensor(), folder)


def test_an_autograd_graph_of_three_thousand_operations_is_recorded(tmp_path) -> None:
    """Torchviz' own recursion ends at about a thousand; the limit is put back."""
    import sys

    class Long(TakesTensor):
        def forward(self, x: Tensor) -> Tensor:
            x = self.layer(x)
            for _ in range(3_000):
                x = x + 1
            return x

    limit = sys.getrecursionlimit()
    net = Long()
    hook = ModelVizHook(net, tmp_path, visualizers=("torchviz",), formats=())
    net(digits())
    assert statuses(hook.directory) == {"autograd": "ok"}
    source = (Path(hook.directory) / "autograd.gv").read_text("utf-8")
    assert source.count("AddBackward0") == 3_000
    assert "layer.weight" in source
    assert sys.getrecursionlimit() == limit


def test_the_autograd_graph_is_the_real_calls_own(tmp_path) -> None:
    """Torchviz looks at what the training computed: no extra forward."""
    calls: SimpleQueue[int] = SimpleQueue()

    class Counts(TakesTensor):
        def forward(self, x: Tensor) -> Tensor:
            calls.put(1)
            return self.layer(x)

    net = Counts()
    hook = ModelVizHook(net, tmp_path, visualizers=("torchviz",), formats=())
    net(digits())
    assert statuses(hook.directory) == {"autograd": "ok"}
    assert calls.qsize() == 1


def test_replays_run_every_submodule_in_its_own_mode(tmp_path) -> None:
    """A frozen BatchNorm is shown as it trains; the libraries would set the whole tree."""
    modes: SimpleQueue[bool] = SimpleQueue()

    class Frozen(nn.BatchNorm1d):
        def forward(self, x: Tensor) -> Tensor:
            modes.put(self.training)
            return super().forward(x)

    net = nn.Sequential(nn.Linear(8, 4), Frozen(4).eval(), nn.Dropout())
    ModelVizHook(net, tmp_path, formats=())
    net(digits())
    assert [modes.get() for _ in range(modes.qsize())] == [False, False]


def test_torchinfo_and_torchview_share_one_forward(tmp_path) -> None:
    """Both together cost one; each shows what it shows alone."""
    counted: SimpleQueue[int] = SimpleQueue()

    class Counts(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            counted.put(1)
            return super().forward(x + 1)

    shown, calls = [], []
    for chosen in (("torchinfo", "torchview"), ("torchinfo",), ("torchview",)):
        net = Counts(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 4)))
        before = counted.qsize()
        hook = ModelVizHook(net, tmp_path, visualizers=chosen, formats=())
        net(digits())
        calls.append(counted.qsize() - before)
        names = {"torchinfo": "summary.txt", "torchview": "torchview.gv"}
        shown.append([(Path(hook.directory) / names[n]).read_text("utf-8") for n in chosen])
    assert calls == [2, 2, 2]
    assert shown[0] == [*shown[1], *shown[2]]


def test_a_call_without_gradients_has_no_autograd_graph_and_says_so(tmp_path) -> None:
    """Skipped with the reason, not failed."""
    net = TakesTensor().requires_grad_(requires_grad=False)
    hook = ModelVizHook(net, tmp_path, formats=())
    net(digits())
    assert statuses(hook.directory) == ALL_OK | {"autograd": "skipped"}


def test_the_same_model_gives_the_same_files(tmp_path) -> None:
    """Graph sources hold no memory addresses."""
    sources = []
    for run in ("1", "2"):
        net = TakesTensor()
        hook = ModelVizHook(net, tmp_path / run, formats=())
        net(digits())
        sources.append((Path(hook.directory) / "autograd.gv").read_text("utf-8"))
    assert sources[0] == sources[1]


def test_paths_with_spaces_quotes_and_other_letters_work(tmp_path) -> None:
    """A run folder may be called anything."""
    net = TakesTensor()
    folder = tmp_path / "rün 'one' \"two\" 雪"
    with ModelVizHook(net, os.fspath(folder)):
        net(digits())
    assert statuses(folder / "architecture") == ALL_OK


def test_the_fingerprints_are_there_for_a_loops_own_checkpoints(tmp_path) -> None:
    """Plain types: of the modules at once, of the data flow after the first call."""
    net = TakesTensor()
    with ModelVizHook(net, tmp_path, formats=()) as hook:
        assert set(hook.fingerprints) == {"structure", "trainable"}
        net(digits())
    torch.save({"model": net.state_dict(), "architecture": hook.fingerprints}, tmp_path / "x.pt")
    kept = torch.load(tmp_path / "x.pt", weights_only=True)["architecture"]
    assert kept == read_manifest(hook.directory)["fingerprints"]
    assert set(kept) == {"structure", "trainable", "dataflow"}
