"""The harness itself: real ranks, their results, and an end to hanging."""

import time

import pytest
import torch
from torch import distributed

from tests.distributed.ranks import run_ranks


def _sum(rank: int, more: int) -> float:
    value = torch.tensor(float(rank + more))
    distributed.all_reduce(value)
    return float(value)


def _raise(rank: int) -> int:
    if rank == 1:
        raise ValueError("on one rank")
    return rank


def _hang(rank: int) -> None:
    time.sleep(60.0 * rank)


def test_ranks_talk_to_each_other() -> None:
    """Each rank computes with what the other one gives."""
    assert run_ranks(_sum, 1) == [3.0, 3.0]


def test_an_exception_is_the_result_of_its_rank() -> None:
    """What one rank raises is seen, and the other one's result too."""
    fine, raised = run_ranks(_raise)
    assert fine == 0
    assert isinstance(raised, ValueError)


def test_a_rank_that_hangs_fails_the_test() -> None:
    """A hang ends, as a failure."""
    with pytest.raises(pytest.fail.Exception, match=r"still running: \[1\]"):
        run_ranks(_hang, timeout_s=15.0)
