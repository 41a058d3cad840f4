"""What is in a checkpoint, without the values of its tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, Union


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a checkpoint, without its values.

    Attributes:
        shape: Its sizes, whole also where it is sharded; None of a lazy one that has none yet.
        dtype: Like `"float32"`.
    """

    shape: tuple[int, ...] | None
    dtype: str


@dataclass(frozen=True)
class OtherValue:
    """What is no tensor, text or mapping by name.

    Attributes:
        kind: Its class's name.
        refused: Whether weights-only loading does not allow the class, so that nothing but its
            name is known.
    """

    kind: str
    refused: bool = False


@dataclass(frozen=True)
class Branch:
    """A mapping in a checkpoint, like a state dict or the checkpoint as a whole.

    Attributes:
        entries: What it holds, by name.
        layouts: Of a state dict that was saved as PyTorch gave it, what it notes of each module's
            layout, by path, like `{"version": 2}`; None where that was not saved with it.
    """

    entries: Mapping[str, "Content"]
    layouts: Mapping[str, Mapping[str, Any]] | None = None

    def tensors(self) -> dict[str, StoredTensor]:
        """Gives the tensors that it holds itself."""
        return {name: v for name, v in self.entries.items() if isinstance(v, StoredTensor)}


# A recursive alias in quotes could not be joined with others at run time.
Content: TypeAlias = Union["Branch", StoredTensor, OtherValue, str]
CheckpointFormat = Literal["torch", "safetensors", "torch.distributed"]


@dataclass(frozen=True)
class CheckpointContents:
    """A checkpoint that was opened.

    Attributes:
        place: The file or folder, a path or an fsspec URL.
        format: What wrote it.
        tree: What is in it.
    """

    place: str
    format: CheckpointFormat
    tree: Branch = field(repr=False)
