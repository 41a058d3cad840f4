"""What Lightning's first training step shows: all of it, loss included, from batch to result."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modelviz_callbacks import ModelVizCallback
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import TakesTensor, digits, gan, lightning_package, lit, loader, trainer
from tests.watch.flow import arrows, names, outline, paths, reaches

OPTIONS: Any = {"formats": (), "visualizers": ("architecture",)}
BASE = lightning_package("lightning.pytorch").LightningModule


def fitted(module: Any, folder: Path, data: Any = None, **options: Any) -> ArchitectureGraph:
    trainer(folder, ModelVizCallback(**OPTIONS), **options).fit(module, data or loader())
    text = (find_record(folder) / "architecture.json").read_text("utf-8")
    return ArchitectureGraph.from_json(text)


def test_the_whole_training_step_is_the_graph(tmp_path) -> None:
    """From the batch through the model and the loss to what the step returns."""

    def step(self: Any, batch: Any) -> Tensor:
        x, labels = batch
        return F.cross_entropy(self(x - x.mean()), labels) * 0.5

    graph = fitted(lit(TakesTensor(), step=step), tmp_path)
    assert outline(graph) == [
        "batch[0]?",
        "batch[1]?",
        "mean",
        "sub",
        ".",
        " net",
        "  net.layer",
        "cross_entropy",
        "mul",
        "loss!",
    ]
    assert arrows(graph) == [
        "batch[0]? > mean",
        "batch[0]? > sub",
        "mean > sub",
        "sub > net.layer",
        "net.layer > cross_entropy",
        "batch[1]? > cross_entropy",
        "cross_entropy > mul",
        "mul > loss!",
    ]


def test_a_call_of_the_module_itself_is_the_step_around_its_parts(tmp_path) -> None:
    """`self(x)` runs the LightningModule's forward: a node of the path ""."""

    class Itself(BASE):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x)

        def training_step(self, batch: Any) -> Tensor:
            return self(batch[0]).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    graph = fitted(Itself(), tmp_path)
    assert outline(graph)[2:] == [".", " layer", "mean", "loss!"]


RESULTS = {
    "a loss": (lambda loss, _y: loss, ["loss"]),
    "a dict": (lambda loss, y: {"loss": loss, "logits": y.detach()}, ["loss", "logits"]),
    "a dict with more in it": (
        lambda loss, y: {"loss": loss, "aux": {"logits": y.detach(), "note": "x"}},
        ["loss", "aux.logits"],
    ),
    "nothing": (lambda _loss, _y: None, []),
}


@pytest.mark.parametrize(("make", "expected"), RESULTS.values(), ids=RESULTS)
def test_outputs_are_named_after_what_the_step_returns(make, expected, tmp_path) -> None:
    """A tensor is the loss; a dict's entries have their keys."""

    class Returns(type(lit(TakesTensor()))):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            y = self(batch[0])
            return make(self.loss(y, batch[1]), y)

    graph = fitted(Returns(), tmp_path)
    assert names(graph, "output") == expected
    assert all(reaches(graph, "batch[0]?", f"{name}!") for name in expected)


class OnlyBatch(BASE):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(8, 4)

    def training_step(self, batch: Any) -> Tensor:
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), 0.1)


class BatchAndIndex(OnlyBatch):
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        assert batch_idx == self.global_step
        return F.cross_entropy(self.net(batch[0]), batch[1])


class TakesIterator(OnlyBatch):
    def training_step(self, dataloader_iter: Iterator[Any]) -> Tensor:
        (x, labels), _index, _loader = next(dataloader_iter)
        return F.cross_entropy(self.net(x), labels)


class DictBatch(OnlyBatch):
    def training_step(self, batch: Any) -> Tensor:
        return F.cross_entropy(self.net(batch["image"]), batch["label"])


@pytest.mark.parametrize("kind", [OnlyBatch, BatchAndIndex])
def test_the_batch_is_the_input_whatever_the_step_takes(kind, tmp_path) -> None:
    """Lightning looks at the step's signature, which the watch must not hide."""
    module = kind()
    graph = fitted(module, tmp_path)
    assert names(graph, "input") == ["batch[0]", "batch[1]"]
    assert reaches(graph, "batch[0]?", "loss!")
    assert module.global_step == 3


def test_a_batch_that_is_a_dict_has_names(tmp_path) -> None:
    """As data sets of text give it."""
    samples = [{"image": row, "label": 1, "path": "a.png"} for row in digits(8)]
    graph = fitted(DictBatch(), tmp_path, torch.utils.data.DataLoader(samples, 4))
    assert names(graph, "input") == ["batch.image", "batch.label"]


def test_a_step_that_takes_the_loaders_iterator_is_watched(tmp_path) -> None:
    """There is no batch to name, and looking for one must not use the iterator up."""
    module = TakesIterator()
    graph = fitted(module, tmp_path)
    assert paths(graph) == ["net"]
    assert module.global_step == 3


def test_lbfgs_shows_the_first_evaluation_alone(tmp_path) -> None:
    """Its closure runs the step twenty times and more."""
    runs = []

    class Lbfgs(OnlyBatch):
        def training_step(self, batch: Any) -> Tensor:
            runs.append(1)
            return super().training_step(batch)

        def configure_optimizers(self) -> Any:
            return torch.optim.LBFGS(self.parameters(), 0.1, max_iter=5)

    graph = fitted(Lbfgs(), tmp_path, limit_train_batches=1)
    assert len(runs) > 1
    assert outline(graph) == ["batch[0]?", "batch[1]?", "net", "cross_entropy", "loss!"]


