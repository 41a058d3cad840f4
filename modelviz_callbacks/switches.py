"""Environment variables that switch something on for a whole run; nothing is imported here."""

import os

_OFF = ("", "0", "false", "no", "off")


def is_switched_on(variable: str) -> bool:
    """Whether an environment variable is set to anything that does not say no."""
    return os.environ.get(variable, "").strip().lower() not in _OFF
