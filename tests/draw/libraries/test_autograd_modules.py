"""Which module a backward function is put into."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.densenet import DenseNet
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

from modelviz_callbacks.draw.libraries.autograd_groups import Group, group_by_module
from modelviz_callbacks.draw.libraries.autograd_modules import find_modules
from modelviz_callbacks.draw.libraries.autograd_source import AutogradSource, read_autograd
from modelviz_callbacks.visualizers.torchviz_autograd import autograd_graph
from tests.gallery.networks import LSTMClassifier, UNet
from tests.zoo.transformers_language import from_config


def source_of(model: nn.Module, *inputs: Tensor, **kwargs: Tensor) -> AutogradSource:
    return read_autograd(autograd_graph(model(*inputs, **kwargs), model, {}).source)


def modules_of(source: AutogradSource, name: str) -> list[str]:
    """Gives the modules that the functions of a kind are put into, in the order of the data."""
    order = list(source.ordered())
    modules = find_modules(source, order).modules
    return [".".join(modules[node]) for node in order if source.nodes[node].name.startswith(name)]


def resnet() -> AutogradSource:
    model = ResNet(BasicBlock, [2, 2, 2, 2], num_classes=3)
    return source_of(model, torch.rand(2, 3, 32, 32))


def test_residual_sums_and_activations_stand_in_their_blocks() -> None:
    """In a ResNet each block has its sum and both activations; stem and head have none of them."""
    source = resnet()
    blocks = [f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)]
    assert modules_of(source, "AddBackward") == blocks
    assert modules_of(source, "Relu") == ["", *(block for block in blocks for _ in range(2))]
    for name in ("MaxPool", "Mean", "View"):
        assert modules_of(source, name) == [""], name
    assert modules_of(source, "Convolution")[4:6] == ["layer1.1.conv2", "layer2.0.conv1"]


def test_concatenations_stand_with_what_takes_them() -> None:
    """In a DenseNet each layer concatenates what came before; the last one is the block's."""
    model = DenseNet(4, (3, 2), 8, 2, num_classes=3)
    blocks = [f"features.denseblock{i}" for i in (1, 2)]
    assert modules_of(source_of(model, torch.rand(2, 3, 32, 32)), "Cat") == [
        *(f"{blocks[0]}.denselayer{i}" for i in (1, 2, 3)),
        blocks[0],
        *(f"{blocks[1]}.denselayer{i}" for i in (1, 2)),
        blocks[1],
    ]


def test_skipped_features_meet_where_the_forward_joins_them() -> None:
    """In this U-Net neither list of modules concatenates: the model itself does."""
    source = source_of(UNet(widths=(4, 8)), torch.rand(1, 3, 16, 16))
    assert modules_of(source, "Cat") == ["", ""]


def test_attention_and_sums_stand_in_their_layers() -> None:
    """In a ViT each layer has its two sums, attention is in the attention, GELU in the MLP."""
    model = VisionTransformer(32, 16, 2, 2, 8, 16, num_classes=3)
    source = source_of(model, torch.rand(2, 3, 32, 32))
    layers = [f"encoder.layers.encoder_layer_{i}" for i in (0, 1)]
    # The attention adds a bias of its own.
    sums = [module for layer in layers for module in (f"{layer}.self_attention", layer, layer)]
    assert modules_of(source, "AddBackward") == ["encoder", *sums]
    assert modules_of(source, "Gelu") == [f"{layer}.mlp" for layer in layers]
    attention = {m for m in modules_of(source, "ScaledDot") + modules_of(source, "Softmax") if m}
    assert attention == {f"{layer}.self_attention" for layer in layers}
    assert modules_of(source, "Cat") == [""]


def test_a_table_of_biases_does_not_pull_attention_out_of_its_module() -> None:
    """Swin adds a table, which is fed by nothing, to the scores."""
    model = SwinTransformer([4, 4], 8, [2], [2], [2, 2], num_classes=3)
    source = source_of(model, torch.rand(2, 3, 16, 16))
    assert set(modules_of(source, "Softmax")) == {"features.1.0.attn", "features.1.1.attn"}
    assert set(modules_of(source, "AddBackward")) == {
        f"features.1.{i}{part}" for i in (0, 1) for part in ("", ".attn")
    }


def test_language_models_are_put_together_layer_by_layer() -> None:
    """GPT-2's handwritten GELU is in the MLP, its sums in the layers, embeddings' sum above."""
    model = from_config("GPT2", "LMHeadModel", n_layer=2, n_embd=8, n_head=2, vocab_size=20)()
    source = source_of(model.train(), torch.randint(0, 20, (1, 6)))
    layers = [f"transformer.h.{i}" for i in (0, 1)]
    assert set(modules_of(source, "Tanh")) == {f"{layer}.mlp" for layer in layers}
    sums = [module for module in modules_of(source, "AddBackward") if module.count(".") < 3]
    assert sums == ["transformer", layers[0], layers[0], layers[1], layers[1]]


