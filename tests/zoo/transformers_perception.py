"""Vision, speech and vision-language models of transformers, from tiny configurations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tests.zoo.transformers_language import SMALL, WORDS, from_config, tokens
from tests.zoo.zoo_model import Arguments, ZooModel, call_with, own_loss

FAMILY = "transformers vision and speech"

LAYERS = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
PATCHES = LAYERS | {"image_size": 32, "patch_size": 8}


def images() -> torch.Tensor:
    return torch.randn(2, 3, 32, 32)


def images_with_classes() -> Arguments:
    return call_with(pixel_values=images(), labels=torch.tensor([0, 1]))


def images_with_texts() -> Arguments:
    return call_with(
        input_ids=tokens(),
        pixel_values=images(),
        attention_mask=torch.ones(2, 12, dtype=torch.long),
        return_loss=True,
    )


def images_with_maps() -> Arguments:
    return call_with(
        pixel_values=torch.randn(2, 3, 64, 64), labels=torch.randint(0, 5, (2, 64, 64))
    )


def images_with_boxes() -> Arguments:
    targets = [
        {
            "class_labels": torch.randint(0, 3, (count,)),
            "boxes": 0.3 + 0.4 * torch.rand(count, 4),
        }
        for count in (1, 3)
    ]
    return call_with(pixel_values=torch.randn(2, 3, 64, 64), labels=targets)


def clips_with_classes() -> Arguments:
    return call_with(pixel_values=torch.randn(2, 4, 3, 32, 32), labels=torch.tensor([0, 1]))


def waves_with_letters() -> Arguments:
    return call_with(
        input_values=torch.randn(2, 1600),
        attention_mask=torch.ones(2, 1600, dtype=torch.long),
        labels=torch.randint(1, 32, (2, 4)),
    )


def sounds_with_words() -> Arguments:
    return call_with(input_features=torch.randn(2, 16, 64), labels=tokens())


def perception_model(
    kind: str, head: str, call: Callable[[], Arguments], *, quick: bool = False, **options: Any
) -> ZooModel:
    construct = from_config(kind, head, **options)
    return ZooModel(f"{kind}{head}", FAMILY, construct, call, own_loss, quick)


def detr() -> nn.Module:
    """DETR on a small ResNet of transformers' own."""
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], out_features=["stage2"]
    )
    config = DetrConfig(
        backbone_config=backbone,
        num_queries=6,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_labels=3,
        auxiliary_loss=True,
    )
    return DetrForObjectDetection(config)


MODELS = (
    perception_model("ViT", "ForImageClassification", images_with_classes, **PATCHES),
    perception_model("Dinov2", "ForImageClassification", images_with_classes, **PATCHES),
    perception_model(
        "CLIP",
        "Model",
        images_with_texts,
        quick=True,
        text_config=SMALL | {"bos_token_id": 1, "eos_token_id": 2},
        vision_config=PATCHES,
        projection_dim=16,
    ),
    perception_model(
        "Segformer",
        "ForSemanticSegmentation",
        images_with_maps,
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 3, 4],
        decoder_hidden_size=32,
        num_labels=5,
    ),
    perception_model(
        "Yolos",
        "ForObjectDetection",
        images_with_boxes,
        num_labels=3,
        num_detection_tokens=6,
        use_mid_position_embeddings=False,
        **PATCHES | {"image_size": [64, 64]},
    ),
    ZooModel("Detr", FAMILY, detr, images_with_boxes, own_loss),
    perception_model(
        "VideoMAE",
        "ForVideoClassification",
        clips_with_classes,
        num_frames=4,
        **PATCHES,
    ),
    perception_model(
        "Wav2Vec2",
        "ForCTC",
        waves_with_letters,
        conv_dim=(16, 16, 16),
        conv_stride=(4, 4, 4),
        conv_kernel=(8, 8, 8),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        mask_time_length=2,
        mask_time_prob=0.2,
        vocab_size=32,
        **LAYERS,
    ),
    perception_model(
        "Whisper",
        "ForConditionalGeneration",
        sounds_with_words,
        vocab_size=WORDS,
        num_mel_bins=16,
        max_source_positions=32,
        max_target_positions=32,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    ),
)
