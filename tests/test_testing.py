"""Golden files: a model repository's test that its model is what it was."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from modelviz_callbacks import (
    ModelVizError,
    RecordError,
    SettingsError,
    assert_architecture_unchanged,
)
from tests.models import HostileNet, TakesKeywords, TakesTensor, digits


class Net(nn.Module):
    """Images `[N, 3, H, W]` → `[N, 10]`."""

    def __init__(self, kernel: int = 3, scale: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 10)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.conv(x)))
        return self.head(F.interpolate(x, scale_factor=self.scale).mean((2, 3)))


@pytest.fixture(autouse=True)
def no_update(monkeypatch) -> None:
    """Whoever runs the tests may have it set."""
    monkeypatch.delenv("MODELVIZ_UPDATE_GOLDEN", raising=False)


@pytest.fixture
def golden(tmp_path) -> Path:
    """The golden file of `Net`."""
    path = tmp_path / "net.json"
    assert assert_architecture_unchanged(Net(), images(), path, update=True)
    return path


def images() -> torch.Tensor:
    return torch.zeros(2, 3, 8, 8)


def failure_of(model: nn.Module, path: Path, args: object = None) -> str:
    with pytest.raises(AssertionError) as failure:
        assert_architecture_unchanged(model, images() if args is None else args, path)
    return str(failure.value)


def test_the_same_model_passes_whatever_its_weights(golden) -> None:
    """And says that nothing was written."""
    torch.manual_seed(123)
    assert assert_architecture_unchanged(Net(), (images(),), golden) is False


def test_a_change_is_told_with_how_to_accept_it(golden) -> None:
    """What is another, in which file, and the command."""
    message = failure_of(Net(kernel=5), golden)
    assert f"Net is not what {golden} says" in message
    assert "\n  ~ conv: kernel_size (3, 3) → (5, 5), padding (1, 1) → (2, 2)  +384 param" in message
    assert "\n  ~ parameters: 330 → 714  +384, +116.4 %\n" in message
    assert "MODELVIZ_UPDATE_GOLDEN=1 (or pytest --update-architectures)" in message


def test_a_shape_that_only_the_forward_makes_is_told_where_it_begins(golden) -> None:
    """Neither modules nor operations are others then, and what follows is only counted."""
    message = failure_of(Net(scale=3), golden)
    assert "interpolate in the model itself gives [2, 8, 16, 16] → [2, 8, 24, 24]\n" in message


def test_another_input_is_told_as_one(golden) -> None:
    """A test that was changed is not a model that was."""
    message = failure_of(Net(), golden, torch.zeros(1, 3, 8, 8))
    assert "shapes: input x [2, 3, 8, 8] → [1, 3, 8, 8] and 6 more, after that" in message


def test_a_frozen_parameter_is_told(golden) -> None:
    """It is part of what a model repository promises."""
    net = Net()
    net.head.bias.requires_grad_(requires_grad=False)
    assert "~ not trained any more: 1 parameter tensor (head.bias)" in failure_of(net, golden)


def test_every_change_of_many_is_named(tmp_path) -> None:
    """A diff that ends in "and 37 more" cannot be judged."""
    path = tmp_path / "deep.json"
    assert_architecture_unchanged(dropouts(200), digits(), path, update=True)
    message = failure_of(dropouts(100), path, digits())
    assert all(f"\n  ~ {n}: p {n / 200} → {n / 100}" in message for n in range(1, 40))


def dropouts(parts: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Dropout(n / parts) for n in range(40)))


def test_a_missing_golden_file_fails_and_is_not_made(tmp_path) -> None:
    """In CI it would be made anew in every run, and never fail."""
    message = failure_of(Net(), tmp_path / "none.json")
    assert "There is no golden file" in message
    assert "MODELVIZ_UPDATE_GOLDEN=1" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("value", "updates"), [("1", True), ("0", False), ("no", False)])
def test_the_environment_variable_updates(golden, monkeypatch, value, updates) -> None:
    """Unless it says no."""
    monkeypatch.setenv("MODELVIZ_UPDATE_GOLDEN", value)
    before = golden.read_bytes()
    try:
        assert_architecture_unchanged(Net(kernel=5), images(), golden)
    except AssertionError:
        assert not updates
    assert (golden.read_bytes() != before) is updates


def test_the_argument_outranks_the_environment_variable(golden, monkeypatch) -> None:
    """Both ways."""
    monkeypatch.setenv("MODELVIZ_UPDATE_GOLDEN", "1")
    with pytest.raises(AssertionError):
        assert_architecture_unchanged(Net(kernel=5), images(), golden, update=False)


def test_an_update_makes_the_folder(tmp_path) -> None:
    """The first test of a repository has none yet."""
    path = tmp_path / "tests" / "golden" / "net.json"
    assert assert_architecture_unchanged(Net(), images(), path, update=True)
    assert not assert_architecture_unchanged(Net(), images(), path)


def test_an_update_without_a_change_leaves_the_file_alone(golden) -> None:
    """Also one that another version of torch made: there is nothing to commit."""
    golden.write_text(golden.read_text("utf-8").replace("made with torch", "made with torch 2.4,"))
    before = golden.stat()
    assert not assert_architecture_unchanged(Net(), images(), golden, update=True)
    after = golden.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_update_that_is_killed_leaves_the_old_file(golden, monkeypatch) -> None:
    """It is written as a whole or not at all."""
    before = golden.read_bytes()

    def refuse(*_paths: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ModelVizError, match=r"net\.json cannot be written: OSError: the disk is"):
        assert_architecture_unchanged(Net(kernel=5), images(), golden, update=True)
    assert golden.read_bytes() == before
    assert list(golden.parent.iterdir()) == [golden]


def test_a_golden_file_that_cannot_be_read_is_a_clear_error(golden) -> None:
    """A merge conflict in it, for one; an update makes it anew."""
    golden.write_text("<<<<<<< HEAD\n" + golden.read_text("utf-8"))
    with pytest.raises(RecordError, match=r"golden file .*net\.json cannot be read: .*UPDATE"):
        assert_architecture_unchanged(Net(), images(), golden)
    assert assert_architecture_unchanged(Net(), images(), golden, update=True)
    assert not assert_architecture_unchanged(Net(), images(), golden)


def test_a_folder_in_its_place_is_a_clear_error(tmp_path) -> None:
    """With and without an update."""
    with pytest.raises(RecordError, match="cannot be read"):
        assert_architecture_unchanged(Net(), images(), tmp_path)
    with pytest.raises(ModelVizError, match="cannot be written"):
        assert_architecture_unchanged(Net(), images(), tmp_path, update=True)


def test_what_the_forward_raises_is_shown_as_it_is(golden) -> None:
    """The model is broken, not changed."""
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        assert_architecture_unchanged(Net(), torch.zeros(2, 1, 8, 8), golden)


def test_a_call_that_cannot_be_repeated_says_why(tmp_path) -> None:
    """A lazy layer would no longer be one."""
    with pytest.raises(ModelVizError, match="lazy parameters"):
        assert_architecture_unchanged(nn.LazyLinear(3), digits(), tmp_path / "a.json", update=True)


def test_what_is_no_model_is_refused(tmp_path) -> None:
    """As everywhere."""
    with pytest.raises(SettingsError, match="model="):
        assert_architecture_unchanged(torch.relu, digits(), tmp_path / "a.json")  # type: ignore[arg-type]


def test_keyword_arguments_are_passed(tmp_path) -> None:
    """Also those whose names are our own options."""
    kwargs = {"x": digits(), "depth": 7, "mode": "train"}
    path = tmp_path / "keywords.json"
    assert_architecture_unchanged(TakesKeywords(), (), path, kwargs=kwargs, update=True)
    assert not assert_architecture_unchanged(TakesKeywords(), (), path, kwargs=kwargs)


def test_the_model_is_left_as_it_was(tmp_path) -> None:
    """Weights, buffers, modes, random numbers and what it keeps in Python."""
    net, x = HostileNet(), digits()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    before = ([m.training for m in net.modules()], net.calls, torch.get_rng_state(), x.clone())
    attributes = [sorted(vars(module)) for module in net.modules()]
    assert_architecture_unchanged(net, x, tmp_path / "hostile.json", update=True)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert [m.training for m in net.modules()] == before[0]
    assert net.calls == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.equal(x, before[3])
    assert [sorted(vars(module)) for module in net.modules()] == attributes


def test_a_model_on_the_meta_device_has_the_same_file(golden) -> None:
    """So a model of any size is tested in CI, without its memory or its time."""
    with torch.device("meta"):
        net, x = Net(), torch.empty(2, 3, 8, 8)
        assert not assert_architecture_unchanged(net, x, golden)
    assert_architecture_unchanged(net, x, golden.with_name("meta.json"), update=True)
    assert golden.with_name("meta.json").read_bytes() == golden.read_bytes()


def test_a_large_model_on_the_meta_device_takes_no_memory(tmp_path) -> None:
    """A layer of 64 GiB."""
    with torch.device("meta"):
        net, x = nn.Linear(2**17, 2**17), torch.empty(1, 2**17)
    path = tmp_path / "large.json"
    assert assert_architecture_unchanged(net, x, path, update=True)
    assert not assert_architecture_unchanged(net, x, path)


def test_the_file_is_an_architecture_graph_without_machines(golden) -> None:
    """Neither device nor FLOPs; which torch made it is said, without its build."""
    from modelviz_callbacks.graph.model import ArchitectureGraph

    content = json.loads(golden.read_text("utf-8"))
    assert {p["device"] for m in content["modules"] for p in m["parameters"]} == {""}
    assert {node["flops"] for node in content["nodes"]} == {None}
    assert content["notes"] == [f"made with torch {torch.__version__.partition('+')[0]}"]
    assert len(ArchitectureGraph.from_json(golden.read_text("utf-8")).modules) == 4


def test_another_process_writes_the_same_bytes(tmp_path) -> None:
    """Whatever the addresses of objects and the seeds of hashes are."""
    script = (
        "import sys, torch; from torch import nn;"
        "from modelviz_callbacks import assert_architecture_unchanged as check;"
        "net = nn.Sequential(nn.Linear(8, 4)); net[0].extra_repr = lambda: repr(object());"
        "check(net, torch.zeros(1, 8), sys.argv[1], update=True)"
    )
    net = nn.Sequential(nn.Linear(8, 4))
    net[0].extra_repr = lambda: repr(object())
    assert_architecture_unchanged(net, torch.zeros(1, 8), tmp_path / "here", update=True)
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "there")],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        check=True,
    )
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()


def test_a_difference_between_versions_of_torch_is_named(golden) -> None:
    """Its modules may describe themselves in another way; that is nobody's change."""
    written = golden.read_text("utf-8")
    golden.write_text(
        re.sub('made with torch [^"]*', "made with torch 2.4.0", written).replace(
            "eps=", "epsilon="
        )
    )
    message = failure_of(Net(), golden)
    assert "noted then: made with torch 2.4.0" in message
    assert "another version" in message


def test_a_compiled_model_has_the_file_of_the_plain_one(tmp_path) -> None:
    """Without compiling anything."""
    path = tmp_path / "compiled.json"
    assert_architecture_unchanged(TakesTensor(), digits(), path, update=True)
    assert not assert_architecture_unchanged(torch.compile(TakesTensor()), digits(), path)
