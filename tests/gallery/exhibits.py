"""What hangs in the gallery: models that people know, and how a record of each is made."""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from tests.conftest import find_record
from tests.gallery.networks import CrashingUNet, LSTMClassifier, UNet, dcgan
from tests.models import trainer
from tests.zoo.torchvision_tasks import annotated_images, from_torchvision
from tests.zoo.transformers_language import from_config
from tests.zoo.zoo_model import Arguments, call_with, distance_from_one, own_loss, sum_of_losses


@dataclass(frozen=True)
class Exhibit:
    """A model of the gallery.

    Attributes:
        name: Its name, also of its files.
        title: Its name for people.
        construct: Makes the module; None for the step that Lightning runs.
        call: Makes the arguments of one call.
        loss: Makes a scalar of what the call gives.
        depth: The depth that its diagram is drawn at.
    """

    name: str
    title: str
    construct: Callable[[], nn.Module] | None
    call: Callable[[], Arguments]
    loss: Callable[[Any], torch.Tensor] = field(default=distance_from_one)
    depth: int = 2

    def record(self, folder: Path, **options: Any) -> Path:
        """Trains for one step and records it.

        Args:
            folder: The run's folder.
            **options: Options of the callback or hook.

        Returns:
            The record's folder.
        """
        torch.manual_seed(0)
        options = {"depth": self.depth} | options
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.construct is None:
                _fit_gan(folder, options)
            else:
                self._train(self.construct().train(), folder, options)
        return find_record(folder)

    def _train(self, net: nn.Module, folder: Path, options: dict[str, Any]) -> None:
        args, kwargs = self.call()
        # One exhibit is there because its step raises.
        with ModelVizHook(net, folder, **options), contextlib.suppress(RuntimeError):
            self.loss(net(*args, **kwargs)).backward()


def _fit_gan(folder: Path, options: dict[str, Any]) -> None:
    data = DataLoader(TensorDataset(torch.rand(8, 3, 32, 32)), batch_size=8)
    recording = ModelVizCallback(dirpath=folder, **options)
    trainer(folder, recording, limit_train_batches=1).fit(dcgan(), data)


def _images(size: int, count: int = 2) -> Callable[[], Arguments]:
    return lambda: call_with(torch.rand(count, 3, size, size))


def _words(count: int, vocabulary: int) -> Callable[[], Arguments]:
    return lambda: call_with(torch.randint(1, vocabulary, (2, count)))


def _text(count: int, vocabulary: int) -> Callable[[], Arguments]:
    def text() -> Arguments:
        ids = torch.randint(1, vocabulary, (2, count))
        return call_with(input_ids=ids, labels=ids)

    return text


_GPT = {"vocab_size": 1_000, "n_head": 4, "n_embd": 64, "n_positions": 128}
_MIXTRAL = {
    "vocab_size": 1_000,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "num_local_experts": 8,
    "output_router_logits": True,
}
_DETECTOR = {"weights_backbone": None, "num_classes": 3, "min_size": 96, "max_size": 96}

EXHIBITS = (
    *(
        Exhibit(
            f"resnet18_depth{depth}",
            f"ResNet-18, depth {depth}",
            from_torchvision("resnet18"),
            _images(224),
            depth=depth,
        )
        for depth in (1, 2, 3)
    ),
    Exhibit("resnet50", "ResNet-50", from_torchvision("resnet50"), _images(224), depth=3),
    Exhibit("densenet121", "DenseNet-121", from_torchvision("densenet121"), _images(224), depth=3),
    Exhibit("vit_b_16", "ViT-B/16", from_torchvision("vit_b_16"), _images(224), depth=4),
    Exhibit("swin_t", "Swin-T", from_torchvision("swin_t"), _images(224), depth=3),
    Exhibit("unet", "U-Net", UNet, _images(64), depth=2),
    Exhibit("lstm_classifier", "LSTM classifier", LSTMClassifier, _words(64, 20_000)),
    Exhibit("gan", "A DCGAN's step", None, call_with, depth=2),
    Exhibit(
        "gpt2_small",
        "GPT-2 small",
        from_config("GPT2", "LMHeadModel"),
        _text(64, 50_000),
        own_loss,
        depth=4,
    ),
    Exhibit(
        "gpt_96_layers",
        "A GPT of 96 layers",
        from_config("GPT2", "LMHeadModel", n_layer=96, **_GPT),
        _text(32, 1_000),
        own_loss,
        depth=3,
    ),
    Exhibit(
        "mixtral",
        "Mixtral",
        from_config("Mixtral", "ForCausalLM", **_MIXTRAL),
        _text(32, 1_000),
        own_loss,
        depth=4,
    ),
    Exhibit(
        "faster_rcnn",
        "Faster R-CNN",
        from_torchvision("fasterrcnn_resnet50_fpn", **_DETECTOR),
        annotated_images,
        sum_of_losses,
        depth=2,
    ),
    Exhibit("crashed_step", "A step that raised", CrashingUNet, _images(64), depth=2),
)
