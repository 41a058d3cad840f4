"""What shards a tensor, from where this version of torch has it, and which ways it has at all."""

from collections.abc import Iterable

import pytest
from torch.distributed import fsdp

try:
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor
except ImportError:  # torch < 2.5
    from torch.distributed._tensor import Replicate, Shard, distribute_tensor

__all__ = ["NEEDS_FSDP2", "Replicate", "Shard", "distribute_tensor", "is_possible", "skipping"]

# Before it was public (torch < 2.6) it did not run without CUDA.
_HAS_FSDP2 = hasattr(fsdp, "fully_shard")
NEEDS_FSDP2 = pytest.mark.skipif(not _HAS_FSDP2, reason="this torch has no public fully_shard")


def is_possible(way: str) -> bool:
    """Whether this torch can shard in a way, known by its name."""
    return _HAS_FSDP2 or not way.lower().startswith("fsdp2")


def skipping(ways: Iterable[str]) -> list[object]:
    """Gives ways of sharding as the parameters of a test that skips those that are not there."""
    return [way if is_possible(way) else pytest.param(way, marks=NEEDS_FSDP2) for way in ways]
