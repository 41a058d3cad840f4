"""Reading what `torch.save` wrote: looked at from outside first, and only then by torch."""

import struct
import zipfile
from typing import BinaryIO

from modelviz_callbacks.archive.places import last_part
from modelviz_callbacks.checkpoint.contents import Branch
from modelviz_callbacks.checkpoint.files import damaged, open_file
from modelviz_callbacks.checkpoint.limits import MOST_DESCRIPTION_BYTES, check_pickles
from modelviz_callbacks.errors import CheckpointError

KINDS = (
    "Give what torch.save wrote (.ckpt, .pt, .pth, .bin), a .safetensors file, the .index.json of "
    "a sharded one, or the folder of a torch.distributed checkpoint."
)
_ARCHIVE = b"PK\x03\x04"
# torch's magic number, pickled, as it stands before what was saved until torch 1.5.
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# After it: the version, what wrote it, what was saved, and the keys of the values that follow.
_LEGACY_PICKLES = 4
# As long as the end of an archive can be, with the longest comment.
_ARCHIVE_END_BYTES = 2**16 + 200


def read_torch_file(place: str) -> Branch:
    """Reads a checkpoint. What is none is told before torch is imported.

    Args:
        place: The file, a path or an fsspec URL. From a store it is fetched as a whole.

    Raises:
        CheckpointError: If it holds other things than tensors and plain types, is damaged, or
            would take too much memory.
    """
    with open_file(place) as file:
        start = file.read(len(_LEGACY))
        is_archive = start.startswith(_ARCHIVE)
        if is_archive:
            _check_archive(place, file)
        elif start == _LEGACY:
            _check(place, file.read(MOST_DESCRIPTION_BYTES), _LEGACY_PICKLES)
        else:
            raise CheckpointError(f"{place}: {_what_it_is(place, start)}")
    from modelviz_callbacks.checkpoint.torch_loading import load_branch

    return load_branch(place, is_archive=is_archive)


def _what_it_is(place: str, start: bytes) -> str:
    if not start:
        return "this file is empty."
    if start.startswith(b"\x80"):
        return (
            "this is a bare pickle, or a part of a checkpoint. A pickle could run code when it is "
            "loaded, so it is not. Save with torch.save or safetensors."
        )
    return f"{last_part(place)} is no checkpoint. {KINDS}"


def _check_archive(place: str, file: BinaryIO) -> None:
    """Refuses an archive of which more than tensors would have to be read, or to be run."""
    described = _directory_bytes(file)
    if described <= MOST_DESCRIPTION_BYTES:
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        except Exception as e:  # a damaged archive may fail anywhere
            raise damaged(place, e) from e
        names = [entry.filename.partition("/")[2].lower() for entry in entries]
        if "constants.pkl" in names:
            raise CheckpointError(
                f"{place}: this is a TorchScript archive: a program, not a state dict. "
                "Save the state dict: torch.save(torch.jit.load(…).state_dict(), …)."
            )
        # Of several, torch might read another than the one that was looked at.
        if names.count("data.pkl") != 1:
            raise CheckpointError(f"{place}: this ZIP archive was not written by torch.save.")
        described = sum(e.file_size for e in entries if "/data/" not in e.filename)
    if described > MOST_DESCRIPTION_BYTES:
        raise CheckpointError(
            f"{place}: what describes its tensors is {described:,} bytes long; up to "
            f"{MOST_DESCRIPTION_BYTES:,} are read. Save the state dict alone."
        )
    _check(place, _pickle_in(place, file, entries[names.index("data.pkl")]))


def _pickle_in(place: str, file: BinaryIO, entry: zipfile.ZipInfo) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.read(entry)
    except Exception as e:  # a damaged archive may fail anywhere
        raise damaged(place, e) from e


def _check(place: str, content: bytes, pickles: int = 1) -> None:
    try:
        check_pickles(content, pickles)
    except CheckpointError as e:
        raise CheckpointError(f"{place}: {e}.") from e
    except Exception as e:  # a damaged pickle may fail anywhere
        raise damaged(place, e) from e


def _directory_bytes(file: BinaryIO) -> int:
    """Gives the length of an archive's directory, before anything is made of it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _ARCHIVE_END_BYTES))
    end = file.read(_ARCHIVE_END_BYTES)
    lengths = [
        struct.unpack_from(form, end, at + offset)[0]
        for mark, form, offset in ((b"PK\x05\x06", "<L", 12), (b"PK\x06\x06", "<Q", 40))
        if 0 <= (at := end.rfind(mark)) <= len(end) - offset - 8
    ]
    # A directory of an archive of more than 4 GiB has its length in the longer form alone.
    return max((length for length in lengths if length != 2**32 - 1), default=0)
