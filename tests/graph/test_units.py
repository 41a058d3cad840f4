"""Large numbers, as people read them."""

import pytest

from modelviz_callbacks.graph.units import human_bytes, human_count, human_share


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (640, "640"),
        (999, "999"),
        (1_000, "1.00 k"),
        (9_994, "9.99 k"),
        (9_996, "10.0 k"),
        (99_960, "100 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (1_820_000_000, "1.82 G"),
        (5 * 10**18, "5.00 E"),
        (10**23, "100000 E"),
    ],
)
def test_counts_have_three_digits(number, text) -> None:
    """What rounds up to a thousand belongs to the next unit."""
    assert human_count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.00 KiB"),
        (46_758_048, "44.6 MiB"),
        (2**40, "1.00 TiB"),
    ],
)
def test_sizes_are_binary(number, text) -> None:
    """A KiB is 1,024 bytes."""
    assert human_bytes(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, ""),
        (1, 0, ""),
        (1, 8, "12.5"),
        (1, 10**6, "<0.1"),
        (7, 7, "100"),
        (99_999, 10**5, "99.9"),
    ],
)
def test_shares_never_round_to_nothing_or_all(part, whole, text) -> None:
    """Something is never shown as 0.0, and not everything never as 100."""
    assert human_share(part, whole) == text
