"""One small model of every torchvision classification family."""

from typing import Any

import torch
from torch import nn

from tests.zoo.zoo_model import ZooModel, call_with

FAMILY = "torchvision classification"


def classifier(name: str, size: int = 64, *, quick: bool = False, **options: Any) -> ZooModel:
    """Describes a model of torchvision's own, with ten classes and square images."""

    def construct() -> nn.Module:
        import torchvision

        return torchvision.models.get_model(name, weights=None, num_classes=10, **options)

    def call() -> Any:
        return call_with(torch.randn(2, 3, size, size))

    return ZooModel(name, FAMILY, construct, call, quick=quick)


def vgg11_bn() -> nn.Module:
    """VGG with the small head that a fine-tuner gives it: its own holds 120 M parameters."""
    from torchvision.models import vgg

    model = vgg.VGG(vgg.make_layers(vgg.cfgs["A"], batch_norm=True), init_weights=False)
    model.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, 32), nn.ReLU(), nn.Linear(32, 10))
    return model


def vit() -> nn.Module:
    """vit_b_16 with a quarter of its depth and a twelfth of its width."""
    from torchvision.models import VisionTransformer

    return VisionTransformer(
        image_size=32,
        patch_size=8,
        num_layers=3,
        num_heads=4,
        hidden_dim=64,
        mlp_dim=128,
        dropout=0.1,
        num_classes=10,
    )


def maxvit() -> nn.Module:
    """maxvit_t with two narrow stages, for small images."""
    from torchvision.models import MaxVit

    return MaxVit(
        input_size=(64, 64),
        stem_channels=16,
        partition_size=4,
        block_channels=[16, 32],
        block_layers=[1, 2],
        head_dim=8,
        stochastic_depth_prob=0.2,
        num_classes=10,
    )


def small_images(size: int) -> Any:
    return lambda: call_with(torch.randn(2, 3, size, size))


MODELS = (
    classifier("alexnet"),
    ZooModel("vgg11_bn", FAMILY, vgg11_bn, small_images(32)),
    classifier("resnet18", quick=True),
    classifier("resnext50_32x4d"),
    classifier("wide_resnet50_2"),
    classifier("densenet121"),
    classifier("inception_v3", 299, init_weights=False),
    classifier("googlenet", init_weights=False, aux_logits=True),
    classifier("mobilenet_v2"),
    classifier("mobilenet_v3_small", quick=True),
    classifier("mobilenet_v3_large"),
    classifier("shufflenet_v2_x0_5"),
    classifier("squeezenet1_1"),
    classifier("mnasnet0_5"),
    classifier("efficientnet_b0"),
    classifier("efficientnet_v2_s"),
    classifier("regnet_x_400mf"),
    classifier("regnet_y_400mf"),
    classifier("convnext_tiny"),
    ZooModel("vit (torchvision)", FAMILY, vit, small_images(32)),
    classifier("swin_t"),
    classifier("swin_v2_t"),
    ZooModel("maxvit", FAMILY, maxvit, small_images(64)),
)
