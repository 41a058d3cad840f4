"""Keeping a record in every Lightning run, without a line in anybody's script: opt-in.

Lightning calls what stands under its entry points whenever a Trainer is made, in every process of
whoever has this package installed. So nothing of ours is imported here before it is asked for, and
nothing that goes wrong gets out.
"""

import os
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from modelviz_callbacks.errors import SettingsError, one_line, warn
from modelviz_callbacks.switches import is_switched_on

VARIABLE = "MODELVIZ_EVERY_RUN"

_ON = ("1", "true", "yes", "on")


def every_run(**options: Any) -> list[Any]:
    """Makes the callback that records every run: for the entry points of a team's own package.

    Whoever sets the environment variable `MODELVIZ_EVERY_RUN` has the last word: `0` records
    nothing, `"depth=2 formats=svg"` changes options. The callback steps aside where the Trainer
    has a `ModelVizCallback` already.

    Args:
        **options: Of `depth`, `visualizers`, `formats`, `draw_timeout_s`, as in
            `ModelVizCallback`.

    Returns:
        A list with the callback; an empty one where it is switched off or, after a warning,
        where it cannot be made. Nothing is raised.

    Example:
        In the `pyproject.toml` of a package that the whole team has installed, with
        `def callbacks(): return every_run(depth=2)` in `our_team/lightning.py`:

            [project.entry-points."lightning.pytorch.callbacks_factory"]
            records = "our_team.lightning:callbacks"
    """
    try:
        chosen = os.environ.get(VARIABLE)
        if chosen is not None and not is_switched_on(VARIABLE):
            return []
        return [_callback({**options, **_options(chosen or "1")})]
    except Exception as error:  # noqa: BLE001 - every Trainer of the team would fail
        warn(
            f"modelviz-callbacks records nothing, though this is asked for in every run "
            f"({VARIABLE}={os.environ.get(VARIABLE, '')!r}): {one_line(error)}"
        )
        return []


def every_run_if_asked() -> list[Any]:
    """Makes the callback where the environment variable asks for it: our own entry point."""
    return every_run() if is_switched_on(VARIABLE) else []


def _callback(options: Mapping[str, Any]) -> Any:
    if unknown := options.keys() - _READERS:
        raise SettingsError(f"no option {', '.join(sorted(unknown))}; give {', '.join(_READERS)}")
    from modelviz_callbacks.every_run_callback import EveryRunCallback

    return EveryRunCallback(**options)


def _options(text: str) -> dict[str, Any]:
    """Reads `"1"`, or options like `"depth=2 formats=svg,png"`."""
    if text.strip().lower() in _ON:
        return {}
    options: dict[str, Any] = {}
    for part in shlex.split(text):
        name, sign, value = part.partition("=")
        if not sign or name not in _READERS:
            raise ValueError(
                f"{part!r} is no option; give 1, or {', '.join(_READERS)} like depth=2"
            )
        options[name] = _READERS[name](value)
    return options


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for name in value.split(",") if name)


# Not `target`, `input_fn` and `dirpath`, which are of one model or one run, nor `on_error`, by
# which a variable that somebody forgot could stop a training.
_READERS: dict[str, Callable[[str], Any]] = {
    "depth": int,
    "visualizers": _names,
    "formats": _names,
    "draw_timeout_s": float,
}
