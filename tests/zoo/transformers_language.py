"""Language models of transformers, from tiny configurations, with labels."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tests.zoo.zoo_model import Arguments, ZooModel, call_with, own_loss

FAMILY = "transformers language"

WORDS = 99
SMALL = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
GROUPED = SMALL | {"num_key_value_heads": 2, "head_dim": 8, "bos_token_id": 1, "eos_token_id": 2}


def from_config(kind: str, head: str, **options: Any) -> Callable[[], nn.Module]:
    """Gives the constructor of `<kind><head>` of a `<kind>Config`."""

    def construct() -> nn.Module:
        import transformers

        config = getattr(transformers, f"{kind}Config")(**options)
        return getattr(transformers, f"{kind}{head}")(config)

    return construct


def tokens() -> torch.Tensor:
    return torch.randint(3, WORDS, (2, 12))


def text_with_labels() -> Arguments:
    """Two sentences, the second one padded."""
    ids = tokens()
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    labels = ids.masked_fill(mask == 0, -100)
    return call_with(input_ids=ids.masked_fill(mask == 0, 0), attention_mask=mask, labels=labels)


def text_with_classes() -> Arguments:
    (_, text) = text_with_labels()
    return call_with(**text | {"labels": torch.tensor([0, 1])})


def language_model(
    kind: str,
    head: str = "ForCausalLM",
    call: Callable[[], Arguments] = text_with_labels,
    *,
    quick: bool = False,
    **options: Any,
) -> ZooModel:
    construct = from_config(kind, head, **options)
    return ZooModel(f"{kind}{head}", FAMILY, construct, call, own_loss, quick)


ENCODER_DECODER = {
    "vocab_size": WORDS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "forced_eos_token_id": 2,
    "decoder_start_token_id": 2,
}
GPT2 = {"vocab_size": WORDS, "n_layer": 2, "n_head": 4, "n_embd": 32, "n_positions": 64}
T5 = {
    "vocab_size": WORDS,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}
DISTILBERT = {"vocab_size": WORDS, "dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4}
DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 8,
    "type_vocab_size": 0,
}

MODELS = (
    language_model("GPT2", "LMHeadModel", quick=True, bos_token_id=1, eos_token_id=2, **GPT2),
    language_model("Bert", "ForMaskedLM", **SMALL),
    language_model("Bert", "ForSequenceClassification", text_with_classes, **SMALL),
    language_model("T5", "ForConditionalGeneration", quick=True, **T5),
    language_model("Bart", "ForConditionalGeneration", **ENCODER_DECODER),
    language_model("Llama", quick=True, **GROUPED),
    language_model("Mistral", sliding_window=8, **GROUPED),
    language_model("Qwen2", **GROUPED),
    language_model("Qwen3", **GROUPED),
    language_model(
        "Mixtral", num_local_experts=4, output_router_logits=True, quick=True, **GROUPED
    ),
    language_model("Gemma", **GROUPED),
    language_model("Gemma2", **GROUPED),
    language_model("Phi", bos_token_id=1, eos_token_id=2, **SMALL),
    language_model(
        "OPT", ffn_dim=64, word_embed_proj_dim=32, bos_token_id=1, eos_token_id=2, **SMALL
    ),
    language_model("GPTNeoX", bos_token_id=1, eos_token_id=2, **SMALL),
    language_model("Bloom", vocab_size=WORDS, hidden_size=32, n_layer=2, n_head=4, pad_token_id=0),
    language_model("DistilBert", "ForMaskedLM", **DISTILBERT),
    language_model("Roberta", "ForMaskedLM", bos_token_id=1, eos_token_id=2, **SMALL),
    language_model("Albert", "ForMaskedLM", embedding_size=16, **SMALL),
    language_model("DebertaV2", "ForMaskedLM", **DEBERTA, **SMALL),
    language_model("Electra", "ForSequenceClassification", text_with_classes, **SMALL),
    language_model(
        "Mamba",
        vocab_size=WORDS,
        hidden_size=32,
        state_size=4,
        num_hidden_layers=2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    ),
)
