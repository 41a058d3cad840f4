"""See the architecture that really trained: records made from the first real training step.

    from modelviz_callbacks import ModelVizCallback

    Trainer(callbacks=[ModelVizCallback(depth=2)])

Importing this package imports neither torch nor Lightning nor TensorBoard; each public name
brings what it needs when it is first asked for.

PYTEST_DONT_REWRITE: pytest would warn a process that has imported this package before it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelviz_callbacks.checkpoint.check import check_checkpoint
    from modelviz_callbacks.checkpoint.fit import CheckpointFit
    from modelviz_callbacks.errors import (
        CheckpointError,
        ModelVizError,
        ModelVizWarning,
        RecordError,
        SettingsError,
    )
    from modelviz_callbacks.functional import record_architecture
    from modelviz_callbacks.hook import ModelVizHook
    from modelviz_callbacks.lightning import ModelVizCallback
    from modelviz_callbacks.records import diff_records, find_records, load_record
    from modelviz_callbacks.testing import assert_architecture_unchanged

_HOMES = {
    "CheckpointError": "errors",
    "CheckpointFit": "checkpoint.fit",
    "ModelVizCallback": "lightning",
    "ModelVizError": "errors",
    "ModelVizHook": "hook",
    "ModelVizWarning": "errors",
    "RecordError": "errors",
    "SettingsError": "errors",
    "assert_architecture_unchanged": "testing",
    "check_checkpoint": "checkpoint.check",
    "diff_records": "records",
    "find_records": "records",
    "load_record": "records",
    "record_architecture": "functional",
}

__all__ = [
    "CheckpointError",
    "CheckpointFit",
    "ModelVizCallback",
    "ModelVizError",
    "ModelVizHook",
    "ModelVizWarning",
    "RecordError",
    "SettingsError",
    "assert_architecture_unchanged",
    "check_checkpoint",
    "diff_records",
    "find_records",
    "load_record",
    "record_architecture",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
