"""Runs work in several real processes that talk through gloo, and never waits for ever."""

import multiprocessing
import pickle
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

WORLD_SIZE = 2


def run_ranks(work: Callable[..., Any], *args: Any, timeout_s: float = 120.0) -> list[Any]:
    """Runs `work(rank, *args)` in two new processes of one gloo group.

    Args:
        work: A function of a module, so that it can be sent; whatever it returns is pickled.
        *args: What else it is given.
        timeout_s: Seconds after which a rank that is still running counts as hanging.

    Returns:
        What it returned on each rank; where it raised, the exception.
    """
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        ranks: list[BaseProcess] = [
            context.Process(target=_run, args=(rank, folder, timeout_s, work, args), daemon=True)
            for rank in range(WORLD_SIZE)
        ]
        for process in ranks:
            process.start()
        hanging = _join(ranks, time.monotonic() + timeout_s)
        if hanging:
            pytest.fail(f"after {timeout_s:g} s these ranks were still running: {hanging}")
        return [_result(Path(folder), rank) for rank in range(WORLD_SIZE)]


def _join(ranks: list[BaseProcess], deadline: float) -> list[int]:
    for process in ranks:
        process.join(max(0.0, deadline - time.monotonic()))
    hanging = [rank for rank, process in enumerate(ranks) if process.is_alive()]
    for process in ranks:
        process.kill()
        process.join()
    return hanging


def _run(rank: int, folder: str, timeout_s: float, work: Callable[..., Any], args: Any) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=WORLD_SIZE,
        timeout=timedelta(seconds=timeout_s),
    )
    torch.manual_seed(0)
    try:
        result = work(rank, *args)
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        traceback.print_exc()
        result = error
    (Path(folder) / f"result-{rank}").write_bytes(pickle.dumps(result))
    distributed.destroy_process_group()


def _result(folder: Path, rank: int) -> Any:
    path = folder / f"result-{rank}"
    if not path.exists():
        pytest.fail(f"rank {rank} ended without a result")
    return pickle.loads(path.read_bytes())
