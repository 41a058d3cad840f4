"""Starts whole programs of several ranks, as users do; a program that hangs fails its test."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
_ROOT = Path(__file__).parent.parent.parent
_RENDEZVOUS = ("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "--rdzv-id", "test")


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status, and all that it wrote to the terminal."""

    status: int
    output: str


def launch(program: str, *args: object, timeout_s: float = 240.0) -> Ended:
    """Runs a program of `programs/`, which starts its own ranks."""
    return _run([sys.executable, str(PROGRAMS / program), *map(str, args)], timeout_s)


def torchrun(program: str, *args: object, timeout_s: float = 180.0) -> Ended:
    """Runs two ranks of a program of `programs/`."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    words = [*launcher, *_RENDEZVOUS, str(PROGRAMS / program), *map(str, args)]
    return _run(words, timeout_s)


def _run(words: list[str], timeout_s: float) -> Ended:
    places = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": places, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    with subprocess.Popen(
        words,
        env=os.environ | own | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A group of its own, to end the ranks with it.
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output, _ = process.communicate()
            pytest.fail(f"after {timeout_s:g} s it was still running:\n{output}")
    return Ended(process.returncode, output)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
