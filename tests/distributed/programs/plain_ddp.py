"""A plain DDP training as torchrun starts it: `plain_ddp.py FOLDER [RANK-THAT-CRASHES]`."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from modelviz_callbacks import ModelVizHook
from tests.models import HostileNet, digits
from tests.test_untouched import assert_same, fingerprint, hostile_state, reset


def train(net: HostileNet, crashing: int | None) -> dict[str, Any]:
    """Trains for three steps; the first one raises on one rank, if any is given."""
    model = DistributedDataParallel(net)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for step in range(3):
        output = model(digits() + step + distributed.get_rank())
        if distributed.get_rank() == crashing == 1:
            raise KeyError("rank 1 ends here")
        loss = nn.functional.cross_entropy(output, torch.arange(16) % 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    left = {"losses": losses, "adam": optimizer.state_dict()}
    return fingerprint(net) | hostile_state(net) | left


def crash(module: nn.Module, args: Any) -> None:
    raise KeyError("rank 0 ends here")


def main(folder: Path, crashing: int | None) -> None:
    reset()
    net = HostileNet()
    # Made before the process group, as early as a script can.
    ModelVizHook(net, folder / "run", draw_timeout_s=60.0)
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    if distributed.get_rank() == crashing == 0:
        net.head.register_forward_pre_hook(crash)
    watched = train(net, crashing)
    reset()
    assert_same(train(HostileNet(), None), watched)
    (folder / f"same-{distributed.get_rank()}").touch()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
