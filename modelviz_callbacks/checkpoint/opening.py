"""Opening a checkpoint of any kind, by what is there."""

import contextlib

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.locate import names_in
from modelviz_callbacks.archive.places import last_part
from modelviz_callbacks.checkpoint.contents import Branch, CheckpointContents, CheckpointFormat
from modelviz_callbacks.checkpoint.distributed_folder import METADATA, read_distributed
from modelviz_callbacks.checkpoint.files import in_folder, is_folder
from modelviz_callbacks.checkpoint.safetensors_file import read_safetensors
from modelviz_callbacks.checkpoint.sharded_index import read_sharded
from modelviz_callbacks.checkpoint.torch_file import KINDS, read_torch_file
from modelviz_callbacks.errors import CheckpointError, RecordError

# What Lightning keeps beside a model that is saved in shards.
_LIGHTNING = "meta.pt"
_INDEX = ".index.json"
_TORCH_INDEX = ".bin.index.json"
_SAFETENSORS = ".safetensors"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# Where Lightning puts a run's.
_CHECKPOINTS = "checkpoints"
_MOST_NAMED = 8


def is_checkpoint(place: str) -> bool:
    """Whether what a user names is a checkpoint, if anything, and not a record or a run's folder.

    Args:
        place: A path or an fsspec URL.
    """
    try:
        if is_folder(place):
            return METADATA in names_in(place)
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
    if not is_folder(place):
        return _open_file(place)
    try:
        names = names_in(place)
    except RecordError as e:
        raise CheckpointError(str(e)) from e
    if METADATA in names:
        return _open_distributed(place, with_lightning=_LIGHTNING in names)
    return _open_file(in_folder(place, _weights_among(place, sorted(names))))


def _open_distributed(folder: str, *, with_lightning: bool) -> CheckpointContents:
    tree = read_distributed(folder)
    if with_lightning:
        beside = read_torch_file(in_folder(folder, _LIGHTNING))
        tree = Branch({**beside.entries, **tree.entries})
    return CheckpointContents(folder, "torch.distributed", tree)


def _weights_among(folder: str, names: list[str]) -> str:
    """Chooses the file in a folder that holds the weights, or tells of which others it holds."""
    weights = [n for n in names if n.endswith((_SAFETENSORS, ".bin", ".ckpt", ".pt", ".pth"))]
    for candidates in (
        [name for name in names if name.endswith(_SAFETENSORS + _INDEX)],
        [name for name in names if name.endswith(_INDEX)],
        [name for name in _WEIGHTS if name in names][:1],
        [name for name in names if name.endswith(_SAFETENSORS)],
        weights,
    ):
        if len(candidates) == 1:
            return candidates[0]
    if "zero_to_fp32.py" in names:
        raise CheckpointError(
            f"{folder}: this is a folder of DeepSpeed's, in which each rank's part is pickled. "
            "Run the zero_to_fp32.py in it, and give the file that it writes."
        )
    if weights:
        raise CheckpointError(
            f"{folder}: there are several checkpoints here: {_listed(weights)}. Give one."
        )
    if _CHECKPOINTS in names:
        inner = in_folder(folder, _CHECKPOINTS)
        with contextlib.suppress(RecordError):
            held = [in_folder(inner, name) for name in sorted(names_in(inner))]
            if held:
                raise CheckpointError(
                    f"{folder}: this is a run's folder. Give one of its checkpoints: "
                    f"{_listed(held)}."
                )
    raise CheckpointError(f"{folder}: there is no checkpoint in this folder. {KINDS}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", …" if names[_MOST_NAMED:] else "")


def _open_file(place: str) -> CheckpointContents:
    if place.endswith(_INDEX):
        kind: CheckpointFormat = "torch" if place.endswith(_TORCH_INDEX) else "safetensors"
        return CheckpointContents(place, kind, read_sharded(place))
    if place.endswith(_SAFETENSORS):
        return CheckpointContents(place, "safetensors", read_safetensors(place))
    return CheckpointContents(place, "torch", read_torch_file(place))
