"""Reading what `torch.distributed.checkpoint` wrote, from its metadata; torch is not needed."""

import io
import pickle
import pickletools
from collections.abc import Mapping
from typing import Any

from modelviz_callbacks.checkpoint.contents import Branch, Content, OtherValue, StoredTensor
from modelviz_callbacks.checkpoint.files import MOST_DESCRIPTION_BYTES, in_folder, open_file
from modelviz_callbacks.errors import CheckpointError, one_line
from modelviz_callbacks.graph.dtypes import element_bytes

METADATA = ".metadata"
_ITS_MODULE = "torch.distributed.checkpoint.metadata"
# They lead past find_class(), or to objects of the process.
_FORBIDDEN = frozenset({"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID"})
_DEEPEST = 8


class _Inert:
    """Stands for an object of the metadata: takes its state, and does nothing."""

    def __init__(self, *_arguments: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def field(self, name: str) -> Any:
        """Gives a field, None where there is none."""
        return self.state.get(name) if isinstance(self.state, Mapping) else None


class _Metadata(_Inert):
    pass


class _Tensor(_Inert):
    pass


class _Properties(_Inert):
    pass


def _no_layout(_name: object) -> None:
    return None


# Nothing of torch is made: each name stands for something inert.
_ADMITTED: Mapping[tuple[str, str], Any] = {
    (_ITS_MODULE, "Metadata"): _Metadata,
    (_ITS_MODULE, "TensorStorageMetadata"): _Tensor,
    (_ITS_MODULE, "TensorProperties"): _Properties,
    **{
        (_ITS_MODULE, name): _Inert
        for name in (
            "BytesStorageMetadata",
            "ChunkStorageMetadata",
            "MetadataIndex",
            "StorageMeta",
            "_MEM_FORMAT_ENCODING",
        )
    },
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"): _Inert,
    ("torch.serialization", "_get_layout"): _no_layout,
    ("torch", "Size"): tuple,
    ("collections", "OrderedDict"): dict,
    **{
        (module, name): _Inert
        # Python 3.13 pickles paths from a module of its own.
        for module in ("pathlib", "pathlib._local")
        for name in ("Path", "PosixPath", "WindowsPath")
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Gives what stands for a name of the metadata's, and for no other."""
        if module == "torch" and element_bytes(name):
            return name
        admitted = _ADMITTED.get((module, name))
        if admitted is None:
            raise CheckpointError(
                f"it names {module}.{name}, which no metadata of torch.distributed.checkpoint "
                "does. Such a file could run code when it is loaded, so it is not"
            )
        return admitted


def read_distributed(folder: str) -> Branch:
    """Reads a folder's metadata.

    Args:
        folder: A path or an fsspec URL.

    Raises:
        CheckpointError: If they are none, damaged, too long, or hostile.
    """
    place = in_folder(folder, METADATA)
    with open_file(place) as file:
        content = file.read(MOST_DESCRIPTION_BYTES + 1)
    if len(content) > MOST_DESCRIPTION_BYTES:
        raise CheckpointError(f"{place}: it is longer than {MOST_DESCRIPTION_BYTES:,} bytes.")
    try:
        _check_pickle(content)
        metadata = _Unpickler(io.BytesIO(content)).load()
        return _tree(metadata)
    except CheckpointError as e:
        raise CheckpointError(f"{place}: {e}.") from e
    except Exception as e:  # a damaged pickle may fail anywhere
        raise CheckpointError(
            f"{place}: these metadata are damaged, or a part of some ({one_line(e)})."
        ) from e


def _check_pickle(content: bytes) -> None:
    """Refuses what would have memory reserved for more than the file can hold."""
    for number, (operation, argument, _) in enumerate(pickletools.genops(content)):
        if operation.name in _FORBIDDEN:
            raise CheckpointError(f"its pickle uses {operation.name}, which no metadata do")
        # The memo is a list up to the largest place in it.
        if operation.name.endswith("PUT") and isinstance(argument, int) and argument > number:
            raise CheckpointError(f"its pickle has a memo of {argument:,} places")


def _tree(metadata: object) -> Branch:
    """Puts the tensors into the mappings that they were saved in."""
    described = metadata.field("state_dict_metadata") if isinstance(metadata, _Metadata) else None
    if not isinstance(described, Mapping):
        raise CheckpointError("it holds no description of a state dict")
    paths = metadata.field("planner_data") if isinstance(metadata, _Metadata) else None
    tree: dict[str, Any] = {}
    for name, about in described.items():
        way: Any = paths.get(name) if isinstance(paths, Mapping) else None
        known = isinstance(way, tuple) and 1 <= len(way) <= _DEEPEST
        _put(tree, way if known else (name,), _content(about))
    return Branch(_branches(tree))


def _put(tree: dict[str, Any], way: tuple[object, ...], content: Content) -> None:
    *folders, last = map(str, way)
    for part in folders:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            raise CheckpointError(f"{part!r} is both a tensor and a mapping")
        tree = inner
    tree[last] = content


def _branches(tree: Mapping[str, Any]) -> dict[str, Content]:
    return {
        name: Branch(_branches(held)) if isinstance(held, dict) else held
        for name, held in tree.items()
    }


def _content(about: object) -> Content:
    if not isinstance(about, _Tensor):
        return OtherValue("bytes")
    properties = about.field("properties")
    dtype = properties.state if isinstance(properties, _Properties) else None
    if isinstance(dtype, tuple) and dtype:
        dtype = dtype[0]
    size = about.field("size")
    if not isinstance(dtype, str) or not isinstance(size, tuple):
        raise CheckpointError("a tensor has no size or no dtype")
    if not all(type(n) is int and n >= 0 for n in size):
        raise CheckpointError(f"a tensor has the size {size}")
    return StoredTensor(size, dtype)
