"""The families of backward functions."""

import pytest

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.draw.libraries.function_families import family_of_function


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("ConvolutionBackward0", palette.CONVOLUTION),
        ("AddmmBackward0", palette.LINEAR),
        ("MmBackward0", palette.LINEAR),
        ("NativeLayerNormBackward0", palette.NORMALISATION),
        ("CudnnBatchNormBackward0", palette.NORMALISATION),
        ("ReluBackward0", palette.ACTIVATION),
        ("LeakyReluBackward1", palette.ACTIVATION),
        ("SoftmaxBackward0", palette.ACTIVATION),
        ("MaxPool2DWithIndicesBackward0", palette.POOLING),
        ("ScaledDotProductFlashAttentionForCpuBackward0", palette.ATTENTION),
        ("MkldnnRnnLayerBackward0", palette.RECURRENT),
        ("EmbeddingBackward0", palette.EMBEDDING),
        ("NativeDropoutBackward0", palette.DROPOUT),
        ("AddBackward0", palette.OPERATION),
        ("BmmBackward0", palette.OPERATION),
        ("ViewBackward0", palette.OPERATION),
        ("AccumulateGrad", palette.OPERATION),
    ],
)
def test_a_function_has_the_family_of_the_layer_that_runs_it(name, family) -> None:
    """Products of activations and whatever only moves numbers are operations."""
    assert family_of_function(name) == family
