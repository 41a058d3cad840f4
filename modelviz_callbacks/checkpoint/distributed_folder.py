"""Reading what `torch.distributed.checkpoint` wrote, from its metadata; torch is not needed."""

import io
import pickle
import pickletools
from collections.abc import Mapping
from typing import Any, NoReturn

from modelviz_callbacks.checkpoint.contents import Branch, Content, OtherValue, StoredTensor
from modelviz_callbacks.checkpoint.files import in_folder, open_file
from modelviz_callbacks.checkpoint.limits import (
    MOST_DESCRIPTION_BYTES,
    are_sizes,
    check_pickles,
    quoted,
)
from modelviz_callbacks.errors import CheckpointError, one_line
from modelviz_callbacks.graph.dtypes import element_bytes

METADATA = ".metadata"
_ITS_MODULE = "torch.distributed.checkpoint.metadata"
# What pickle needs for metadata. Others lead past find_class(), or to objects of the process.
# fmt: off
_USED = (
    "PROTO", "FRAME", "STOP", "MARK", "GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD",
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM",
    "SETITEMS", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET",
)
# fmt: on
_CODES = {operation.name: ord(operation.code) for operation in pickletools.opcodes}
_DEEPEST = 8


class _Inert:
    """Stands for an object of the metadata: takes its state, and does nothing."""

    def __init__(self, *_arguments: object) -> None:
        self.state: object = None

    def field(self, name: str) -> Any:
        """Gives a field, None where there is none."""
        return self.state.get(name) if isinstance(self.state, Mapping) else None


class _Metadata(_Inert):
    pass


class _Tensor(_Inert):
    pass


class _Properties(_Inert):
    pass


class _Row(tuple[Any, ...]):
    """Stands for a tuple. Of tuples in tuples, a hash would take for ever; no metadata need one."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


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
    ("torch", "Size"): _Row,
    ("collections", "OrderedDict"): dict,
    **{
        (module, name): _Inert
        # Python 3.13 pickles paths from a module of its own.
        for module in ("pathlib", "pathlib._local")
        for name in ("Path", "PosixPath", "WindowsPath")
    },
}


class _Operations(dict[int, Any]):
    def __missing__(self, code: int) -> NoReturn:
        name = next((name for name, known in _CODES.items() if known == code), None)
        if name is None:
            raise ValueError("no pickle")
        raise CheckpointError(f"its pickle uses {name}, which no metadata do")


# Python's own one in Python: the one in C keeps a memo as long as a file says.
class _Unpickler(pickle._Unpickler):  # noqa: SLF001 - kept, as subclasses need its dispatch
    dispatch = _Operations(
        {code: pickle._Unpickler.dispatch[code] for code in map(_CODES.__getitem__, _USED)}  # noqa: SLF001
    )

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

    def _build(self: Any) -> None:
        stack: list[Any] = self.stack
        state = stack.pop()
        if not isinstance(stack[-1], _Inert):
            raise CheckpointError("its pickle gives a state to what has none")
        stack[-1].state = state

    def _row(self: Any) -> None:
        items = self.pop_mark()
        self.append(_Row(items))

    def _row_of(self: Any, count: int) -> None:
        self.stack[-count:] = [_Row(self.stack[-count:])]

    dispatch[_CODES["BUILD"]] = _build
    dispatch[_CODES["EMPTY_TUPLE"]] = lambda self: self.append(_Row())
    dispatch[_CODES["TUPLE"]] = _row
    dispatch[_CODES["TUPLE1"]] = lambda self: self._row_of(1)
    dispatch[_CODES["TUPLE2"]] = lambda self: self._row_of(2)
    dispatch[_CODES["TUPLE3"]] = lambda self: self._row_of(3)


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
        check_pickles(content)
        metadata = _Unpickler(io.BytesIO(content)).load()
        return _tree(metadata)
    except CheckpointError as e:
        raise CheckpointError(f"{place}: {e}.") from e
    except Exception as e:  # a damaged pickle may fail anywhere
        raise CheckpointError(
            f"{place}: these metadata are damaged, or a part of some ({one_line(e)})."
        ) from e


def _tree(metadata: object) -> Branch:
    """Puts the tensors into the mappings that they were saved in."""
    described = metadata.field("state_dict_metadata") if isinstance(metadata, _Metadata) else None
    if not isinstance(described, Mapping):
        raise CheckpointError("it holds no description of a state dict")
    paths = metadata.field("planner_data") if isinstance(metadata, _Metadata) else None
    tree: dict[str, Any] = {}
    for name, about in described.items():
        if type(name) is not str:
            raise CheckpointError("a tensor's name is no text")
        way: Any = paths.get(name) if isinstance(paths, Mapping) else None
        known = isinstance(way, tuple) and 1 <= len(way) <= _DEEPEST
        _put(tree, way if known else (name,), _content(about))
    return Branch(_branches(tree))


def _put(tree: dict[str, Any], way: tuple[object, ...], content: Content) -> None:
    if not all(type(part) is str or (type(part) is int and are_sizes([part])) for part in way):
        raise CheckpointError("the way to a tensor is neither texts nor numbers")
    *folders, last = map(str, way)
    for part in folders:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            raise CheckpointError(f"{quoted(part)} is both a tensor and a mapping")
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
    if not are_sizes(size):
        raise CheckpointError("a tensor has sizes that no tensor can have")
    return StoredTensor(tuple(size), dtype)
