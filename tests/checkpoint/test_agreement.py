"""What is said of a checkpoint is what `load_state_dict(strict=True)` does with it."""

import copy
import random
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchmetrics
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrizations, spectral_norm

from modelviz_callbacks import check_checkpoint
from modelviz_callbacks.checkpoint.fit import CheckpointFit
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.written_records import write_record


class Tables(nn.Module):
    """Buffers of both kinds, a scalar parameter, one that is None."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_parameter("bias", None)
        self.register_buffer("table", torch.ones(3, 2))
        self.register_buffer("cache", torch.ones(3), persistent=False)
        self.register_buffer("none", None)


class Remembering(nn.Linear):
    """Keeps a state that is no tensor."""

    def get_extra_state(self) -> Any:
        return {"steps": 3}

    def set_extra_state(self, state: Any) -> None:
        self.steps = state["steps"]


class Lenient(nn.Linear):
    """Has a parameter that older checkpoints do not have."""

    def __init__(self) -> None:
        super().__init__(3, 3)
        self.gate = nn.Parameter(torch.ones(3))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        state_dict.setdefault(f"{prefix}gate", torch.ones(3))
        state_dict.pop(f"{prefix}old", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Tied(nn.Module):
    """One parameter under two names, one module under two paths."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight
        self.first = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.second = nn.ModuleDict({"again": self.first})


def lazy() -> nn.Module:
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    model(torch.ones(2, 4))
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {
    "convolutions": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Conv2d(4, 4, 1, bias=False))
    ),
    "tables": Tables,
    "tied": Tied,
    "lazy, run": lazy,
    "transformer": lambda: nn.TransformerEncoderLayer(4, 2, 8),
    "recurrent": lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True),
    "parametrized": lambda: nn.Sequential(
        parametrizations.weight_norm(nn.Linear(3, 3)), parametrizations.orthogonal(nn.Linear(3, 3))
    ),
    "older norm": lambda: nn.Sequential(spectral_norm(nn.Linear(3, 3))),
    "metrics": lambda: nn.ModuleDict({"net": nn.Linear(2, 2), "mse": torchmetrics.MeanMetric()}),
    "nothing": nn.Identity,
}
# What only their own code knows, a record does not tell.
ALSO_WITH_CODE = {
    **MODELS,
    "remembering": lambda: nn.Sequential(Remembering(2, 2), nn.Linear(2, 2)),
    "lenient": lambda: nn.Sequential(Lenient(), nn.Linear(3, 3)),
    "lazy": lambda: nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()),
    "persistent metric": lambda: nn.ModuleDict({"mse": persistent(torchmetrics.MeanMetric())}),
}


def persistent(metric: Any) -> Any:
    metric.persistent(mode=True)
    return metric


def changed(state: Any, rng: random.Random) -> Any:
    """Does something to a state dict that happens to state dicts."""
    state = copy.copy(state)
    if rng.random() < 0.4:
        state = OrderedDict(state)  # without the versions of its layout
    for _ in range(rng.choice([0, 1, 1, 1, 2, 4])):
        if state:
            change(state, rng)
    return state


def change(state: Any, rng: random.Random) -> None:
    name = rng.choice(list(state))
    plain = isinstance(state[name], Tensor) and not is_lazy(state[name])
    match rng.randrange(7):
        case 0:
            del state[name]
        case 1:
            state[f"{name}_old"] = torch.ones(2)
        case 2 if isinstance(state[name], Tensor):
            state[name] = torch.ones(7, 2)
        case 3:
            state[name.replace(".", ".inner.", 1)] = state.pop(name)
        case 4 if plain and state[name].dim() == 0:
            state[name] = state[name].reshape(rng.choice([(1,), (1, 1)]))
        case 5 if plain and state[name].is_floating_point():
            state[name] = state[name].half()
        case 6:
            for other in [n for n in state if n.endswith("num_batches_tracked")]:
                del state[other]


def values(model: nn.Module) -> dict[str, Tensor]:
    held = model.state_dict().items()
    return {n: t.clone() for n, t in held if isinstance(t, Tensor) and not is_lazy(t)}


def said_by_torch(model: nn.Module, state: Any) -> dict[str, set[str]] | None:
    """What `load_state_dict` raises, by kind; None if it loads."""
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        message = str(error)
        found = {
            kind: set(re.findall(r'"([^"]+)"', found[1])) if found else set()
            for kind, found in (
                ("missing", re.search(r"Missing key\(s\) in state_dict: (.*)", message)),
                ("unexpected", re.search(r"Unexpected key\(s\) in state_dict: (.*)", message)),
            )
        }
        return found | {"shapes": set(re.findall(r"size mismatch for ([^:]+):", message))}
    return None


def said_by_us(fit: CheckpointFit) -> dict[str, set[str]] | None:
    if fit.fits:
        return None
    assert not fit.problems
    return {
        kind: {found.name for found in getattr(fit, kind)}
        for kind in ("missing", "unexpected", "shapes")
    }


@pytest.mark.parametrize("kind", MODELS)
def test_a_record_says_what_load_state_dict_says(kind, tmp_path) -> None:
    """Whether it raises, and which names it names."""
    rng = random.Random(kind)
    folder = write_record(tmp_path, ArchitectureGraph(describe_modules(MODELS[kind]())))
    answers = set()
    for _ in range(25):
        model = MODELS[kind]()
        state = changed(model.state_dict(), rng)
        torch.save(state, tmp_path / "state.pt")
        expected = said_by_torch(model, state)
        if kind == "older norm" and expected is not None:
            # Its hook misses what it would compute, too.
            expected["missing"] -= {"0.weight"}
        fit = check_checkpoint(tmp_path / "state.pt", record=folder, key=".")
        assert said_by_us(fit) == expected, list(state)
        answers.add(expected is None)
    assert answers == {True, False} or kind == "nothing"


@pytest.mark.parametrize("kind", ALSO_WITH_CODE)
def test_a_model_says_what_load_state_dict_says(kind, tmp_path) -> None:
    """Also where the model's own code has a say; the model stays as it is."""
    rng = random.Random(kind)
    for _ in range(25):
        given, model = ALSO_WITH_CODE[kind](), ALSO_WITH_CODE[kind]()
        before = values(given)
        state = changed(model.state_dict(), rng)
        torch.save(state, tmp_path / "state.pt")
        expected = said_by_torch(model, state)
        fit = check_checkpoint(tmp_path / "state.pt", model=given, key=".")
        assert said_by_us(fit) == expected, list(state)
        torch.testing.assert_close(values(given), before, rtol=0, atol=0, equal_nan=True)
