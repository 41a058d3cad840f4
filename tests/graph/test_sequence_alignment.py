"""Two sequences laid over each other."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelviz_callbacks.graph import sequence_alignment
from modelviz_callbacks.graph.sequence_alignment import align_equal

SEQUENCES = st.lists(st.integers(0, 5), max_size=40)


def longest(old: list[int], new: list[int]) -> int:
    """The textbook's way."""
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, left in enumerate(old):
        for j, right in enumerate(new):
            same = best[i][j] + (left == right)
            best[i + 1][j + 1] = max(same, best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


@given(SEQUENCES, SEQUENCES)
def test_as_many_as_can_be_are_paired(old, new) -> None:
    """Where the sequences are short."""
    pairs = align_equal(old, new)
    assert all(old[i] == new[j] for i, j in pairs)
    assert pairs == sorted(pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert len(pairs) == longest(old, new)


@given(SEQUENCES, SEQUENCES)
def test_long_sequences_are_paired_without_crossing(old, new) -> None:
    """With what is done where the exact way would take too long."""
    exact, sequence_alignment._MOST_CELLS = sequence_alignment._MOST_CELLS, 4
    try:
        pairs = align_equal(old, new)
    finally:
        sequence_alignment._MOST_CELLS = exact
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))


@given(SEQUENCES, st.integers(0, 40), SEQUENCES)
def test_what_is_put_in_between_costs_no_pair(old, place, inserted) -> None:
    """All that was there is found again."""
    new = [*old[:place], *inserted, *old[place:]]
    assert len(align_equal(old, new)) == len(old)
    assert not Counter(old) - Counter(new)
