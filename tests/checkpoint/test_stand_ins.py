"""A custom object beside the weights: they are read, its class is neither imported nor built."""

import builtins
import enum
import functools
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from modelviz_callbacks import CheckpointError, check_checkpoint, load_record
from modelviz_callbacks.checkpoint import stand_ins
from modelviz_callbacks.checkpoint.opening import open_checkpoint
from modelviz_callbacks.checkpoint.own_record import own_references

pytestmark = pytest.mark.skipif(
    not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"),
    reason="torch tells what it refuses from 2.6 on",
)


class Calls:
    """Calls what it is given if it is unpickled."""

    def __init__(self, called: Any, *arguments: Any) -> None:
        self.made_by = called, arguments

    def __reduce__(self) -> Any:
        return self.made_by


def saved(folder: Path, **content: Any) -> Path:
    torch.save(content, folder / "state.ckpt")
    return folder / "state.ckpt"


@pytest.fixture
def config(monkeypatch) -> Any:
    """An object of a user's module that cannot be imported any more once it was saved."""
    module = types.ModuleType("config_of_a_test")
    source = """
import enum
class Config:
    def __init__(self, width): self.width = width
    def __setstate__(self, state): raise AssertionError("run")
class Kind(enum.Enum):
    SMALL = 1
def make(): pass
"""
    exec(source, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def hyper_parameters(config: Any) -> dict[str, Any]:
    return {
        "config": config.Config(3),
        "nested": [config.Config(config.Config(4))],
        "kind": config.Kind.SMALL,
        "class": config.Config,
        "factory": config.make,
        "partial": functools.partial(config.make, 1),
        "act": nn.GELU(),
    }


def test_weights_beside_a_custom_object_are_read(config, tmp_path, monkeypatch) -> None:
    """Whatever it is made of; its module is not needed, and not imported."""
    given = hyper_parameters(config)
    before = set(torch.serialization.get_safe_globals())
    place = saved(tmp_path, state_dict=nn.Linear(2, 3).state_dict(), hyper_parameters=given)
    monkeypatch.delitem(sys.modules, config.__name__)
    assert check_checkpoint(place, model=nn.Linear(2, 3)).fits
    assert not check_checkpoint(place, model=nn.Linear(2, 4)).fits
    assert config.__name__ not in sys.modules
    assert set(torch.serialization.get_safe_globals()) == before


def test_the_record_of_such_a_checkpoint_is_found(trained_run, config, tmp_path) -> None:
    """By the reference in it."""
    place = trained_run / "checkpoints" / "last.ckpt"
    content = torch.load(place, weights_only=True)
    content["hyper_parameters"] = hyper_parameters(config)
    beside = place.with_name("custom.ckpt")
    torch.save(content, beside)
    try:
        assert load_record(beside).directory == load_record(place).directory
        assert check_checkpoint(beside).fits
    finally:
        beside.unlink()
    assert own_references(open_checkpoint(str(place)))


@pytest.mark.parametrize(
    "called", [os.mkdir, os.system, sys.exit], ids=["os.mkdir", "os.system", "sys.exit"]
)
def test_what_torch_never_allows_is_an_error(called, tmp_path) -> None:
    """Beside weights, too."""
    bad = Calls(called, str(tmp_path / "made"))
    place = saved(tmp_path, state_dict=nn.Linear(2, 3).state_dict(), bad=bad)
    with pytest.raises(CheckpointError, match=r"state\.ckpt: .*could run code|refuses it"):
        open_checkpoint(str(place))
    assert not (tmp_path / "made").exists()


def test_nothing_is_called(tmp_path) -> None:
    """Not what torch does not know to be dangerous, either."""
    place = saved(
        tmp_path,
        state_dict=nn.Linear(2, 3).state_dict(),
        bad=Calls(builtins.eval, f"open({str(tmp_path / 'made')!r}, 'w')"),
    )
    assert check_checkpoint(place, model=nn.Linear(2, 3)).fits
    assert not (tmp_path / "made").exists()


class Kind(enum.Enum):
    A = 1


class OwnTensor(torch.Tensor):
    pass


@pytest.mark.parametrize(
    ("value", "match"),
    [(Calls(list, ()), "holds 'x', a|could run code"), (Kind.A, "holds 'x', a Kind")],
)
def test_a_state_dict_consists_of_tensors(value, match, tmp_path) -> None:
    """An object in it is an error that names it."""
    state = {**nn.Linear(2, 3).state_dict(), "x": value}
    with pytest.raises(CheckpointError, match=match):
        check_checkpoint(saved(tmp_path, state_dict=state), model=nn.Linear(2, 3))


@pytest.mark.parametrize(
    "content",
    [
        {"model": nn.Sequential(nn.Linear(2, 2))},
        {"state_dict": {"x": torch.ones(2).as_subclass(OwnTensor)}},
    ],
    ids=["a whole model", "a tensor of its own class"],
)
def test_what_cannot_be_read_around_is_refused_as_before(content, tmp_path) -> None:
    """With what to do instead."""
    with pytest.raises(CheckpointError, match="could run code when it is loaded"):
        open_checkpoint(str(saved(tmp_path, **content)))


def test_too_many_classes_are_refused(tmp_path, monkeypatch) -> None:
    """Each makes the loading slower."""
    monkeypatch.setattr(stand_ins, "_MOST", 0)
    with pytest.raises(CheckpointError, match="could run code when it is loaded"):
        open_checkpoint(str(saved(tmp_path, state_dict=nn.Linear(2, 2).state_dict(), x=Kind.A)))
