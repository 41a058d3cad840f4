"""The errors and the warning of this package."""

import logging
import warnings

_LOG = logging.getLogger("modelviz_callbacks")


class ModelVizError(Exception):
    """Base of every error that this package raises itself."""


class SettingsError(ModelVizError, ValueError):
    """An option has a value that cannot work; the message says what is allowed."""


class NotApplicableError(ModelVizError):
    """A visualizer has nothing to show here; the record calls it skipped, with this reason."""


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
