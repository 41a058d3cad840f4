"""What is another in a module that two graphs have."""

from collections.abc import Iterable, Iterator

from modelviz_callbacks.graph.diff import Change
from modelviz_callbacks.graph.matching import ModuleMatch
from modelviz_callbacks.graph.model import ModuleEntry, StateEntry


def module_changes(old: ModuleEntry, new: ModuleEntry, match: ModuleMatch) -> Iterator[Change]:
    """Compares a module with what it was.

    Args:
        old: The module as it was.
        new: The module as it is.
        match: Which modules are the same, for what is tied.
    """
    if old.class_name != new.class_name:
        yield Change("class", old.class_name, new.class_name)
        if old.config != new.config:
            yield Change("configuration", old.config, new.config)
    elif old.config != new.config:
        yield from _config_changes(old.config, new.config)
    same_as = None if old.tied_to is None else match.to_new.get(old.tied_to, old.tied_to)
    if same_as != new.tied_to:
        yield Change("the same module as", old.tied_to, new.tied_to)
    yield from _state_changes(old.parameters, new.parameters, match)
    yield from _state_changes(old.buffers, new.buffers, match)


def _config_changes(old: str, new: str) -> Iterator[Change]:
    """Compares two configurations like `"3, 64, kernel_size=(7, 7)"` part by part."""
    before, after = _config_parts(old), _config_parts(new)
    positional = [[key for key in parts if key.isdigit()] for parts in (before, after)]
    if before == after or positional[0] != positional[1]:
        # Only the order or the spaces are others, or it cannot be said which part is which.
        yield Change("configuration", old, new)
        return
    for key in dict.fromkeys((*after, *before)):
        if before.get(key) != after.get(key):
            what = f"argument {key}:" if key.isdigit() else key
            yield Change(what, before.get(key), after.get(key))


def _config_parts(config: str) -> dict[str, str]:
    """Gives the parts of a configuration by keyword, or by place (from 1) where there is none."""
    parts: dict[str, str] = {}
    for place, part in enumerate(_split(config), start=1):
        keyword, sign, value = part.partition("=")
        named = sign and keyword.strip().isidentifier()
        parts[keyword.strip() if named else str(place)] = (value if named else part).strip()
    return parts


def _split(config: str) -> Iterator[str]:
    """Splits at the commas outside of brackets."""
    depth, begin = 0, 0
    for place, character in enumerate(config):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield config[begin:place]
            begin = place + 1
    if config[begin:].strip():
        yield config[begin:]


def _state_changes(
    old: Iterable[StateEntry], new: Iterable[StateEntry], match: ModuleMatch
) -> Iterator[Change]:
    before = {state.name: state for state in old}
    after = {state.name: state for state in new}
    for name in dict.fromkeys((*after, *before)):
        was, is_now = before.get(name), after.get(name)
        if was is None or is_now is None:
            yield Change(name, _shape(was), _shape(is_now))
            continue
        if was.shape != is_now.shape:
            yield Change(name, _shape(was), _shape(is_now))
        if was.dtype != is_now.dtype:
            yield Change(f"dtype of {name}", was.dtype, is_now.dtype)
        same_as = None if was.tied_to is None else match.new_name(was.tied_to)
        if same_as != is_now.tied_to:
            yield Change(f"{name} is the same as", was.tied_to, is_now.tied_to)


def _shape(state: StateEntry | None) -> str | None:
    if state is None:
        return None
    return "not yet known" if state.shape is None else str(list(state.shape))
