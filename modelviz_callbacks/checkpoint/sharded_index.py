"""Reading a checkpoint that is spread over several files, as Hugging Face's libraries do it."""

from typing import Any

from modelviz_callbacks.archive.places import holder, last_part
from modelviz_callbacks.checkpoint.contents import Branch, Content
from modelviz_callbacks.checkpoint.files import in_folder, json_object, open_file
from modelviz_callbacks.checkpoint.limits import MOST_DESCRIPTION_BYTES, quoted
from modelviz_callbacks.checkpoint.safetensors_file import read_safetensors
from modelviz_callbacks.checkpoint.torch_file import read_torch_file
from modelviz_callbacks.errors import CheckpointError

_MOST_SHARDS = 10_000


def read_sharded(place: str) -> Branch:
    """Reads the tensors that an index lists, from the files beside it.

    Args:
        place: The index, like `model.safetensors.index.json`; a path or an fsspec URL.

    Raises:
        CheckpointError: If it is none, or a file does not hold what the index says.
    """
    shards = _shards(place)
    folder = holder(place)
    entries: dict[str, Content] = {}
    for shard, names in shards.items():
        held = _read_shard(in_folder(folder, shard)).entries
        missing = next((name for name in names if name not in held), None)
        if missing is not None:
            raise CheckpointError(
                f"{place}: {quoted(missing)} is not in {shard}, as the index says."
            )
        entries |= {name: held[name] for name in names}
    return Branch(entries)


def _shards(place: str) -> dict[str, list[str]]:
    """Gives the names of the tensors in each file."""
    with open_file(place) as file:
        content = file.read(MOST_DESCRIPTION_BYTES + 1)
    if len(content) > MOST_DESCRIPTION_BYTES:
        raise CheckpointError(f"{place}: it is longer than {MOST_DESCRIPTION_BYTES:,} bytes.")
    listed: Any = json_object(place, content, "index of a sharded checkpoint").get("weight_map")
    if not isinstance(listed, dict) or not all(isinstance(f, str) for f in listed.values()):
        raise CheckpointError(
            f"{place}: {last_part(place)} is no index of a sharded checkpoint: it has no "
            '"weight_map" from the names of tensors to those of files.'
        )
    shards: dict[str, list[str]] = {}
    for name, file_name in listed.items():
        shards.setdefault(file_name, []).append(name)
    if len(shards) > _MOST_SHARDS:
        raise CheckpointError(f"{place}: it names more than {_MOST_SHARDS:,} files.")
    return shards


def _read_shard(place: str) -> Branch:
    return (read_safetensors if place.endswith(".safetensors") else read_torch_file)(place)
