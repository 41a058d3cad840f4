"""What the wrapper that Fabric makes tells of a run; Lightning itself is not imported."""

from typing import Any

from torch import nn

from modelviz_callbacks.watch.wrappers import fabric_wrapper


def describe_fabric(model: nn.Module) -> dict[str, Any]:
    """Gives what the environment section of a record tells of Fabric.

    Args:
        model: What the loop calls.

    Returns:
        Precision and strategy; nothing of a model that `Fabric.setup` did not make.
    """
    wrapper = fabric_wrapper(model)
    if wrapper is None:
        return {}
    strategy: Any = vars(wrapper)["_strategy"]
    return {"precision": str(strategy.precision.precision), "strategy": type(strategy).__name__}
