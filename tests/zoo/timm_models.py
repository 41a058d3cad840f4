"""Small variants of timm's families, with random weights."""

from typing import Any

import torch
from torch import nn

from tests.zoo.zoo_model import Arguments, ZooModel, call_with

FAMILY = "timm"


def timm_model(
    name: str, size: int = 64, *, batch: int = 2, quick: bool = False, **options: Any
) -> ZooModel:
    """Describes a model of ten classes on square images of `size` pixels."""

    def construct() -> nn.Module:
        import timm

        return timm.create_model(name, pretrained=False, num_classes=10, **options)

    def call() -> Arguments:
        return call_with(torch.randn(batch, 3, size, size))

    return ZooModel(f"timm {name}", FAMILY, construct, call, quick=quick)


MODELS = (
    timm_model("vit_tiny_patch16_224", img_size=64, quick=True),
    timm_model("deit_tiny_distilled_patch16_224", img_size=64),
    timm_model("eva02_tiny_patch14_224", 56, img_size=56),
    timm_model("cait_xxs24_224", img_size=64),
    timm_model("xcit_nano_12_p16_224"),
    timm_model("swin_tiny_patch4_window7_224", img_size=64, window_size=4),
    timm_model("swinv2_cr_tiny_ns_224", img_size=64, window_size=4),
    timm_model("mixer_s32_224", img_size=64),
    timm_model("gmlp_ti16_224", img_size=64),
    timm_model("eca_nfnet_l0"),
    timm_model("coatnet_pico_rw_224", img_size=64),
    timm_model("hrnet_w18_small"),
    timm_model("convnextv2_atto", quick=True),
    timm_model("efficientformer_l1", 224, batch=1),
    timm_model("efficientformerv2_s0", 224, batch=1),
    timm_model("mobilevit_xxs"),
    timm_model("mobilevitv2_050"),
    timm_model("levit_128s", 224),
    timm_model("pvt_v2_b0"),
    timm_model("poolformer_s12"),
    timm_model("ghostnetv2_100"),
    timm_model("edgenext_xx_small"),
    timm_model("fastvit_t8"),
    timm_model("mambaout_femto"),
    timm_model("repvit_m0_9"),
    timm_model("res2net50_14w_8s"),
    timm_model("efficientnet_lite0"),
)
