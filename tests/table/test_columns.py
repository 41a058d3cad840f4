"""Columns of any characters."""

import pytest

from modelviz_callbacks.table.columns import (
    aligned,
    display_width,
    shorten,
    visible,
    wrapped,
)

COMBINED = "e\u0301"


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("层", 2), (COMBINED, 1), ("ｱ", 1), ("\uff21", 2), ("│├─", 3), ("🔥", 2), ("", 0)],
)
def test_width_is_that_on_the_screen(text, width) -> None:
    """Wide characters take two places, combining ones none."""
    assert display_width(text) == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("層 é", "層 é"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text, shown) -> None:
    """Line feeds, escapes, turned directions and broken characters; letters stay."""
    assert visible(text) == shown


@pytest.mark.parametrize("width", range(1, 30))
@pytest.mark.parametrize(
    "text", ["encoder.layers.out_proj", "层" * 12, COMBINED * 25, "x" + COMBINED]
)
def test_long_texts_lose_their_middle(text, width) -> None:
    """They fit, keep their ends, and no accent lands on the dots."""
    short = shorten(text, width)
    assert display_width(short) <= width
    if short != text:
        assert "…" in short
        assert "…\u0301" not in short
    if width == 11 and text.startswith("encoder"):
        assert short == "encod…_proj"


def test_lines_break_between_words_and_in_words_that_are_too_wide() -> None:
    """By places, not by characters."""
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("层层层层 ab", 4) == ["层层", "层层", "ab"]
    assert wrapped("  ", 4) == []


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    """Whatever is in the cells, the next column starts at one place."""
    rows = [["Name", "Nothing", "N"], ["层", "", "1"], [COMBINED, "", "1,000"]]
    lines = aligned(rows, "<<>", 40)
    assert [display_width(line) for line in lines] == [11] * 5
    assert lines[0] == "Name      N"
    assert lines[2] == "层        1"


def test_the_widest_column_gives_way_and_the_tree_stays() -> None:
    """Numbers are never shortened, nor are the lines before a name."""
    rows = [["Module", "Parameters"], ["│  │  └─ " + "a" * 50, "1,234,567,890,123"]]
    lines = aligned(rows, "<>", 34)
    assert max(map(display_width, lines)) == 34
    assert lines[2].startswith("│  │  └─ aa")
    assert "…" in lines[2]
    assert lines[2].endswith(" 1,234,567,890,123")
