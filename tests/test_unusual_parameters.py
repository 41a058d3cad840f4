"""Parameters that are not plain tensors on a device: recorded as they are, left as they are."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils._python_dispatch import return_and_correct_aliasing

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import digits
from tests.test_untouched import assert_same


class Quantized(Tensor):
    """Keeps its values as bytes with a scale, and computes with what they stand for: as torchao."""

    @staticmethod
    def __new__(cls, values: Tensor, scale: float) -> "Quantized":
        return Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, values.shape, dtype=torch.float32, device=values.device, requires_grad=False
        )

    def __init__(self, values: Tensor, scale: float) -> None:
        self.values = values
        self.scale = scale

    @classmethod
    def of(cls, tensor: Tensor) -> "Quantized":
        scale = float(tensor.abs().max()) / 127
        return cls((tensor / scale).round().to(torch.int8), scale)

    def __tensor_flatten__(self) -> tuple[list[str], Any]:
        return ["values"], self.scale

    def __repr__(self) -> str:
        raise AssertionError("nobody asks for the values")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in {torch.ops.aten.detach.default, torch.ops.aten.clone.default}:
            twin = cls(func(args[0].values), args[0].scale)
            return return_and_correct_aliasing(func, args, kwargs, twin)
        plain = [a.values * a.scale if isinstance(a, cls) else a for a in args]
        return func(*plain, **kwargs)


def quantized() -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    model[0].weight = nn.Parameter(Quantized.of(model[0].weight.detach()), requires_grad=False)
    return model


def with_unused_parts_on_meta() -> nn.Module:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 4)
            self.later = nn.Linear(4, 1_000, device="meta")

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x)

    return Net()


def parametrized() -> nn.Module:
    class Doubled(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return 2 * weight

    model = nn.Sequential(nn.Linear(8, 8), parametrizations.weight_norm(nn.Linear(8, 4)))
    parametrize.register_parametrization(model[0], "weight", Doubled())
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {
    "quantized": quantized,
    "on meta": with_unused_parts_on_meta,
    "parametrized": parametrized,
}


def train(make: Callable[[], nn.Module], folder: Any = None) -> dict[str, Any]:
    torch.manual_seed(0)
    model = make()
    hook = ModelVizHook(model, folder, formats=(), on_error="raise") if folder else None
    losses = []
    for _ in range(2):
        loss = model(digits()).square().mean()
        loss.backward()
        losses.append(loss.item())
    if hook is not None:
        hook.close()
    return {
        "losses": losses,
        "gradients": {name: p.grad for name, p in model.named_parameters()},
        "attributes": [list(vars(module)) for module in model.modules()],
        "kinds": [type(p).__name__ for p in model.parameters()],
        "random": torch.get_rng_state(),
    }


def modules(folder: Any) -> dict[str, ModuleEntry]:
    text = (find_record(folder) / "architecture.json").read_text("utf-8")
    return {entry.path: entry for entry in ArchitectureGraph.from_json(text).modules}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_training_is_as_without_us(make, tmp_path) -> None:
    """And every library shows the model."""
    assert_same(train(make), train(make, tmp_path))
    assert statuses(find_record(tmp_path)) == ALL_OK


def test_a_quantized_parameter_has_the_shape_and_dtype_that_it_shows(tmp_path) -> None:
    """What it is made of is its own business."""
    train(quantized, tmp_path)
    weight = modules(tmp_path)["0"].parameters[0]
    assert (weight.shape, weight.dtype, weight.requires_grad) == ((8, 8), "float32", False)


def test_a_parameter_on_meta_is_counted(tmp_path) -> None:
    """It has no values yet, but a shape."""
    train(with_unused_parts_on_meta, tmp_path)
    assert read_manifest(find_record(tmp_path))["totals"]["parameters"] == 36 + 5_000
    assert {p.device for p in modules(tmp_path)["later"].parameters} == {"meta"}


def test_a_parametrization_is_a_part_of_the_model(tmp_path) -> None:
    """The original parameters are in it; the weight made of them is none."""
    train(parametrized, tmp_path)
    found = modules(tmp_path)
    assert [p.name for p in found["0"].parameters] == ["bias"]
    assert [p.name for p in found["0.parametrizations.weight"].parameters] == ["original"]
    assert [p.name for p in found["1.parametrizations.weight"].parameters] == [
        "original0",
        "original1",
    ]
    assert read_manifest(find_record(tmp_path))["totals"]["parameters"] == 72 + 40
