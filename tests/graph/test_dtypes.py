"""Sizes of dtypes."""

import pytest
import torch

from modelviz_callbacks.graph.dtypes import element_bytes

DTYPES = {d for d in vars(torch).values() if isinstance(d, torch.dtype)}


@pytest.mark.parametrize("dtype", sorted(DTYPES, key=str))
def test_every_dtype_of_torch_has_its_size(dtype) -> None:
    """The name alone tells it, float8, packed and complex ones included."""
    assert element_bytes(str(dtype).removeprefix("torch.")) == dtype.itemsize


def test_a_name_that_tells_nothing_has_no_size() -> None:
    """A dtype of the future is no reason to fail."""
    assert element_bytes("opaque") == 0
