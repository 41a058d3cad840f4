"""What shards a model, from where this version of torch has it."""

try:
    from torch.distributed.fsdp import (
        CPUOffloadPolicy,
        MixedPrecisionPolicy,
        fully_shard,
        register_fsdp_forward_method,
    )
except ImportError:  # torch < 2.6
    from torch.distributed._composable.fsdp import (
        CPUOffloadPolicy,
        MixedPrecisionPolicy,
        fully_shard,
        register_fsdp_forward_method,
    )
try:
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor
except ImportError:  # torch < 2.5
    from torch.distributed._tensor import Replicate, Shard, distribute_tensor

__all__ = [
    "CPUOffloadPolicy",
    "MixedPrecisionPolicy",
    "Replicate",
    "Shard",
    "distribute_tensor",
    "fully_shard",
    "register_fsdp_forward_method",
]
