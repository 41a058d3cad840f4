"""Which modules are looked into while they run."""

import torch
from torch import nn
from torch.jit import ScriptModule

from modelviz_callbacks.watch.wrappers import is_compiled, users_class

# In eval mode these look for torch functions before they choose their fused path.
_FUSED = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is one of torch's own, without parts: nobody asks what it does inside."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    return users_class(module).__module__.startswith("torch.nn.modules.") and not module._modules


def is_blind(module: nn.Module) -> bool:
    """Whether a module would run differently, or unseen, if its operations were watched."""
    if is_compiled(module) or isinstance(module, ScriptModule):
        return True
    return isinstance(module, _FUSED) and not module.training and not _is_differentiated(module)


def _is_differentiated(module: nn.Module) -> bool:
    # The fused paths have no gradients.
    return torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters())
