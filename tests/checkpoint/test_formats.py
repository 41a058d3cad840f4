"""Every kind of checkpoint is read by name, shape and dtype, without the values of its tensors."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from modelviz_callbacks import CheckpointError
from modelviz_callbacks.checkpoint.contents import Branch, StoredTensor
from modelviz_callbacks.checkpoint.opening import open_checkpoint
from modelviz_callbacks.checkpoint.safetensors_file import _DTYPES
from modelviz_callbacks.checkpoint.state_choice import choose_state

NET = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
STATE = {
    "0.weight": StoredTensor((2, 3), "float32"),
    "0.bias": StoredTensor((2,), "float32"),
    "1.weight": StoredTensor((2,), "float32"),
    "1.bias": StoredTensor((2,), "float32"),
    "1.running_mean": StoredTensor((2,), "float32"),
    "1.running_var": StoredTensor((2,), "float32"),
    "1.num_batches_tracked": StoredTensor((), "int64"),
}


def state_in(place: Any, key: str | None = None) -> dict[str, StoredTensor]:
    return choose_state(open_checkpoint(str(place)), key).state.tensors()


def saved(folder: Path, content: Any, **options: Any) -> Path:
    torch.save(content, folder / "weights.pt", **options)
    return folder / "weights.pt"


def sharded(folder: Path, suffix: str) -> Path:
    """Two files and their index, as Hugging Face's libraries write them."""
    state = NET.state_dict()
    parts = {f"model-0000{n}-of-00002{suffix}": list(state)[n - 1 :: 2] for n in (1, 2)}
    for name, names in parts.items():
        save = safetensors.torch.save_file if suffix == ".safetensors" else torch.save
        save({n: state[n] for n in names}, folder / name)
    index = {"metadata": {}, "weight_map": {n: f for f, names in parts.items() for n in names}}
    path = folder / f"model{suffix}.index.json"
    path.write_text(json.dumps(index))
    return path


def optimizer() -> torch.optim.Optimizer:
    made = torch.optim.Adam(NET.parameters())
    NET(torch.ones(2, 3)).sum().backward()
    made.step()
    return made


def distributed(folder: Path) -> Path:
    """As FSDP's sharded saving writes it, of one process."""
    state = {"model": NET.state_dict(), "optimizer_0": optimizer().state_dict(), "epoch": 3}
    dcp.save(state, checkpoint_id=folder / "sharded.ckpt", no_dist=True)
    return folder / "sharded.ckpt"


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "before torch 1.6"])
def test_a_bare_state_dict_is_read(zipped, tmp_path) -> None:
    """Of both of torch's formats."""
    path = saved(tmp_path, NET.state_dict(), _use_new_zipfile_serialization=zipped)
    assert state_in(path) == STATE


