"""The same model and seed give the same bytes, in whichever process."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import torch
from torch import nn
from modelviz_callbacks import ModelVizHook
from tests.models import HostileNet, digits

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({name: HostileNet() for name in ("b", "a")})
        self.parts["b"].relu.inplace_note = {"x", "y", "z"}
        self.fn = lambda x: x
        self.rnn = nn.LSTM(4, 4)

    def extra_repr(self):
        return f"fn={self.fn}"

    def forward(self, batch):
        outputs = {name: part(batch["x"]) for name, part in self.parts.items()}
        return {**outputs, "rnn": self.rnn(outputs["a"] + outputs["b"]), "words": {"p", "q"}}

torch.manual_seed(0)
net = Net()
with ModelVizHook(net, sys.argv[1], formats=(), visualizers=("repr", "architecture")):
    net({"x": digits(), "names": {"one", "two"}})["a"].sum().backward()
"""


def recorded(folder: Path, hash_seed: str) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        check=True,
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    names = ("architecture.json", "table.txt", "architecture.gv")
    return {name: next(folder.rglob(name)).read_bytes() for name in names}


def test_two_processes_write_the_same_graph(tmp_path) -> None:
    """Whatever the seed of hashes, the order of sets and the addresses of objects are."""
    one, other = (recorded(tmp_path / seed, seed) for seed in ("1", "4242"))
    assert b'"failure": null' in one["architecture.json"]
    assert one == other
