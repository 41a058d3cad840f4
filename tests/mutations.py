"""Valid JSON made odd: for tests of whoever reads what anybody may have written."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

ODD_TEXTS = (
    "", ".", "..", "a..b", "\ud800", "\u202e\n\x1b[31m", "</script><script>alert(1)</script>",
    "../../etc/passwd", "/etc/passwd", "int9999", "a." * 1_200, "x" * 20_000, "=(,)[", "'\"\\",
)  # fmt: skip
ODD_NUMBERS = (-1, 0, 1, 2, 7, 2**31, 2**63, 2**64, 10**60, 10**400, -(10**30), 0.5, -0.0, 1e308)


def deep(levels: int) -> Any:
    """Lists in lists."""
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


odd_values = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from([None, True, False, float("nan"), float("inf"), [], {}, [[]], {"a": {}}]),
    st.sampled_from([40, 200]).map(deep),
    st.text(max_size=8),
    st.integers(-3, 60),
    st.lists(st.integers(-2, 9), max_size=5),
)


@st.composite
def mutated(draw: st.DrawFn, texts: list[str]) -> str:
    """One of some JSON texts, changed in a few places."""
    content = json.loads(draw(st.sampled_from(texts)))
    for _ in range(draw(st.integers(1, 4))):
        _mutate(draw, content)
    text = json.dumps(content, indent=draw(st.sampled_from([None, 1])))
    return draw(_scribbled(text)) if draw(st.integers(0, 9)) == 0 else text


@st.composite
def _scribbled(draw: st.DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    middle = draw(
        st.sampled_from(["", "NaN", "-Infinity", '"id":1,', "[" * 3_000, "\x00", "1e999"])
    )
    return text[:start] + middle + text[end:]


def _mutate(draw: st.DrawFn, content: Any) -> None:
    """Changes one place, in place."""
    holder = _place(draw, content)
    keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if not keys:
        return
    key, other = draw(st.sampled_from(keys)), draw(st.sampled_from(keys))
    how = draw(st.sampled_from(["delete", "replace", "swap", "copy", "add", "transplant"]))
    if how == "delete":
        del holder[key]
    elif how == "replace":
        holder[key] = draw(odd_values)
    elif how == "swap":
        holder[key], holder[other] = holder[other], holder[key]
    elif how == "copy":
        holder[key] = copy.deepcopy(holder[other])
    elif how == "transplant":
        from_there = _place(draw, content)
        there = list(from_there.values()) if isinstance(from_there, dict) else from_there
        holder[key] = copy.deepcopy(draw(st.sampled_from(there))) if there else []
    elif isinstance(holder, dict):
        holder[draw(st.sampled_from(ODD_TEXTS))] = draw(odd_values)
    else:
        holder.insert(key, copy.deepcopy(holder[other]))


def _place(draw: st.DrawFn, content: Any) -> Any:
    """Walks down from the top, and stops anywhere."""
    at = content
    for _ in range(draw(st.integers(0, 7))):
        inner = list(at.values()) if isinstance(at, dict) else at
        inner = [value for value in inner if isinstance(value, dict | list)]
        if not inner:
            break
        at = draw(st.sampled_from(inner))
    return at
