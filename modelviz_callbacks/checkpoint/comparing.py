"""Comparing a state dict with what is expected of it, as `load_state_dict(strict=True)` does."""

from collections.abc import Iterator, Mapping

from modelviz_callbacks.checkpoint.contents import Branch, Content, StoredTensor
from modelviz_callbacks.checkpoint.findings import (
    DtypeDifference,
    Expected,
    Findings,
    ShapeDifference,
    StateName,
)
from modelviz_callbacks.graph.module_tree import own_name

_EXTRA_STATE = "_extra_state"
_WRAPPER = "_orig_mod"
# From this version of their layout on, torch expects the counters of normalisations.
_COUNTERS_SINCE = 2


def compare(expected: Expected, state: Branch) -> Findings:
    """Finds what differs.

    Args:
        expected: Of a record.
        state: The state dict.
    """
    state, notes = _without_compilers(expected, state)
    unknown = [name for name in state.entries if name not in expected.tensors]
    extra = [name for name in unknown if own_name(name) == _EXTRA_STATE]
    own = [name for name in unknown if name.startswith(expected.open_to) and name not in extra]
    passed = {*extra, *own}
    notes += _notes(expected, state, extra, own)
    unexpected = [name for name in unknown if name not in passed]
    return Findings(
        missing=tuple(
            StateName(name, wanted.shape, wanted.dtype)
            for name, wanted in expected.tensors.items()
            if name not in state.entries and not _may_be_missing(name, expected, state)
        ),
        unexpected=tuple(named(name, state.entries[name]) for name in unexpected),
        shapes=tuple(shape_differences(expected.tensors, state)),
        dtypes=tuple(dtype_differences(expected.tensors, state)),
        notes=tuple(notes),
    )


def named(name: str, content: Content | None) -> StateName:
    """Gives a name with what is known of its tensor."""
    if isinstance(content, StoredTensor):
        return StateName(name, content.shape, content.dtype)
    return StateName(name)


def shape_differences(
    expected: Mapping[str, StoredTensor], state: Branch
) -> Iterator[ShapeDifference]:
    """Gives the tensors that are in both and of which one could not be copied into the other."""
    for name, wanted in expected.items():
        if name not in state.entries or wanted.shape is None:
            continue
        held = state.entries[name]
        shape = held.shape if isinstance(held, StoredTensor) else None
        # torch takes a single value in brackets for one without.
        if shape != wanted.shape and (shape, wanted.shape) != ((1,), ()):
            yield ShapeDifference(name, shape, wanted.shape)


def dtype_differences(
    expected: Mapping[str, StoredTensor], state: Branch
) -> Iterator[DtypeDifference]:
    """Gives the tensors that are in both and of different dtypes."""
    for name, wanted in expected.items():
        held = state.entries.get(name)
        if isinstance(held, StoredTensor) and held.dtype != wanted.dtype:
            yield DtypeDifference(name, held.dtype, wanted.dtype)


def _may_be_missing(name: str, expected: Expected, state: Branch) -> bool:
    if name in expected.optional:
        return True
    if name not in expected.counters:
        return False
    layout = (state.layouts or {}).get(expected.counters[name], {})
    version = layout.get("version")
    return not isinstance(version, int) or version < _COUNTERS_SINCE


def _without_compilers(expected: Expected, state: Branch) -> tuple[Branch, list[str]]:
    """Takes the compiler's wrapper out of names, where the recorded model ran compiled."""
    if not expected.compiled or not any(_WRAPPER in name for name in state.entries):
        return state, []
    entries = {_plain(name, expected.compiled): held for name, held in state.entries.items()}
    if entries.keys() == state.entries.keys() or len(entries) < len(state.entries):
        return state, []
    layouts = state.layouts
    if layouts is not None:
        layouts = {_plain(path, expected.compiled): about for path, about in layouts.items()}
    note = (
        f'names have "{_WRAPPER}" where the recorded model ran compiled: load them into a model '
        "that is compiled with torch.compile() in the same places"
    )
    return Branch(entries, layouts), [note]


def unwrapped_note(expected: Expected, state: Branch) -> str | None:
    """Says what compiled models call names that a state dict has without a compiler's wrapper.

    Whether the recorded model has them a record does not tell: `module.compile()` changes none.
    """
    if not expected.compiled or any(_WRAPPER in name for name in state.entries):
        return None
    starts = tuple(f"{path}." if path else "" for path in expected.compiled)
    if not any(name.startswith(starts) and name in expected.tensors for name in state.entries):
        return None
    paths = [path or "the whole model" for path in sorted(expected.compiled)]
    return (
        f"the recorded model ran compiled ({_some(paths)}), and these names are those of one "
        f'that is not: a module that torch.compile() gives wants "{_WRAPPER}." in them, so load '
        "them before it is compiled"
    )


def _plain(name: str, compiled: frozenset[str]) -> str:
    kept: list[str] = []
    for part in name.split("."):
        if part != _WRAPPER or ".".join(kept) not in compiled:
            kept.append(part)
    return ".".join(kept)


def _notes(expected: Expected, state: Branch, extra: list[str], own: list[str]) -> Iterator[str]:
    if extra:
        yield (
            f"{_some(extra)}: the record does not tell which modules keep such a state, so "
            "whether it is expected is not known"
        )
    if own:
        yield f"{_some(own)}: the module takes states of its own, which the record does not tell"
    unsure = [name for name in expected.optional if name not in state.entries]
    if unsure:
        yield (
            f"{_some(sorted(unsure))}: not in the checkpoint, and the record is from before it "
            "was noted which buffers are"
        )
    left_out = [name for name in expected.left_out if name in state.entries]
    if left_out:
        yield f"{_some(sorted(left_out))}: a buffer that the recorded model does not save"


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more"
