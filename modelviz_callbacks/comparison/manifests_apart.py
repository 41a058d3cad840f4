"""What tells two runs of one architecture apart: their input, and where and how they ran."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.graph.plain_text import plain


@dataclass(frozen=True)
class ValueChange:
    """A value that is another, in the words of the manifests.

    Attributes:
        name: Whose value it is, like `"versions.torch"` or `"x"`.
        old: The value before; None where there was none.
        new: The value now; None where there is none.
    """

    name: str
    old: str | None
    new: str | None


def input_changes(old: Manifest, new: Manifest) -> tuple[ValueChange, ...]:
    """Compares shapes and dtypes of the tensors in the first batches."""
    specs = ({name: _spec(s) for name, s in manifest.input.items()} for manifest in (old, new))
    return tuple(_changes(*specs))


def environment_changes(old: Manifest, new: Manifest) -> tuple[ValueChange, ...]:
    """Compares versions, devices, precision and the like."""
    return tuple(_changes(dict(_flat(old.environment)), dict(_flat(new.environment))))


def unseen_flow(manifest: Manifest) -> str | None:
    """Says why a record does not tell what its first step did, or not to its end."""
    if manifest.status == "failed_step":
        raised = plain(str((manifest.exception or {}).get("type") or "an exception"))
        return f"its first step raised {raised}"
    return "its first step was not seen to the end" if manifest.status == "partial" else None


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[ValueChange]:
    for name in dict.fromkeys((*before, *now)):
        if before.get(name) != now.get(name):
            yield ValueChange(name, before.get(name), now.get(name))


def _spec(spec: Any) -> str:
    if not isinstance(spec, dict):
        return str(spec)
    return f"{spec.get('dtype', 'unknown dtype')} {spec.get('shape', 'of unknown shape')}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Gives nested values by dotted names; one that is null is as good as none."""
    for name, value in values.items():
        if isinstance(value, dict) and not prefix:
            yield from _flat(value, f"{name}.")
        elif value is not None:
            yield f"{prefix}{name}", str(value)
