"""Laying two sequences over each other, in time that is linear in practice."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence

# Exact alignment takes time and memory in proportion to the product of two lengths.
_MOST_CELLS = 128 * 128
# How far behind a difference the sequences are searched for where they go on alike.
_WINDOW = 24
_MOST_ROUNDS = 8

Score = Callable[[int, int], int]
Pair = tuple[int, int]


def align(old: Sequence[Hashable], new: Sequence[Hashable], score: Score) -> list[Pair]:
    """Finds which elements of two sequences are the same, without crossing.

    Args:
        old: What the elements of the one are; equal elements are paired if the order lets them.
        new: The same of the other.
        score: How well an old and a new element, by their places, fit each other; 0 if not at all.
            The best sum is taken where the sequences are short, or what differs of them is.

    Returns:
        Places in `old` and `new`, ascending in both.
    """
    pairs: list[Pair] = []
    begin = 0, 0
    for anchor in [*_anchors(old, new), (len(old), len(new))]:
        pairs += _in_gap(range(begin[0], anchor[0]), range(begin[1], anchor[1]), score)
        pairs.append(anchor)
        begin = anchor[0] + 1, anchor[1] + 1
    return pairs[:-1]


def align_equal(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """Finds equal elements of two sequences, as many as can be, without crossing."""
    in_both = set(old) & set(new)
    places = [[i for i, item in enumerate(items) if item in in_both] for items in (old, new)]
    left, right = ([items[i] for i in kept] for items, kept in zip((old, new), places, strict=True))
    pairs = align(left, right, lambda i, j: int(left[i] == right[j]))
    return [(places[0][i], places[1][j]) for i, j in pairs]


def _anchors(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """Pairs what is equal at both ends, and in between, if that is long, what comes once."""
    pairs: list[Pair] = []
    waiting = [(range(len(old)), range(len(new)), 0)]
    while waiting:
        olds, news, rounds = waiting.pop()
        head, olds, news, tail = _trimmed(old, new, olds, news)
        pairs += head + tail
        if len(olds) * len(news) <= _MOST_CELLS:
            continue
        unique = _unique(old, new, olds, news) if rounds < _MOST_ROUNDS else []
        if not unique:
            pairs += _resynchronised(old, new, olds, news)
            continue
        pairs += unique
        begin = olds.start, news.start
        for i, j in [*unique, (olds.stop, news.stop)]:
            waiting.append((range(begin[0], i), range(begin[1], j), rounds + 1))
            begin = i + 1, j + 1
    return sorted(pairs)


def _trimmed(
    old: Sequence[Hashable], new: Sequence[Hashable], olds: range, news: range
) -> tuple[list[Pair], range, range, list[Pair]]:
    head = 0
    shorter = min(len(olds), len(news))
    while head < shorter and old[olds[head]] == new[news[head]]:
        head += 1
    tail = 0
    while tail < shorter - head and old[olds[-1 - tail]] == new[news[-1 - tail]]:
        tail += 1
    begins = [(olds[place], news[place]) for place in range(head)]
    ends = [(olds[-1 - place], news[-1 - place]) for place in range(tail)]
    return begins, olds[head : len(olds) - tail], news[head : len(news) - tail], ends


def _unique(
    old: Sequence[Hashable], new: Sequence[Hashable], olds: range, news: range
) -> list[Pair]:
    """Pairs what comes once in both, as many as can be without crossing."""
    counts = Counter(old[i] for i in olds), Counter(new[j] for j in news)
    places = {new[j]: j for j in news if counts[1][new[j]] == 1}
    pairs = [(i, places[old[i]]) for i in olds if counts[0][old[i]] == 1 and old[i] in places]
    return _longest_ascending(pairs)


def _longest_ascending(pairs: list[Pair]) -> list[Pair]:
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(pairs):
        length = bisect_left(ends, j)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [j]
        last[length : length + 1] = [place]
    chain: list[Pair] = []
    place = last[-1] if last else -1
    while place >= 0:
        chain.append(pairs[place])
        place = before[place]
    return chain[::-1]


def _resynchronised(
    old: Sequence[Hashable], new: Sequence[Hashable], olds: range, news: range
) -> Iterator[Pair]:
    """Pairs equal elements from the front; behind a difference, the nearest equal ones."""
    i, j = olds.start, news.start
    while i < olds.stop and j < news.stop:
        if old[i] == new[j]:
            yield i, j
            i, j = i + 1, j + 1
            continue
        i, j = next(
            (
                (i + skipped, j + steps - skipped)
                for steps in range(1, _WINDOW)
                for skipped in range(steps + 1)
                if i + skipped < olds.stop
                and j + steps - skipped < news.stop
                and old[i + skipped] == new[j + steps - skipped]
            ),
            (i + 1, j + 1),
        )


def _in_gap(olds: range, news: range, score: Score) -> list[Pair]:
    if len(olds) * len(news) > _MOST_CELLS:
        return [(i, j) for i, j in zip(olds, news, strict=False) if score(i, j)]
    scores = [[score(i, j) for j in news] for i in olds]
    # best[a][b] is the best sum of what is left behind the first a old and b new ones.
    best = [[0] * (len(news) + 1) for _ in range(len(olds) + 1)]
    for a in range(len(olds) - 1, -1, -1):
        row, below, fits = best[a], best[a + 1], scores[a]
        for b in range(len(news) - 1, -1, -1):
            row[b] = max(below[b], row[b + 1], below[b + 1] + fits[b])
    pairs, a, b = [], 0, 0
    while a < len(olds) and b < len(news):
        fit = scores[a][b]
        if fit and best[a][b] == best[a + 1][b + 1] + fit:
            pairs.append((olds[a], news[b]))
            a, b = a + 1, b + 1
        elif best[a][b] == best[a + 1][b]:
            a += 1
        else:
            b += 1
    return pairs