def test_a_norm_written_by_hand_is_in_its_module() -> None:
    """Of an RMS norm only the last product takes a parameter."""

    class RMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> Tensor:
            return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.norm, self.two = nn.Linear(4, 4), RMSNorm(), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.two(self.norm(self.one(x)))

    source = source_of(Net(), torch.rand(2, 4))
    for name in ("Pow", "Mean", "Rsqrt", "Mul", "Add0"):
        assert set(modules_of(source, name)) <= {"norm"}, name
    assert len(modules_of(source, "Mul")) == 2


def test_a_linear_layer_flattens_sequences_itself() -> None:
    """What it does to its input and output shows in no other module."""
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 4, bias=False))
    source = source_of(model, torch.tensor([[1, 2], [3, 4]]))
    assert modules_of(source, "View") == ["1", "1", "2"]
    assert modules_of(source, "UnsafeView") == ["2"]


def test_the_pyramid_of_a_detector_is_whole() -> None:
    """Upsampled maps and their sums are in the pyramid, not in the backbone around it."""
    layers = {f"layer{i}": str(i) for i in (1, 2, 3, 4)}
    body = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3)
    model = BackboneWithFPN(body, layers, [64, 128, 256, 512], 8)
    source = source_of(model, torch.rand(1, 3, 64, 64))
    assert set(modules_of(source, "Upsample")) == {"fpn"}
    assert [m for m in modules_of(source, "AddBackward") if not m.startswith("body")] == 3 * ["fpn"]


def test_a_recurrent_layer_is_one_module() -> None:
    """What a bidirectional LSTM concatenates between its layers is its own."""
    source = source_of(LSTMClassifier(words=20), torch.randint(1, 20, (2, 5)))
    assert "lstm" in modules_of(source, "Cat")


def groups_of(source: AutogradSource) -> Group:
    order = list(source.ordered())
    return group_by_module(source, order, find_modules(source, order))


def test_every_node_is_in_one_group() -> None:
    """Nothing is lost and nothing comes twice."""

    def nodes(group: Group) -> list[int]:
        return [
            node
            for part in group.ordered()
            for node in (nodes(part) if isinstance(part, Group) else [part])
        ]

    source = resnet()
    assert sorted(nodes(groups_of(source))) == list(range(len(source.nodes)))


def names(group: Group) -> list[str]:
    return [".".join(part.path) for part in group.ordered() if isinstance(part, Group)]


def chain(*modules: str) -> AutogradSource:
    """Functions in a row, each with a parameter of one of the modules."""
    lines = ["digraph {"]
    for place, module in enumerate(modules):
        leaf = modules.index(module)
        lines += [f"f{place - 1} -> f{place}"] if place else []
        lines.append(f"g{leaf} -> f{place}")
        lines.append(f"f{place} [label=MmBackward0]")
        if leaf == place:
            lines.append(f'p{leaf} [label="{module}.weight\n (2)" fillcolor=lightblue]')
            lines.append(f"g{leaf} [label=AccumulateGrad]")
            lines.append(f"p{leaf} -> g{leaf}")
    return read_autograd("\n".join([*lines, "}"]))


@pytest.mark.parametrize(
    ("modules", "groups"),
    [
        ("abc", ["a", "b", "c"]),
        ("aab", ["a", "b"]),
        ("aba", ["a", "b", "a"]),
        ("abab", ["a", "b", "a", "b"]),
    ],
)
def test_a_module_that_others_lie_between_is_several_groups(modules, groups) -> None:
    """Then no two groups feed each other in a circle."""
    assert names(groups_of(chain(*modules))) == groups


def test_parameters_are_in_the_group_that_uses_them_first() -> None:
    """A tied weight stands with the first of the two stretches of its module."""
    root = groups_of(chain(*"aba"))
    sizes = [len(part.parts) for part in root.ordered() if isinstance(part, Group)]
    assert sizes == [3, 3, 1]


def test_a_list_of_modules_that_others_lie_between_has_each_module_whole() -> None:
    """The parameters of the second one are not put beside the first one."""
    root = groups_of(chain("list.0", "other", "list.1"))
    assert names(root) == ["list", "other", "list"]
    inside = [part for part in root.ordered() if isinstance(part, Group)]
    assert [names(part) for part in inside] == [["list.0"], [], ["list.1"]]
