"""Compiled modules under a Trainer: the compiler's work and the training are as without us."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import ModelVizCallback
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.compilers import CountingBackend, compiler_work, fresh_compiler
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import lit, loader, trainer
from tests.test_untouched import assert_same, fingerprint, reset
from tests.watch.flow import paths


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.2), nn.Linear(8, 4))


def whole(backend: CountingBackend) -> Any:
    return torch.compile(lit(network()), backend=backend)


def in_place(backend: CountingBackend) -> Any:
    module = lit(network())
    module.compile(backend=backend)
    return module


def submodule(backend: CountingBackend) -> Any:
    return lit(torch.compile(network(), backend=backend))


def regions(backend: CountingBackend) -> Any:
    module = lit(nn.Sequential(network(), nn.Linear(4, 8), network()))
    for region in (module.net[0], module.net[2]):
        region.compile(backend=backend)
    return module


def in_configure_model(backend: CountingBackend) -> Any:
    module = lit(network())
    type(module).configure_model = lambda self: self.net.compile(backend=backend)
    return module


def in_the_first_step(backend: CountingBackend) -> Any:
    def step(self: Any, batch: Any) -> Tensor:
        if not self.losses:
            self.net = torch.compile(self.net, backend=backend)
        return self.loss(self(batch[0]), batch[1])

    return lit(network(), step=step)


def in_place_in_the_first_step(backend: CountingBackend) -> Any:
    def step(self: Any, batch: Any) -> Tensor:
        if not self.losses:
            self.net.compile(backend=backend)
        return self.loss(self(batch[0]), batch[1])

    return lit(network(), step=step)


def compiled_loss(backend: CountingBackend) -> Any:
    # Not torch's function itself, which torch 2.4 refuses.
    def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(output, target)

    loss = torch.compile(cross_entropy, backend=backend)

    def step(self: Any, batch: Any) -> Tensor:
        return loss(self(batch[0]), batch[1])

    return lit(network(), step=step)


KINDS = [
    whole,
    in_place,
    submodule,
    regions,
    in_configure_model,
    in_the_first_step,
    in_place_in_the_first_step,
    compiled_loss,
]


def fitted(make: Any, folder: Path, callbacks: list[Any], **options: Any) -> dict[str, Any]:
    """Trains twice with validation in between, and tells all that came of it."""
    backend = fresh_compiler()
    reset()
    module = make(backend)
    for _ in range(2):
        fit = trainer(folder, *callbacks, max_epochs=1, num_sanity_val_steps=1, **options)
        fit.fit(module, loader(), loader())
    inner = getattr(module, "_orig_mod", module)
    state = fingerprint(inner) | {"losses": inner.losses, "adam": fit.optimizers[0].state_dict()}
    return state | {"compiler": compiler_work(backend)}


@pytest.mark.parametrize("make", KINDS)
def test_training_and_compiling_are_as_without_us(make, tmp_path) -> None:
    """Graphs, breaks, recompilations, weights and losses, over two fits with validation."""
    without = fitted(make, tmp_path / "without", [])
    callback = ModelVizCallback(dirpath=tmp_path / "with", formats=(), on_error="raise")
    assert_same(without, fitted(make, tmp_path / "trainer", [callback]))
    if not without["compiler"]["graphs"]:
        pytest.skip("this torch compiles nothing of it, without us either")
    record = find_record(tmp_path / "with")
    assert statuses(record) == ALL_OK
    graph = ArchitectureGraph.from_json((record / "architecture.json").read_text("utf-8"))
    assert {"", "net.0", "net.2"} <= set(paths(graph))
    notes = [*graph.notes, *read_manifest(record)["notes"]]
    assert len(notes) == 1
    assert all("compiled" in note for note in notes)
    # Compiled in place, the module is closed: what its step calls beside its forward is too.
    if make not in {compiled_loss, in_place}:
        assert "loss" in paths(graph)
