"""The errors and the warning of this package."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

_LOG = logging.getLogger("modelviz_callbacks")


class ModelVizError(Exception):
    """Base of every error that this package raises itself."""


class SettingsError(ModelVizError, ValueError):
    """An option has a value that cannot work; the message says what is allowed."""


class NotApplicableError(ModelVizError):
    """A visualizer has nothing to show here; the record calls it skipped, with this reason."""


class RecordError(ModelVizError):
    """A record cannot be read; the message says which and why."""


class CheckpointError(ModelVizError):
    """A checkpoint cannot be read or checked; the message says which, why, and what to do."""


class ReplayRefusedError(NotApplicableError):
    """An extra forward must not go on; what was to be shown by it is skipped, with this reason."""


class ModelVizWarning(UserWarning):
    """Something of ours failed; the training goes on and the record says what is missing."""


def warn(message: str) -> None:
    """Emits one `ModelVizWarning`, or logs it where the user turned warnings into errors.

    Args:
        message: What failed, why, and what to do about it.
    """
    try:
        warnings.warn(message, ModelVizWarning, stacklevel=3)
    except ModelVizWarning:
        # `python -W error` would make our warning stop the training.
        _LOG.warning("%s", message)


@contextlib.contextmanager
def contained(task: str, *, reraise: bool) -> Iterator[None]:
    """Turns what its body raises into a warning.

    Args:
        task: What could not be done then, like `"write the record"`.
        reraise: Lets it out instead, for debugging.
    """
    try:
        yield
    except Exception as error:
        if reraise:
            raise
        warn(f"modelviz-callbacks could not {task}: {one_line(error)}. The training goes on.")


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception is somebody's wish to end the program: Ctrl+C, a signal, `sys.exit`."""
    return not isinstance(error, Exception)


def one_line(error: BaseException) -> str:
    """Gives an exception's type and message in one line, with the first cause's."""
    while error.__cause__ is not None:
        error = error.__cause__
    message = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
