"""Which records are asked for: by class, fingerprint and the run's path."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.errors import SettingsError

_ALGORITHM = "sha256:"
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,64}", re.ASCII)


@dataclass(frozen=True)
class RecordFilter:
    """What a record must be to be given; None lets all pass. Capitals do not matter.

    Attributes:
        class_name: The model's class, or the last parts of it; a pattern with `*`, `?` and `[…]`.
        fingerprint: How a fingerprint of any kind begins, with or without `sha256:`.
        name: A part of the run's path, or a pattern for all of it.
    """

    class_name: str | None = None
    fingerprint: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuses what nothing can match.

        Raises:
            SettingsError: If the fingerprint is none.
        """
        if self.fingerprint is not None and not _HEXADECIMAL.fullmatch(_digits(self.fingerprint)):
            raise SettingsError(
                f"fingerprint={self.fingerprint!r}: give its first hexadecimal digits, "
                'like "1f4c09ab".'
            )

    def takes_run(self, run: str) -> bool:
        """Whether records of a run are asked for, whatever is in them."""
        if self.name is None:
            return True
        run, name = run.lower(), self.name.lower()
        return name in run or fnmatchcase(run, name)

    def takes(self, record: FoundRecord) -> bool:
        """Whether a record of such a run is asked for; one that cannot be read might be."""
        return record.problem is not None or (self._is_class(record) and self._is_hash(record))

    def _is_class(self, record: FoundRecord) -> bool:
        if self.class_name is None:
            return True
        given, pattern = (record.class_name or "").lower(), self.class_name.lower()
        return fnmatchcase(given, pattern) or fnmatchcase(given, f"*.{pattern}")

    def _is_hash(self, record: FoundRecord) -> bool:
        if self.fingerprint is None:
            return True
        digits = _digits(self.fingerprint)
        return any(_digits(value).startswith(digits) for value in record.fingerprints.values())


def _digits(fingerprint: str) -> str:
    return fingerprint.lower().removeprefix(_ALGORITHM)
