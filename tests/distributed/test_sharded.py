"""Sharded models in real ranks: recorded as if they were whole, trained as without us."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.conftest import read_manifest, statuses
from tests.distributed import sharded_models as ways
from tests.distributed.ranks import run_ranks
from tests.distributed.sharded_models import Net, train
from tests.distributed.sharding_api import NEEDS_FSDP2, is_possible, skipping
from tests.test_untouched import assert_same
from tests.watch.flow import arrows, outline

# Everything inside is seen, although it is sharded.
SEEN = (
    "fsdp2",
    "fsdp2_of_armed",
    "fsdp2_kept",
    "fsdp2_bf16",
    "fsdp2_offloaded",
    "fsdp2_checkpointed",
    "fsdp2_by_method",
    "fsdp2_of_tensor_parallel",
    "tensor_parallel",
    "sequence_parallel",
    "fsdp1_originals",
    "fsdp1_flat",
    "fsdp1_checkpointed",
)
WAYS = (*SEEN, "fsdp2_compiled", "fsdp2_compiled_blocks")
GATHERED = "no extra forward: sharded parameters are gathered by all ranks together"
# What a model holds and computes, as opposed to what passes through one rank.
OF_THE_MODEL = ("parameters", "trainable_parameters", "buffers", "parameter_bytes")


def _compare(rank: int, folder: str) -> dict[str, str]:
    """Trains in each way, without us and with us; gives what differs, or nothing."""
    names = filter(is_possible, _every_way())
    return {name: _difference(getattr(ways, name), Path(folder) / name) for name in names}


def _every_way() -> tuple[str, ...]:
    return ("unsharded", "unsharded_by_method", *WAYS, "fsdp2_talkative")


def _difference(shard: Callable[[Net], nn.Module], folder: Path) -> str:
    without, with_us = train(shard, None), train(shard, folder)
    try:
        assert_same(without, with_us)
    except AssertionError as difference:
        return f"differs: {difference}"
    return ""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, list[dict[str, str]]]:
    folder = tmp_path_factory.mktemp("sharded")
    return folder, run_ranks(_compare, str(folder), timeout_s=400.0)


def whole(way: str) -> str:
    return "unsharded_by_method" if way.endswith("by_method") else "unsharded"


def graph(folder: Path, way: str) -> ArchitectureGraph:
    content = (folder / way / "architecture" / "architecture.json").read_text("utf-8")
    return ArchitectureGraph.from_json(content)


def manifest(folder: Path, way: str) -> dict[str, Any]:
    return read_manifest(folder / way / "architecture")


@pytest.mark.parametrize("way", skipping(WAYS))
def test_the_training_is_the_same_on_every_rank(trained, way) -> None:
    """Shards, buffers, losses, random numbers, forwards, collectives; nothing is left anywhere."""
    _, ranks = trained
    assert [rank[way] for rank in ranks] == ["", ""]


@pytest.mark.parametrize("way", skipping(WAYS))
def test_a_sharded_model_is_described_as_the_whole_one(trained, way) -> None:
    """Parameters, bytes, shapes, names and classes, so that the fingerprints are the same."""
    folder, _ = trained
    sharded, plain = manifest(folder, way), manifest(folder, whole(way))
    for name in OF_THE_MODEL:
        assert sharded["totals"][name] == plain["totals"][name]
    for name in ("structure", "trainable"):
        assert sharded["fingerprints"][name] == plain["fingerprints"][name]
    described = [(m.path, m.class_name, m.parameters) for m in graph(folder, way).modules]
    assert described == [
        (m.path, m.class_name, m.parameters) for m in graph(folder, whole(way)).modules
    ]


@pytest.mark.parametrize("way", skipping(SEEN))
def test_gathering_and_casting_leave_no_trace_in_the_graph(trained, way) -> None:
    """Calls, operations, edges and FLOPs are the whole model's; wrappers are in no path."""
    folder, _ = trained
    sharded, plain = graph(folder, way), graph(folder, whole(way))
    assert outline(sharded) == outline(plain)
    assert arrows(sharded) == arrows(plain)
    assert [node.flops for node in sharded.nodes] == [node.flops for node in plain.nodes]
    dataflow = [manifest(folder, w)["fingerprints"]["dataflow"] for w in (way, whole(way))]
    assert dataflow[0] == dataflow[1]


@pytest.mark.parametrize("way", skipping(SEEN))
def test_modules_give_out_whole_tensors(trained, way) -> None:
    """Under tensor parallelism too, where a rank has a part of them."""
    folder, _ = trained
    shapes = [
        {n.path: [o.shape for o in n.outputs] for n in graph(folder, w).nodes if n.path}
        for w in (way, whole(way))
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("way", skipping(WAYS))
def test_what_needs_an_extra_forward_is_skipped_with_the_reason(trained, way) -> None:
    """Our table and our diagram stand in; the note says what this rank keeps."""
    folder, _ = trained
    found = {a["name"]: a for a in manifest(folder, way)["artifacts"]}
    for name in ("summary", "torchview"):
        assert (found[name]["status"], found[name]["error"]) == ("skipped", GATHERED)
    assert "our own table instead" in (folder / way / "architecture" / "summary.txt").read_text()
    ours = statuses(folder / way / "architecture")
    assert {ours[name] for name in ("graph", "table", "architecture", "modules")} == {"ok"}
    (note,) = manifest(folder, way)["notes"]
    assert note.startswith("the parameters are sharded: of 2,528 values, rank 0 keeps 1,")


@NEEDS_FSDP2
def test_casts_of_mixed_precision_show_in_the_tensors(trained) -> None:
    """A block computes in bfloat16 and is kept in float32."""
    folder, _ = trained
    seen = graph(folder, "fsdp2_bf16")
    (first, *_) = [node for node in seen.nodes if node.path == "blocks.0"]
    assert {spec.dtype for spec in (*first.inputs, *first.outputs)} == {"bfloat16"}
    kept = {p.dtype for entry in seen.modules for p in entry.parameters}
    assert kept == {"float32"}


@NEEDS_FSDP2
def test_a_compiled_sharded_model_is_a_single_call(trained) -> None:
    """It is not rehearsed either, and says why."""
    folder, _ = trained
    seen = graph(folder, "fsdp2_compiled")
    assert outline(seen) == ["x?", ".", "output!"]
    assert seen.notes == (f"the model runs compiled; it was not looked into: {GATHERED}",)


@NEEDS_FSDP2
def test_compiled_blocks_of_a_sharded_model_are_single_calls(trained) -> None:
    """What is between them is seen as ever."""
    folder, _ = trained
    seen = outline(graph(folder, "fsdp2_compiled_blocks"))
    assert seen[:6] == ["x?", ".", " embed", " blocks.0", " blocks.1", " norm"]


@NEEDS_FSDP2
def test_nothing_is_computed_with_the_shards_of_one_rank(trained) -> None:
    """A module's own text may ask for it, for which the other ranks would not be there."""
    folder, ranks = trained
    assert [rank["fsdp2_talkative"] for rank in ranks] == ["", ""]
    found = {a["name"]: a for a in manifest(folder, "fsdp2_talkative")["artifacts"]}
    assert found["modules"]["status"] == "skipped"
    assert "as all ranks must together" in found["modules"]["error"]
    configs = {m.path: m.config for m in graph(folder, "fsdp2_talkative").modules}
    assert configs["blocks.0.up"] == ""
    assert configs["head"] == "in_features=16, out_features=8, bias=False"
