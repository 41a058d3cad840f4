"""Loading with torch, weights only: nothing of the file's is run, no tensor's values are kept."""

import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pickle import UnpicklingError
from typing import Any

import torch
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

from modelviz_callbacks.archive.places import absolute, is_url
from modelviz_callbacks.checkpoint.contents import Branch, Content, OtherValue, StoredTensor
from modelviz_callbacks.checkpoint.files import damaged, open_file
from modelviz_callbacks.checkpoint.stand_ins import is_stand_in, stand_ins_for
from modelviz_callbacks.errors import CheckpointError
from modelviz_callbacks.watch.tensor_specs import dtype_name, sizes

_DEEPEST = 8
_REFUSED = re.compile(r"(?:GLOBAL|class) ([\w.]+)")


def load_branch(place: str, *, is_archive: bool) -> Branch:
    """Loads what `torch.save` wrote.

    Args:
        place: The file, a path or an fsspec URL.
        is_archive: Whether it is a ZIP archive, as torch writes since 1.6.

    Raises:
        CheckpointError: If it holds other things than tensors and plain types, or is damaged.
    """
    try:
        loaded = _loaded(place, mapped=is_archive and not is_url(place))
    except CheckpointError:
        raise
    except UnpicklingError as e:
        branch = _around_refused(place, mapped=is_archive and not is_url(place))
        if branch is None:
            raise CheckpointError(f"{place}: {_refusal(str(e))}") from e
        return branch
    except Exception as e:  # a damaged file may fail anywhere
        raise damaged(place, e) from e
    content = _Reading().of(loaded, _DEEPEST)
    if not isinstance(content, Branch):
        raise CheckpointError(
            f"{place}: it holds a {type(loaded).__name__}, and no mapping with a state dict in "
            "it. Save model.state_dict()."
        )
    return content


def _around_refused(place: str, *, mapped: bool) -> Branch | None:
    """Loads what holds classes that are refused, with stand-ins for them.

    Returns:
        What is in it; None where there is nothing but them, or even so it cannot be loaded.
    """
    allowed = stand_ins_for(place)
    if not allowed:
        return None
    try:
        content = _Reading().of(_loaded(place, mapped=mapped, allowed=allowed), _DEEPEST)
    except Exception:  # noqa: BLE001 - that they were refused says more
        return None
    return content if isinstance(content, Branch) and _holds_tensors(content) else None


def _holds_tensors(branch: Branch) -> bool:
    waiting, seen = [branch], set()
    while waiting:
        inner = waiting.pop()
        if inner.tensors():
            return True
        seen.add(id(inner))
        held = (v for v in inner.entries.values() if isinstance(v, Branch))
        waiting += [v for v in held if id(v) not in seen]
    return False


def _loaded(place: str, *, mapped: bool, allowed: Sequence[Any] = ()) -> Any:
    try:
        return _load(place, "meta", allowed, mapped=mapped)
    except NotImplementedError:
        # Sparse tensors are checked by their indices, which are not there on the meta device.
        return _load(place, "cpu", allowed, mapped=mapped)


def _load(place: str, device: str, allowed: Sequence[Any], *, mapped: bool) -> Any:
    with warnings.catch_warnings(), _allowing(allowed):
        warnings.simplefilter("ignore")
        if mapped:
            # The path, not a file: so the tensors' values are not read.
            return torch.load(absolute(place), device, weights_only=True, mmap=True)
        with open_file(place) as file:
            return torch.load(file, device, weights_only=True)


def _allowing(allowed: Sequence[Any]) -> AbstractContextManager[None]:
    """Allows also parameters that have no shape yet: torch's own classes, which hold nothing."""
    allowing: Any = getattr(torch.serialization, "safe_globals", None)
    if allowing is None:  # torch < 2.5
        return nullcontext()
    context: AbstractContextManager[None] = allowing(
        [UninitializedParameter, UninitializedBuffer, *allowed]
    )
    return context


def _refusal(message: str) -> str:
    found = _REFUSED.search(message)
    if found is None:
        return f"weights-only loading refuses it ({' '.join(message.split())[:200]})."
    return (
        f"beside tensors and plain types it holds {found[1]}. Such a file could run code when it "
        "is loaded, so it is not. Save the weights alone (model.state_dict(), or in Lightning "
        "save_weights_only=True); if you trust the class, torch.serialization."
        f"add_safe_globals([{found[1]}]) before check_checkpoint() allows it."
    )


class _Reading:
    """Makes plain contents of what was loaded; what is shared in it is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, Content] = {}

    def of(self, value: Any, depth: int) -> Content:
        """Gives a value's content, down to a depth."""
        if isinstance(value, torch.Tensor):
            shape = None if is_lazy(value) else sizes(value)
            return StoredTensor(shape, dtype_name(value.dtype))
        if isinstance(value, str):
            return str(value)
        other = OtherValue(type(value).__name__, refused=is_stand_in(value))
        if not isinstance(value, Mapping) or depth == 0:
            return other
        if not all(isinstance(name, str) for name in value):
            return other
        if id(value) not in self._known:
            # A mapping may hold itself.
            self._known[id(value)] = other
            entries = {str(name): self.of(v, depth - 1) for name, v in value.items()}
            self._known[id(value)] = Branch(entries, _layouts(value))
        return self._known[id(value)]


def _layouts(state_dict: Mapping[str, Any]) -> dict[str, Mapping[str, Any]] | None:
    metadata = getattr(state_dict, "_metadata", None)
    if not isinstance(metadata, Mapping):
        return None
    return {
        path: about
        for path, about in metadata.items()
        if isinstance(path, str) and isinstance(about, Mapping)
    }
