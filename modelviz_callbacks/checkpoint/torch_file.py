"""Reading what `torch.save` wrote: nothing in it is run, no tensor's values are kept."""

import contextlib
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch
from torch.nn.parameter import is_lazy

from modelviz_callbacks.archive.places import absolute, is_url
from modelviz_callbacks.checkpoint.contents import Branch, Content, OtherValue, StoredTensor
from modelviz_callbacks.checkpoint.files import open_file
from modelviz_callbacks.errors import CheckpointError, one_line
from modelviz_callbacks.watch.tensor_specs import dtype_name, sizes

# What describes the tensors takes about 200 bytes for each.
_MOST_DESCRIPTION_BYTES = 64 * 2**20
# As long as the end of an archive can be, with the longest comment.
_ARCHIVE_END_BYTES = 2**16 + 200
_DEEPEST = 8
_REFUSED = re.compile(r"(?:GLOBAL|class) ([\w.]+)")


def read_torch_file(place: str, *, is_archive: bool) -> Branch:
    """Reads a checkpoint.

    Args:
        place: The file, a path or an fsspec URL. From a store it is fetched as a whole.
        is_archive: Whether it is a ZIP archive, as `torch.save` writes since 1.6.

    Raises:
        CheckpointError: If it holds other things than tensors and plain types, is damaged, or
            would take too much memory.
    """
    if is_archive:
        with _damage_told(place), open_file(place) as file:
            _check_archive(place, file)
    with _damage_told(place):
        loaded = _loaded(place, mapped=is_archive and not is_url(place))
    content = _Reading().of(loaded, _DEEPEST)
    if not isinstance(content, Branch):
        raise CheckpointError(
            f"{place}: it holds a {type(loaded).__name__}, not a mapping with a state dict in it. "
            "Save model.state_dict()."
        )
    return content


def _loaded(place: str, *, mapped: bool) -> Any:
    try:
        return _load(place, "meta", mapped=mapped)
    except NotImplementedError:
        # Sparse tensors are checked by their indices, which are not there on the meta device.
        return _load(place, "cpu", mapped=mapped)


def _load(place: str, device: str, *, mapped: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if mapped:
            # The path, not a file: so the tensors' values are not read.
            return torch.load(absolute(place), device, weights_only=True, mmap=True)
        with open_file(place) as file:
            return torch.load(file, device, weights_only=True)


def _check_archive(place: str, file: BinaryIO) -> None:
    """Refuses an archive of which more than tensors would have to be read, or to be run."""
    described = _directory_bytes(file)
    if described <= _MOST_DESCRIPTION_BYTES:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
        names = {entry.filename.partition("/")[2] for entry in entries}
        if "constants.pkl" in names:
            raise CheckpointError(
                f"{place}: this is a TorchScript archive: a program, not a state dict. "
                "Save the state dict: torch.save(torch.jit.load(…).state_dict(), …)."
            )
        if "data.pkl" not in names:
            raise CheckpointError(f"{place}: this ZIP archive was not written by torch.save.")
        described = sum(e.file_size for e in entries if "/data/" not in e.filename)
    if described > _MOST_DESCRIPTION_BYTES:
        raise CheckpointError(
            f"{place}: what describes its tensors is {described:,} bytes long; up to "
            f"{_MOST_DESCRIPTION_BYTES:,} are read. Save the state dict alone."
        )


def _directory_bytes(file: BinaryIO) -> int:
    """Gives the length of an archive's directory, before anything is made of it."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - _ARCHIVE_END_BYTES))
    end = file.read(_ARCHIVE_END_BYTES)
    file.seek(0)
    sizes = [
        struct.unpack_from(form, end, at + offset)[0]
        for mark, form, offset in ((b"PK\x05\x06", "<L", 12), (b"PK\x06\x06", "<Q", 40))
        if 0 <= (at := end.rfind(mark)) <= len(end) - offset - 8
    ]
    # A directory of an archive of more than 4 GiB has its length in the longer form alone.
    return max((size for size in sizes if size != 2**32 - 1), default=0)


@contextlib.contextmanager
def _damage_told(place: str) -> Iterator[None]:
    try:
        yield
    except CheckpointError:
        raise
    except UnpicklingError as e:
        raise CheckpointError(f"{place}: {_refusal(str(e))}") from e
    except Exception as e:  # a damaged file may fail anywhere
        raise CheckpointError(
            f"{place}: this checkpoint is damaged, or a part of one only ({one_line(e)})."
        ) from e


def _refusal(message: str) -> str:
    found = _REFUSED.search(message)
    held = f"a {found[1]}" if found else "other things"
    allowed = f", or allow it: torch.serialization.add_safe_globals([{found[1]}])" if found else ""
    return (
        f"it holds {held}, beside tensors and plain types. Such a file could run code when it is "
        "loaded, so it is not. Save the weights alone (model.state_dict(), or in Lightning "
        f"save_weights_only=True){allowed}."
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
        other = OtherValue(type(value).__name__)
        if not isinstance(value, Mapping) or depth == 0:
            return other
        if not all(isinstance(name, str) for name in value):
            return other
        if id(value) not in self._known:
            # A mapping may hold itself.
            self._known[id(value)] = other
            entries = {str(name): self.of(v, depth - 1) for name, v in value.items()}
            self._known[id(value)] = Branch(entries, _versions(value))
        return self._known[id(value)]


def _versions(state_dict: Mapping[str, Any]) -> dict[str, int] | None:
    metadata = getattr(state_dict, "_metadata", None)
    if not isinstance(metadata, Mapping):
        return None
    return {
        path: about["version"]
        for path, about in metadata.items()
        if isinstance(path, str)
        and isinstance(about, Mapping)
        and isinstance(about.get("version"), int)
    }
