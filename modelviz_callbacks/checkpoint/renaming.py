"""Names that differ by what wrappers and other layouts of a model put before them."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from modelviz_callbacks.checkpoint.contents import Branch, StoredTensor
from modelviz_callbacks.checkpoint.findings import Findings

# What compilers and shardings put into the middle of names.
_WRAPPERS = ("_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_SAMPLE = 24
# Of the expected names; fewer are no pattern.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Renaming:
    """A way to rename a whole state dict, so that more of it fits.

    Attributes:
        kind: What to do with `text` in every name: `"drop"` it from the beginning, `"add"` it
            there, or `"cut"` it out wherever it is a part.
        text: Like `"module."`.
        code: What gives the renamed state dict, in Python.
        names: How many of the expected tensors are there then, in their shape.
        left: What does not fit then, either.
    """

    kind: Literal["drop", "add", "cut"]
    text: str
    code: str
    names: int
    left: Findings

    @property
    def fits(self) -> bool:
        """Whether all fits then."""
        return self.left.fits


def find_renaming(
    expected: Mapping[str, StoredTensor], state: Branch, check: Callable[[Branch], Findings]
) -> Renaming | None:
    """Finds the renaming after which the most names fit.

    Args:
        expected: The tensors that are expected.
        state: The state dict.
        check: Tells how a renamed one fits.

    Returns:
        The renaming; None if there is none after which half of what is expected is there, and
        more than is now.
    """
    now = _matching(expected, state)
    best: tuple[int, _Candidate, Branch] | None = None
    for candidate in dict.fromkeys(_candidates(expected, state)):
        renamed = candidate.applied_to(state)
        count = _matching(expected, renamed)
        if count > max(now, len(expected) * _LEAST_SHARE) and (best is None or count > best[0]):
            best = count, candidate, renamed
    if best is None:
        return None
    count, candidate, renamed = best
    partial = len(renamed.entries) < len(state.entries)
    code = candidate.code(partial=partial)
    return Renaming(candidate.kind, candidate.text, code, count, check(renamed))


@dataclass(frozen=True)
class _Candidate:
    kind: Literal["drop", "add", "cut"]
    text: str

    def applied_to(self, state: Branch) -> Branch:
        if self.kind == "drop":
            kept = {n: v for n, v in state.entries.items() if n.startswith(self.text)}
            return Branch({n.removeprefix(self.text): v for n, v in kept.items()})
        return Branch({self._renamed(name): held for name, held in state.entries.items()})

    def _renamed(self, name: str) -> str:
        return self.text + name if self.kind == "add" else name.replace(self.text, "")

    def code(self, *, partial: bool) -> str:
        text = repr(self.text)
        renamed = {
            "drop": f"name.removeprefix({text})",
            "add": f"{text} + name",
            "cut": f'name.replace({text}, "")',
        }[self.kind]
        only = f" if name.startswith({text})" if partial else ""
        return f"{{{renamed}: value for name, value in state_dict.items(){only}}}"


def _candidates(expected: Mapping[str, StoredTensor], state: Branch) -> Iterator[_Candidate]:
    for wrapper in _WRAPPERS:
        if any(wrapper in name for name in state.entries):
            yield _Candidate("cut", f"{wrapper}.")
    for prefix in _prefixes(state.entries, expected):
        yield _Candidate("drop", prefix)
    for prefix in _prefixes(expected, state.entries):
        yield _Candidate("add", prefix)


def _prefixes(longer: Mapping[str, object], shorter: Mapping[str, object]) -> list[str]:
    """Gives what stands before a few of the shorter names in the longer ones, most often first."""
    names = list(shorter)
    sample = names[:: max(1, len(names) // _SAMPLE)]
    counts = Counter(
        name.removesuffix(wanted)
        for wanted in sample
        for name in longer
        if name.endswith(f".{wanted}")
    )
    return [prefix for prefix, _ in counts.most_common(3)]


def _matching(expected: Mapping[str, StoredTensor], state: Branch) -> int:
    return sum(
        isinstance(held := state.entries.get(name), StoredTensor)
        and wanted.shape in {held.shape, None}
        for name, wanted in expected.items()
    )
