"""Finding the state dict in a checkpoint, which may hold much else."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelviz_callbacks.checkpoint.contents import Branch, CheckpointContents, Content, OtherValue
from modelviz_callbacks.errors import CheckpointError

# Lightning's name; where it is, it is meant.
_SURE = "state_dict"
_USUAL = ("model_state_dict", "model", "module", "net", "network", "weights", "params")
# What callbacks keep may be tensors, too.
_CALLBACKS = "callbacks"
_DEEPEST = 3
_MOST_NAMED = 12
# What names the checkpoint itself.
WHOLE = "."


@dataclass(frozen=True)
class ChosenState:
    """A state dict in a checkpoint.

    Attributes:
        key: Where it is, like `"state_dict"`; `"."` is the checkpoint itself.
        state: What is in it.
        others: Where other mappings of tensors are.
    """

    key: str
    state: Branch
    others: tuple[str, ...] = ()


def choose_state(contents: CheckpointContents, key: str | None = None) -> ChosenState:
    """Finds the state dict.

    Args:
        contents: The checkpoint.
        key: Where it is; None finds out, where there is one alone or one of the usual name.

    Raises:
        CheckpointError: If there is none there, several that may be meant, or if it holds what
            weights-only loading refuses.
    """
    chosen = _chosen(contents, key)
    for name, held in chosen.state.entries.items():
        if isinstance(held, OtherValue) and held.refused:
            raise CheckpointError(
                f"{contents.place}: its state dict holds {name!r}, a {held.kind}. Weights-only "
                "loading refuses this class, so it was not built. Save tensors and plain types "
                "alone, or choose another mapping with key (--key)."
            )
    return chosen


def _chosen(contents: CheckpointContents, key: str | None) -> ChosenState:
    tree = contents.tree
    found = dict(_mappings(tree, "", _DEEPEST))
    if key is not None:
        chosen = tree if key == WHOLE else _at(tree, key)
        if not isinstance(chosen, Branch):
            raise CheckpointError(
                f"{contents.place}: key={key!r} is no mapping in it. {_there_is(tree, found)}"
            )
        return ChosenState(key, chosen)
    taken = _meant(tree, found)
    if taken is None:
        raise CheckpointError(
            f"{contents.place}: it is not clear where its state dict is. {_there_is(tree, found)}"
        )
    others = tuple(name for name in found if name != taken)
    return ChosenState(taken, tree if taken == WHOLE else found[taken], others)


def _meant(tree: Branch, found: dict[str, Branch]) -> str | None:
    held = tree.entries.get(_SURE)
    if isinstance(held, Branch):
        found.setdefault(_SURE, held)
        return _SURE
    usual = [name for name in _USUAL if name in found]
    if len(usual) == 1:
        return usual[0]
    if not usual and (tree.tensors() or not tree.entries):
        return WHOLE
    return next(iter(found)) if len(found) == 1 else None


def _mappings(branch: Branch, path: str, depth: int) -> Iterator[tuple[str, Branch]]:
    """Gives the outermost mappings below a branch that hold tensors, but for optimizers' states."""
    for name, held in branch.entries.items():
        if not isinstance(held, Branch) or path + name == _CALLBACKS:
            continue
        if {"state", "param_groups"} <= held.entries.keys():
            continue
        inner = f"{path}.{name}" if path else name
        if held.tensors():
            yield inner, held
        elif depth > 1:
            yield from _mappings(held, inner, depth - 1)


def _at(branch: Branch, key: str) -> Content | None:
    """Gives what is at a key, in whose parts there may be dots, too."""
    if key in branch.entries:
        return branch.entries[key]
    for name, held in branch.entries.items():
        if isinstance(held, Branch) and key.startswith(f"{name}."):
            found = _at(held, key.removeprefix(f"{name}."))
            if found is not None:
                return found
    return None


def _there_is(tree: Branch, found: dict[str, Branch]) -> str:
    names = [*([WHOLE] if tree.tensors() else []), *found]
    if names:
        more = ", …" if len(names) > _MOST_NAMED else ""
        listed = ", ".join(map(repr, names[:_MOST_NAMED]))
        return f"Tensors are in {listed}{more}: choose with key (--key)."
    held = ", ".join(map(repr, list(tree.entries)[:_MOST_NAMED])) or "nothing"
    return f"There are no tensors in it; it holds {held}."
