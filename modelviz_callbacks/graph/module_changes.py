"""What is another in a module that two graphs have."""

from collections.abc import Iterable, Iterator

from modelviz_callbacks.graph.config_parts import config_parts, usual_values
from modelviz_callbacks.graph.diff import Change
from modelviz_callbacks.graph.model import ModuleEntry, StateEntry
from modelviz_callbacks.graph.module_match import ModuleMatch


def module_changes(old: ModuleEntry, new: ModuleEntry, match: ModuleMatch) -> Iterator[Change]:
    """Compares a module with what it was.

    Args:
        old: The module as it was.
        new: The module as it is.
        match: Which modules are the same, for what is tied.
    """
    if old.class_name != new.class_name:
        yield Change("class", old.class_name, new.class_name, "class")
        if old.config != new.config:
            yield Change("configuration", old.config, new.config)
    elif old.config != new.config:
        yield from _config_changes(new.class_name, old.config, new.config)
    same_as = None if old.tied_to is None else match.to_new.get(old.tied_to, old.tied_to)
    if same_as != new.tied_to:
        yield Change("the module", old.tied_to, new.tied_to, "tie")
    yield from _state_changes(old.parameters, new.parameters, match)
    yield from _state_changes(old.buffers, new.buffers, match)


def _config_changes(kind: str, old: str, new: str) -> Iterator[Change]:
    """Compares two configurations like `"3, 64, kernel_size=(7, 7)"` part by part."""
    before, after = config_parts(kind, old), config_parts(kind, new)
    unnamed = [[key for key in parts if key.isdigit()] for parts in (before, after)]
    # Values that are not shown are the usual ones.
    usual = usual_values(kind)
    values = [
        (key, before.get(key, usual.get(key)), after.get(key, usual.get(key)))
        for key in dict.fromkeys((*after, *before))
    ]
    changes = [
        Change(f"argument {key}:" if key.isdigit() else key, was, is_now)
        for key, was, is_now in values
        if was != is_now
    ]
    if not changes or unnamed[0] != unnamed[1]:
        # Only the order or the spaces are others, or it cannot be said which part is which.
        changes = [Change("configuration", old, new)]
    yield from changes


def _state_changes(
    old: Iterable[StateEntry], new: Iterable[StateEntry], match: ModuleMatch
) -> Iterator[Change]:
    before = {state.name: state for state in old}
    after = {state.name: state for state in new}
    for name in dict.fromkeys((*after, *before)):
        was, is_now = before.get(name), after.get(name)
        if was is None or is_now is None:
            yield Change(name, _shape(was), _shape(is_now), "state")
            continue
        if was.shape != is_now.shape:
            yield Change(name, _shape(was), _shape(is_now), "state")
        if was.dtype != is_now.dtype:
            yield Change(f"dtype of {name}", was.dtype, is_now.dtype, "dtype")
        same_as = None if was.tied_to is None else match.new_name(was.tied_to)
        if same_as != is_now.tied_to:
            yield Change(name, was.tied_to, is_now.tied_to, "tie")


def _shape(state: StateEntry | None) -> str | None:
    if state is None:
        return None
    return "not yet known" if state.shape is None else str(list(state.shape))
