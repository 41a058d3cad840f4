"""Every option of the integrations, validated once."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from modelviz_callbacks.errors import SettingsError

VISUALIZERS = ("repr", "torchinfo", "torchview", "torchviz", "architecture")
FORMATS = ("svg", "png")
ON_ERROR = ("warn", "raise")


@dataclass(frozen=True)
class Settings:
    """What to record, and how.

    Attributes:
        depth: How many levels of modules the summary and the diagram show; at least 0.
        visualizers: Which ways of showing the model are run, of `VISUALIZERS`.
        target: Path of the module to record, like `"net.encoder"`; by default the modules
            that the training step calls itself.
        input_fn: Makes the recorded call's arguments from the first batch (Lightning) or from
            the first call's arguments (plain loop): a tuple is taken as positional arguments,
            a dict as keyword arguments, anything else as the only argument.
        formats: Which pictures are drawn, of `FORMATS`; with none, the DOT sources alone are
            kept.
        draw_timeout_s: Seconds that one picture may take, and the longest wait for pictures
            when the training ends.
        on_error: `"warn"` turns a failure of ours into a warning; `"raise"` lets it stop the
            training, for tests and debugging.

    Raises:
        SettingsError: If an option has a value that is not allowed.
    """

    depth: int = 3
    visualizers: Sequence[str] = VISUALIZERS
    target: str | None = None
    input_fn: Callable[..., Any] | None = None
    formats: Sequence[str] = FORMATS
    draw_timeout_s: float = 60.0
    on_error: str = "warn"

    def __post_init__(self) -> None:
        _check_depth(self.depth)
        _check_timeout(self.draw_timeout_s)
        object.__setattr__(
            self, "visualizers", _names("visualizers", self.visualizers, VISUALIZERS)
        )
        object.__setattr__(self, "formats", _names("formats", self.formats, FORMATS))
        if self.on_error not in ON_ERROR:
            raise SettingsError(f"on_error={self.on_error!r}: allowed are {_listed(ON_ERROR)}.")
        if self.target is not None and not isinstance(self.target, str):
            raise SettingsError(f"target={self.target!r}: give a module path like 'net.encoder'.")
        if self.input_fn is not None and not callable(self.input_fn):
            raise SettingsError(f"input_fn={self.input_fn!r}: give a function.")


def _check_depth(depth: object) -> None:
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 0:
        raise SettingsError(f"depth={depth!r}: give a whole number of at least 0.")


def _check_timeout(timeout_s: object) -> None:
    is_number = isinstance(timeout_s, (int, float)) and not isinstance(timeout_s, bool)
    if not is_number or not math.isfinite(timeout_s) or timeout_s <= 0:  # type: ignore[arg-type,operator]
        raise SettingsError(f"draw_timeout_s={timeout_s!r}: give a number of seconds above 0.")


def _names(option: str, given: object, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SettingsError(f"{option}={given!r}: give a tuple of names, of {_listed(allowed)}.")
    names = tuple(given)
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise SettingsError(f"{option}={names!r}: {unknown[0]!r} is not one of {_listed(allowed)}.")
    return tuple(name for name in allowed if name in names)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)
