"""Whether a checkpoint fits, and what does not."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from modelviz_callbacks.checkpoint.contents import CheckpointFormat
from modelviz_callbacks.checkpoint.findings import DtypeDifference, ShapeDifference, StateName
from modelviz_callbacks.checkpoint.likely_renamed import LikelyRenamed
from modelviz_callbacks.checkpoint.renaming import Renaming

AgainstKind = Literal["record", "own record", "model"]


@dataclass(frozen=True)
class CheckpointFit:
    """What `load_state_dict(strict=True)` would say of a checkpoint, and what to do about it.

    Attributes:
        checkpoint: The checkpoint, a path or an fsspec URL.
        format: What wrote it.
        key: Where in it the state dict is, like `"state_dict"`; `"."` is the checkpoint itself.
        against: What it was compared with: a record's folder, or a model's class.
        against_kind: `"record"`, `"own record"` (the one that the checkpoint names) or `"model"`.
        missing: Names that are expected, and not in the checkpoint.
        unexpected: Names that are in the checkpoint, and not expected.
        shapes: Tensors of another shape than expected.
        dtypes: Tensors of another dtype than expected. Loading casts them, so they hinder nothing.
        problems: What else would keep it from being loaded, in words.
        renaming: How to rename the whole state dict, where that helps.
        renamed: What is likely the same under two names.
        fingerprints_differ: Which fingerprints of the checkpoint's own architecture are others
            than the record's.
        tensors: How many tensors the state dict has.
        values: How many values they have together.
        expected_tensors: How many tensors are expected.
        expected_values: How many values they have together.
        notes: What a reader should know, in words.
    """

    checkpoint: str
    format: CheckpointFormat
    key: str
    against: str
    against_kind: AgainstKind
    missing: tuple[StateName, ...]
    unexpected: tuple[StateName, ...]
    shapes: tuple[ShapeDifference, ...]
    dtypes: tuple[DtypeDifference, ...]
    problems: tuple[str, ...]
    renaming: Renaming | None
    renamed: tuple[LikelyRenamed, ...]
    fingerprints_differ: tuple[str, ...]
    tensors: int
    values: int
    expected_tensors: int
    expected_values: int
    notes: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether it could be loaded as it is."""
        return not (self.missing or self.unexpected or self.shapes or self.problems)

    def to_json(self) -> dict[str, Any]:
        """Gives what `modelviz check --json` prints.

        Returns:
            The attributes by their names, and `fits`; a name with its `shape` and `dtype`, a
            difference with what is in the `checkpoint` and what is `expected`; null for what is
            not there.
        """
        return {"fits": self.fits, **asdict(self)}
