"""Pages of real records and of models with names that nobody should have."""

import warnings
from pathlib import Path

import torch
from torch import nn

from modelviz_callbacks import ModelVizHook

HOSTILE = {
    "script": "</script><script>window.hacked = 1</script>",
    "image": '"><img src=x onerror="window.hacked = 1">',
    "turned": "gnp\u202eexe",
    "long": "l" * 500,
    "emoji": "🔥 fire",
    "proto": "__proto__",
}


class Block(nn.Module):
    """A block with a branch, so that there are operations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, x):
        return torch.relu(self.first(x)) + self.second(x)


class Net(nn.Module):
    """Three equal blocks, one that differs, one that is never called, a frozen one in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 8)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(3)))
        self.frozen = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)).requires_grad_(False).eval()
        self.unused = nn.Linear(3, 3)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.frozen(self.blocks(self.stem(x))))


class Crashing(Net):
    """Its second half does not fit."""

    def forward(self, x):
        return self.head(torch.cat([self.stem(x), x], dim=0))


def hostile_net() -> nn.Module:
    """Classes and paths with every hostile name."""
    net = Net()
    for name in HOSTILE.values():
        made = type(name, (nn.Linear,), {"__qualname__": name})(8, 8)
        net.blocks.add_module(name.replace(".", ""), made)
    return net


def record_page(net: nn.Module, folder: Path, *, fails: bool = False) -> Path:
    """Trains one step and gives the record's page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ModelVizHook(net, folder, depth=1) as hook:
            try:
                net(torch.rand(5, 6)).sum().backward()
            except RuntimeError:
                assert fails
    assert hook.directory is not None
    page = Path(hook.directory) / "index.html"
    assert page.is_file(), (Path(hook.directory) / "manifest.json").read_text("utf-8")
    return page
