"""The device of these tests: CUDA, or the CPU to see that the tests themselves are sound."""

import os
from collections.abc import Iterator

import pytest
import torch

_DEVICE = os.environ.get("MODELVIZ_GPU_TESTS_ON", "cuda")
_MISSING = _DEVICE == "cuda" and not torch.cuda.is_available()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder, and skips it where there is no such device."""
    for item in items:
        if "gpu" in item.path.parent.parts:
            item.add_marker(pytest.mark.gpu)
            item.add_marker(pytest.mark.skipif(_MISSING, reason="no CUDA device"))


@pytest.fixture
def device() -> str:
    return _DEVICE


@pytest.fixture(autouse=True)
def repeatable() -> Iterator[None]:
    """The same kernels in every run."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    yield
    cudnn.benchmark, cudnn.deterministic = before
