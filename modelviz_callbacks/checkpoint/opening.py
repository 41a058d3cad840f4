"""Opening a checkpoint of any kind, by what is there."""

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.locate import names_in
from modelviz_callbacks.archive.places import last_part
from modelviz_callbacks.checkpoint.contents import CheckpointContents
from modelviz_callbacks.checkpoint.files import is_folder, open_file
from modelviz_callbacks.errors import CheckpointError, RecordError

_ARCHIVE = b"PK\x03\x04"
# torch's magic number, pickled.
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# What makes a folder a checkpoint: of torch.distributed, of Lightning.
_MARKS = frozenset({".metadata", "meta.pt"})
_KINDS = (
    "Give what torch.save wrote (.ckpt, .pt, .pth, .bin), a .safetensors file, the .index.json of "
    "a sharded one, or the folder of a torch.distributed checkpoint."
)


def is_checkpoint(place: str) -> bool:
    """Whether what a user names is a checkpoint, if anything, and not a record or a run's folder.

    Args:
        place: A path or an fsspec URL.
    """
    try:
        if is_folder(place):
            return bool(_MARKS & names_in(place))
    except (CheckpointError, RecordError):
        return False
    return last_part(place) != LAYOUT.manifest


def open_checkpoint(place: str) -> CheckpointContents:
    """Opens a checkpoint: what is in it by name, shape and dtype. Nothing of it is run.

    Args:
        place: A file or a folder, a path or an fsspec URL.

    Raises:
        CheckpointError: If there is none, or none that can be read; the message says why.
    """
    if is_folder(place):
        raise CheckpointError(f"{place}: this folder is no checkpoint. {_KINDS}")
    return _open_file(place)


def _open_file(place: str) -> CheckpointContents:
    with open_file(place) as file:
        start = file.read(len(_LEGACY))
    if start.startswith(_ARCHIVE) or start == _LEGACY:
        from modelviz_callbacks.checkpoint.torch_file import read_torch_file

        is_archive = start.startswith(_ARCHIVE)
        return CheckpointContents(place, "torch", read_torch_file(place, is_archive=is_archive))
    if not start:
        raise CheckpointError(f"{place}: this file is empty.")
    if start.startswith(b"\x80"):
        raise CheckpointError(
            f"{place}: this is a pickle, which could run code when it is loaded, so it is not. "
            "Save with torch.save or safetensors."
        )
    raise CheckpointError(f"{place}: {last_part(place)} is no checkpoint. {_KINDS}")