def test_a_gan_with_manual_optimization_ends_in_its_backwards(tmp_path) -> None:
    """Both networks' calls and both losses; nothing of the optimizers."""
    graph = fitted(gan(), tmp_path)
    assert [p for p in paths(graph) if p in ("generator", "discriminator")] == [
        "generator",
        "discriminator",
        "discriminator",
        "discriminator",
    ]
    assert names(graph, "output") == ["backward", "backward"]
    assert set(names(graph, "op")) == {"neg", "softplus", "mean", "add", "detach"}
    assert reaches(graph, "generator.0", "backward!")
    assert reaches(graph, "batch[0]?", "backward!#2")


@pytest.mark.parametrize("raises", [False, True])
def test_nothing_is_left_on_the_module(raises, tmp_path) -> None:
    """Neither the watch of its step nor a shadow of its calls, also when the step raises."""

    def step(self: Any, batch: Any) -> Tensor:
        during.append("training_step" in vars(self))
        loss = self.loss(self(batch[0]), batch[1])
        if raises:
            raise ZeroDivisionError
        return loss

    during: list[bool] = []
    left = []
    for callbacks in ([], [ModelVizCallback(**OPTIONS)]):
        module = lit(TakesTensor(), step=step)
        fit = trainer(tmp_path, *callbacks)
        if raises:
            with pytest.raises(ZeroDivisionError):
                fit.fit(module, loader())
        else:
            fit.fit(module, loader())
        left.append([set(vars(part)) for part in module.modules()])
    assert left[0] == left[1]
    # Whoever looks at the module in its step finds the plain one.
    assert not any(during)


def test_the_second_batch_is_not_watched(tmp_path) -> None:
    """One step is the record; later ones run as if we had never been there."""
    modes = []

    def step(self: Any, batch: Any) -> Tensor:
        modes.append(len(torch.overrides._get_current_function_mode_stack()))
        return self.loss(self(batch[0]), batch[1])

    fitted(lit(TakesTensor(), step=step), tmp_path)
    assert modes == [1, 0, 0]


def test_accumulated_gradients_and_clipping_are_not_in_the_graph(tmp_path) -> None:
    """They are the Trainer's, outside of the step."""
    graph = fitted(lit(TakesTensor()), tmp_path, accumulate_grad_batches=2, gradient_clip_val=0.5)
    assert names(graph, "op") == []
    assert paths(graph)[-1] == "loss"


def test_logging_in_the_step_is_not_in_the_graph(tmp_path) -> None:
    """`self.log` computes means of its own."""

    def step(self: Any, batch: Any) -> Tensor:
        loss = self.loss(self(batch[0]), batch[1])
        self.log("loss", loss, on_epoch=True)
        return loss

    graph = fitted(lit(TakesTensor(), step=step), tmp_path)
    assert names(graph, "op") == []


def test_a_compiled_module_has_a_graph_from_the_rehearsal(tmp_path) -> None:
    """`trainer.fit(torch.compile(module))`: the step is run once more, eagerly, to be seen."""
    torch._dynamo.reset()
    module = lit(TakesTensor(), step=lambda self, batch: F.cross_entropy(self(batch[0]), batch[1]))
    graph = fitted(torch.compile(module, backend="eager"), tmp_path)
    assert "net.layer" in paths(graph)
    assert names(graph, "input") == ["batch[0]", "batch[1]"]
    assert reaches(graph, "batch[0]?", "loss!")
    assert set(statuses(find_record(tmp_path)).values()) == {"ok"}


def test_a_step_that_ends_the_data_is_told_as_it_was(tmp_path) -> None:
    """Lightning swallows a StopIteration; the record has it, and what was seen before it."""

    def step(self: Any, batch: Any) -> Tensor:
        self.net(batch[0])
        return next(iter(()))

    trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(TakesTensor(), step=step), loader())
    manifest = read_manifest(find_record(tmp_path))
    assert (manifest["status"], manifest["exception"]["type"]) == ("failed_step", "StopIteration")
    assert statuses(find_record(tmp_path))["graph"] == "ok"


def test_what_was_seen_is_on_disk_before_the_backward_pass(tmp_path) -> None:
    """A backward pass may never return: it waits for the other ranks, or is killed for memory."""
    module = lit(TakesTensor())
    found: list[Any] = []

    def look(_loss: Tensor) -> None:
        if not found:
            record = find_record(tmp_path)
            found.append((read_manifest(record), statuses(record), sorted(record.iterdir())))

    module.on_before_backward = look
    trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    manifest, shown, files = found[0]
    assert manifest["status"] == "partial"
    assert "its backward pass has not come to an end" in manifest["notes"][0]
    assert shown == ALL_OK
    now = read_manifest(find_record(tmp_path))
    assert (now["status"], now["notes"]) == ("complete", [])
    assert now["artifacts"] == manifest["artifacts"]
    assert sorted(find_record(tmp_path).iterdir()) == files


def test_a_backward_pass_that_raises_is_said_in_what_was_written_before_it(tmp_path) -> None:
    """Nothing is shown twice; the views name the exception."""
    module = lit(TakesTensor())

    def refuse(_loss: Tensor) -> None:
        raise ValueError("no way back")

    module.on_before_backward = refuse
    with pytest.raises(ValueError, match="no way back"):
        trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    record = find_record(tmp_path)
    manifest = read_manifest(record)
    assert (manifest["status"], manifest["notes"]) == ("failed_step", [])
    assert statuses(record) == ALL_OK
    assert len(manifest["artifacts"]) == len(ALL_OK)
    graph = json.loads((record / "architecture.json").read_text("utf-8"))
    assert graph["failure"]["message"] == "no way back"
    assert "no way back" in (record / "table.txt").read_text("utf-8")
