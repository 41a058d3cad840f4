"""Which modules are said to be the same under two names: never a guess that can be wrong."""

import pytest
import torch
from torch import nn

from modelviz_callbacks import check_checkpoint
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.written_records import write_record


def block(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, width))


def other() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4, bias=False))


def net(name: str, *blocks: nn.Module, head: str = "head") -> nn.Module:
    return nn.ModuleDict({name: nn.Sequential(*blocks), head: nn.Linear(4, 2)})


SHIFTED = {("encoder.2", "encoder.1"), ("encoder.3", "encoder.2")}
INSERTED = (
    net("encoder", block(), other(), block(), block()),
    net("encoder", block(), block(), block()),
)
LAYERS = ("layer0", "layer1", "layer2")
CASES = {
    "one more in the checkpoint": (*INSERTED, SHIFTED),
    "one more in the model": (*INSERTED[::-1], {(b, a) for a, b in SHIFTED}),
    "one of several alike more": (
        net("encoder", *(block() for _ in range(4))),
        net("encoder", *(block() for _ in range(3))),
        set(),
    ),
    "one in, one out": (
        net("encoder", block(), other(), block()),
        net("encoder", block(), block(), block()),
        set(),
    ),
    "counted from one": (
        nn.ModuleDict({name: block() for name in LAYERS}),
        nn.ModuleDict({name: block() for name in ("layer1", "layer2", "layer3")}),
        {("layer0", "layer1"), ("layer1", "layer2"), ("layer2", "layer3")},
    ),
    "another name": (
        net("backbone", block(), block()),
        net("encoder", block(), block()),
        {("backbone", "encoder")},
    ),
    "another name and one more": (
        net("backbone", block(), block(), block()),
        net("encoder", block(), block()),
        set(),
    ),
    "another name in each": (
        net("encoder", *(nn.ModuleDict({"attn": block(), "x": other()}) for _ in range(3))),
        net("encoder", *(nn.ModuleDict({"self_attn": block(), "x": other()}) for _ in range(3))),
        {(f"encoder.{i}.attn", f"encoder.{i}.self_attn") for i in range(3)},
    ),
    "two alike of other names": (
        nn.ModuleDict({"a": block(), "b": block()}),
        nn.ModuleDict({"c": block(), "d": block()}),
        set(),
    ),
    "two of which one is alike": (
        nn.ModuleDict({"a": block(), "b": block(3)}),
        nn.ModuleDict({"c": block(3), "d": block()}),
        {("a", "d"), ("b", "c")},
    ),
    "spelt alike, several of the shape": (
        nn.ParameterDict({"scale_a": torch.ones(3), "scale_b": torch.ones(3)}),
        nn.ParameterDict({"scales_a": torch.ones(3), "scales_b": torch.ones(3)}),
        set(),
    ),
    "parameters in a list": (
        nn.ParameterList([torch.ones(2), torch.ones(3), torch.ones(4)]),
        nn.ParameterList([torch.ones(3), torch.ones(4)]),
        {("1", "0"), ("2", "1")},
    ),
}


@pytest.mark.parametrize("against", ["record", "model"])
@pytest.mark.parametrize("case", CASES)
def test_only_what_the_shapes_allow_alone_is_paired(case, against, tmp_path) -> None:
    """Numbered modules keep their numbers, or all of them move in their order."""
    saved, model, expected = CASES[case]
    torch.save(saved.state_dict(), tmp_path / "state.pt")
    write_record(tmp_path / "run", ArchitectureGraph(describe_modules(model)))
    given = {"record": tmp_path / "run"} if against == "record" else {"model": model}
    fit = check_checkpoint(tmp_path / "state.pt", **given)
    assert not fit.fits
    assert {(pair.checkpoint, pair.expected) for pair in fit.renamed} == expected
