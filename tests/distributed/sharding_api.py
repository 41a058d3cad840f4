"""What shards a tensor, from where this version of torch has it, and which ways it has at all."""

from collections.abc import Iterable

import pytest
import torch
from torch.distributed import fsdp

try:
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor
except ImportError:  # torch < 2.5
    from torch.distributed._tensor import Replicate, Shard, distribute_tensor

__all__ = ["NEEDS_FSDP2", "Replicate", "Shard", "distribute_tensor", "is_possible", "skipping"]

# torch 2.4 has it for CUDA alone, and so has 2.6, where it is public.
_HAS_FSDP2 = hasattr(fsdp, "fully_shard") and hasattr(torch.cpu.Stream, "record_event")
NEEDS_FSDP2 = pytest.mark.skipif(not _HAS_FSDP2, reason="this torch's fully_shard needs CUDA")


def is_possible(way: str) -> bool:
    """Whether this torch can shard in a way, known by its name."""
    return _HAS_FSDP2 or not way.lower().startswith("fsdp2")


def skipping(ways: Iterable[str]) -> list[object]:
    """Gives ways of sharding as the parameters of a test that skips those that are not there."""
    return [way if is_possible(way) else pytest.param(way, marks=NEEDS_FSDP2) for way in ways]
