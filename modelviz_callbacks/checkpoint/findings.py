"""What a checkpoint has, beside what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelviz_callbacks.checkpoint.contents import StoredTensor


@dataclass(frozen=True)
class StateName:
    """A name that only one of both sides has.

    Attributes:
        name: Like `"net.fc.weight"`.
        shape: Its sizes; None of what is no tensor, or has no sizes yet.
        dtype: Like `"float32"`; None of what is no tensor.
    """

    name: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class ShapeDifference:
    """A tensor of another shape than expected, or none where one is expected.

    Attributes:
        name: Like `"net.fc.weight"`.
        checkpoint: Its sizes in the checkpoint; None of what has none there.
        expected: The sizes that are expected.
    """

    name: str
    checkpoint: tuple[int, ...] | None
    expected: tuple[int, ...]


@dataclass(frozen=True)
class DtypeDifference:
    """A tensor of another dtype than expected; loading casts it.

    Attributes:
        name: Like `"net.fc.weight"`.
        checkpoint: Like `"float16"`.
        expected: Like `"float32"`.
    """

    name: str
    checkpoint: str
    expected: str


@dataclass(frozen=True)
class Expected:
    """What a state dict should hold.

    Attributes:
        tensors: By name; without a shape where any will do.
        optional: The names of those that may as well not be there.
        counters: Of those that torch makes itself where the state dict is older than they are,
            by name the path of their module.
        left_out: The names of buffers that are not persistent.
        open_to: The beginnings of names under which anything may be.
        compiled: The paths of modules that may stand in a compiler's wrapper.
    """

    tensors: Mapping[str, StoredTensor]
    optional: frozenset[str] = frozenset()
    counters: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    open_to: tuple[str, ...] = ()
    compiled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Findings:
    """What differs between a state dict and what is expected of it.

    Attributes:
        missing: Expected, but not in the checkpoint.
        unexpected: In the checkpoint, but not expected.
        shapes: Of another shape.
        dtypes: Of another dtype, which hinders nothing.
        problems: What else would keep it from being loaded, in words.
        notes: What a reader should know, in words.
    """

    missing: tuple[StateName, ...] = ()
    unexpected: tuple[StateName, ...] = ()
    shapes: tuple[ShapeDifference, ...] = ()
    dtypes: tuple[DtypeDifference, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether nothing hinders the loading."""
        return not (self.missing or self.unexpected or self.shapes or self.problems)
