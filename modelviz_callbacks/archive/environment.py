"""Where a record was made: versions, device, machine."""

import platform
from importlib import metadata
from typing import Any

import torch
from torch import nn

_DISTRIBUTIONS = (
    "modelviz-callbacks",
    "torch",
    "torchvision",
    "lightning",
    "pytorch-lightning",
    "transformers",
    "torchinfo",
    "torchview",
    "torchviz",
    "graphviz",
    "pygraphviz",
    "resvg-py",
)


def describe_environment(model: nn.Module) -> dict[str, Any]:
    """Tells where a model trains.

    Args:
        model: The model, on its training device.

    Returns:
        Plain values: versions by distribution, platform, device, world size.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: v for name in _DISTRIBUTIONS if (v := _version(name)) is not None},
        **_devices(model),
        "precision": _dtypes(model),
        "strategy": None,
        "world_size": _world_size(),
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _devices(model: nn.Module) -> dict[str, Any]:
    devices = {p.device for p in (*model.parameters(), *model.buffers())}
    names = {str(d): torch.cuda.get_device_name(d) for d in devices if d.type == "cuda"}
    return {"device": ", ".join(sorted(map(str, devices))) or None, "device_names": names}


def _dtypes(model: nn.Module) -> str | None:
    return ", ".join(sorted({dtype_name(p.dtype) for p in model.parameters()})) or None


def dtype_name(dtype: torch.dtype) -> str:
    """Names a dtype as in `"float32"`."""
    return str(dtype).removeprefix("torch.")


def _world_size() -> int:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size()
    return 1
