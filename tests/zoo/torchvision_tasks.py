"""torchvision's models of other tasks: segmentation, detection, video and optical flow."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.zoo.zoo_model import Arguments, ZooModel, call_with, sum_of_losses

SEGMENTATION = "torchvision segmentation"
DETECTION = "torchvision detection"
VIDEO = "torchvision video"
FLOW = "torchvision optical flow"
SMALL = {"min_size": 96, "max_size": 96, "num_classes": 3}
FEW_PROPOSALS = {"rpn_post_nms_top_n_train": 50, "box_batch_size_per_image": 16}


def from_torchvision(name: str, **options: Any) -> Callable[[], nn.Module]:
    """Gives the constructor of a model without pretrained weights."""

    def construct() -> nn.Module:
        import torchvision

        return torchvision.models.get_model(name, weights=None, **options)

    return construct


def batch_of_images() -> Arguments:
    return call_with(torch.randn(2, 3, 64, 64))


def segmenter(name: str, **options: Any) -> ZooModel:
    construct = from_torchvision(name, weights_backbone=None, num_classes=5, **options)
    return ZooModel(name, SEGMENTATION, construct, batch_of_images)


def boxes(count: int) -> Tensor:
    corners = torch.rand(count, 2) * 40
    return torch.cat([corners, corners + 20 + torch.rand(count, 2) * 30], 1)


def annotation(count: int, height: int, width: int) -> dict[str, Tensor]:
    return {
        "boxes": boxes(count),
        "labels": torch.ones(count, dtype=torch.long),
        "masks": torch.randint(0, 2, (count, height, width), dtype=torch.uint8),
        "keypoints": torch.cat([torch.rand(count, 3, 2) * 90, torch.ones(count, 3, 1)], 2),
    }


def annotated_images() -> Arguments:
    """Two images of different sizes with boxes, labels, masks and keypoints."""
    images = [torch.rand(3, 96, 96), torch.rand(3, 96, 112)]
    return call_with(images, [annotation(2, 96, 96), annotation(3, 96, 112)])


def detector(name: str, *, quick: bool = False, **options: Any) -> ZooModel:
    construct = from_torchvision(name, weights_backbone=None, **(SMALL | options))
    return ZooModel(name, DETECTION, construct, annotated_images, sum_of_losses, quick)


def ssdlite() -> nn.Module:
    """ssdlite320_mobilenet_v3_large, whose image size cannot be chosen."""
    return from_torchvision("ssdlite320_mobilenet_v3_large", weights_backbone=None, num_classes=3)()


def video(frames: int, size: int) -> Callable[[], Arguments]:
    return lambda: call_with(torch.randn(2, 3, frames, size, size))


def s3d() -> nn.Module:
    """S3D with a pooling that takes smaller clips than 14 frames of 224 pixels."""
    model = from_torchvision("s3d", num_classes=5)()
    model.avgpool = nn.AdaptiveAvgPool3d(1)
    return model


def mvit() -> nn.Module:
    """mvit_v1_b's first blocks, narrow, for 4 frames of 64 pixels."""
    from torchvision.models.video.mvit import MSBlockConfig, MViT

    blocks = [
        MSBlockConfig(heads, width, out, [3, 3, 3], [3, 3, 3], stride, [1, 4, 4])
        for heads, width, out, stride in (
            (1, 16, 32, [1, 1, 1]),
            (2, 32, 64, [1, 2, 2]),
            (4, 64, 64, [1, 1, 1]),
        )
    ]
    return MViT(
        (64, 64),
        4,
        blocks,
        residual_pool=False,
        residual_with_cls_embed=True,
        rel_pos_embed=False,
        proj_after_attn=False,
        stochastic_depth_prob=0.2,
        num_classes=5,
    )


def two_frames() -> Arguments:
    return call_with(torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128), num_flow_updates=3)


MODELS = (
    segmenter("deeplabv3_mobilenet_v3_large", aux_loss=True),
    segmenter("deeplabv3_resnet50"),
    segmenter("fcn_resnet50", aux_loss=True),
    segmenter("lraspp_mobilenet_v3_large"),
    detector("fasterrcnn_mobilenet_v3_large_fpn", quick=True, **FEW_PROPOSALS),
    detector("fasterrcnn_resnet50_fpn_v2", **FEW_PROPOSALS),
    detector("maskrcnn_resnet50_fpn", **FEW_PROPOSALS),
    detector("keypointrcnn_resnet50_fpn", num_classes=2, num_keypoints=3, **FEW_PROPOSALS),
    detector("retinanet_resnet50_fpn"),
    detector("fcos_resnet50_fpn"),
    ZooModel("ssdlite", DETECTION, ssdlite, annotated_images, sum_of_losses),
    ZooModel("r3d_18", VIDEO, from_torchvision("r3d_18", num_classes=5), video(4, 32)),
    ZooModel("mvit", VIDEO, mvit, video(4, 64)),
    ZooModel("s3d", VIDEO, s3d, video(8, 64)),
    ZooModel("raft_small", FLOW, from_torchvision("raft_small"), two_frames),
)