def test_the_values_of_a_large_checkpoint_are_not_read(tmp_path) -> None:
    """The memory does not grow by the 256 MiB that they take."""
    path = saved(tmp_path, {"weight": torch.ones(2**26)})
    script = """
import re, sys, torch
from pathlib import Path
from modelviz_callbacks.checkpoint.opening import open_checkpoint
def peak_kib():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak_kib()
print(open_checkpoint(sys.argv[1]).tree)
print(peak_kib() - before < 100_000)
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=True)
    assert b"(67108864,)" in done.stdout
    assert done.stdout.endswith(b"True\n")


def test_tensors_of_any_kind_are_described(tmp_path) -> None:
    """Sparse ones, those of small floats, parameters, and those without a shape yet."""
    kinds = {
        "sparse": torch.ones(3).to_sparse(),
        "float8": torch.ones(2).to(torch.float8_e4m3fn),
        "parameter": nn.Parameter(torch.ones(2)),
        "complex": torch.ones(2, dtype=torch.complex64),
        "lazy": nn.LazyLinear(2).weight,
        "view": torch.ones(4, 4)[1:3].T,
    }
    assert state_in(saved(tmp_path, kinds)) == {
        "sparse": StoredTensor((3,), "float32"),
        "float8": StoredTensor((2,), "float8_e4m3fn"),
        "parameter": StoredTensor((2,), "float32"),
        "complex": StoredTensor((2,), "complex64"),
        "lazy": StoredTensor(None, "float32"),
        "view": StoredTensor((4, 2), "float32"),
    }


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "module", "net", "x"])
def test_a_state_dict_is_found_beside_other_things(key, tmp_path) -> None:
    """Optimizers, averages and numbers are none, and one of a usual name is meant."""
    beside = {
        "optimizer": optimizer().state_dict(),
        "callbacks": {"EMA": {"average": torch.ones(2)}},
        "epoch": 3,
        "loss": torch.tensor(0.5),
    }
    if key != "x":
        beside["averaged"] = NET.state_dict()
    else:
        del beside["loss"]
    chosen = choose_state(open_checkpoint(str(saved(tmp_path, {**beside, key: NET.state_dict()}))))
    assert (chosen.key, chosen.state.tensors()) == (key, STATE)
    assert chosen.others == (("averaged",) if key != "x" else ())


def test_where_several_may_be_meant_the_key_is_asked_for(tmp_path) -> None:
    """All of them are named, and each can be chosen."""
    path = saved(tmp_path, {"nets": {"g": NET.state_dict(), "d.x": {"w": torch.ones(1)}}})
    with pytest.raises(CheckpointError, match=r"'nets\.g', 'nets\.d\.x': choose with key"):
        state_in(path)
    assert state_in(path, "nets.g") == STATE
    assert state_in(path, "nets.d.x") == {"w": StoredTensor((1,), "float32")}
    with pytest.raises(CheckpointError, match=r"key='nets\.h' is no mapping.*'nets\.g'"):
        state_in(path, "nets.h")


@pytest.mark.parametrize("content", [{"epoch": 3}, {"a": {"b": [torch.ones(1)]}}])
def test_a_checkpoint_without_a_state_dict_says_what_it_holds(content, tmp_path) -> None:
    """A list of tensors is none."""
    with pytest.raises(CheckpointError, match=r"There are no tensors in it; it holds '[a-z]+'"):
        state_in(saved(tmp_path, content))


def test_what_is_no_mapping_says_what_it_is(tmp_path) -> None:
    """And what to save."""
    with pytest.raises(CheckpointError, match=r"holds a list.*Save model\.state_dict\(\)"):
        state_in(saved(tmp_path, [torch.ones(2)]))


def test_a_mapping_that_holds_itself_has_an_end(tmp_path) -> None:
    """Pickles can."""
    content: dict[str, Any] = {"model": NET.state_dict()}
    content["self"] = content
    assert state_in(saved(tmp_path, content)) == STATE


def test_safetensors_are_read_without_torch(tmp_path) -> None:
    """The header alone."""
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(NET.state_dict(), path, metadata={"format": "pt"})
    assert state_in(path) == state_in(tmp_path) == STATE
    script = (
        "import sys; from modelviz_callbacks.checkpoint.opening import open_checkpoint;"
        "open_checkpoint(sys.argv[1]); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=True)
    assert done.stdout == b"False\n"


@pytest.mark.parametrize("name", _DTYPES.values())
def test_every_dtype_of_safetensors_has_torchs_name(name, tmp_path) -> None:
    """As their own library writes it."""
    path = tmp_path / "x.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(4, dtype=getattr(torch, name))}, path)
    assert state_in(path) == {"x": StoredTensor((4,), name)}


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_a_checkpoint_in_several_files_is_read_by_its_index(suffix, tmp_path) -> None:
    """By the index itself, or the folder that it lies in."""
    index = sharded(tmp_path, suffix)
    assert state_in(index) == state_in(tmp_path) == STATE
    assert open_checkpoint(str(index)).format == ("torch" if "bin" in suffix else "safetensors")


def test_a_folder_of_torch_distributed_is_read_by_its_metadata(tmp_path) -> None:
    """What was nested is nested again; torch is not needed."""
    folder = distributed(tmp_path)
    (folder / "__0_0.distcp").unlink()
    contents = open_checkpoint(str(folder))
    assert contents.format == "torch.distributed"
    assert choose_state(contents).key == "model"
    assert state_in(folder) == STATE
    assert set(contents.tree.entries) == {"model", "optimizer_0", "epoch"}
    dcp.save(NET.state_dict(), checkpoint_id=tmp_path / "flat", no_dist=True)
    assert state_in(tmp_path / "flat") == STATE


def test_what_lightning_keeps_beside_shards_belongs_to_them(tmp_path) -> None:
    """Its `meta.pt` has what callbacks keep."""
    folder = distributed(tmp_path)
    kept = {"epoch": 1, "callbacks": {"ModelVizCallback": {"fingerprints": {"structure": "x"}}}}
    torch.save(kept, folder / "meta.pt")
    callbacks = open_checkpoint(str(folder)).tree.entries["callbacks"]
    assert isinstance(callbacks, Branch)
    assert "ModelVizCallback" in callbacks.entries
    assert state_in(folder) == STATE


@pytest.mark.parametrize("kind", ["torch", "safetensors", "sharded", "distributed"])
def test_a_store_is_read_as_a_disk_is(kind, tmp_path) -> None:
    """By fsspec URLs."""
    import fsspec

    made = {
        "torch": lambda: saved(tmp_path, NET.state_dict()),
        "safetensors": lambda: sharded(tmp_path, ".safetensors").parent,
        "sharded": lambda: sharded(tmp_path, ".bin"),
        "distributed": lambda: distributed(tmp_path),
    }[kind]()
    store = fsspec.filesystem("memory")
    store.put(str(tmp_path), f"/{kind}", recursive=True)
    inside = os.path.relpath(made, tmp_path)
    assert state_in(f"memory://{kind}/{inside}".removesuffix("/.")) == STATE


def test_a_folder_with_several_checkpoints_asks_for_one(tmp_path) -> None:
    """And names them; other folders say what a checkpoint is."""
    for name in ("last.ckpt", "best.ckpt"):
        torch.save({}, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"several checkpoints here: best\.ckpt, last\.ckpt"):
        open_checkpoint(str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"no checkpoint in this folder. Give .*torch\.save"):
        open_checkpoint(str(tmp_path / "empty"))
    (tmp_path / "empty" / "zero_to_fp32.py").touch()
    with pytest.raises(CheckpointError, match=r"DeepSpeed.*Run the zero_to_fp32\.py"):
        open_checkpoint(str(tmp_path / "empty"))
