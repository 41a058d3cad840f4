"""Where a step stopped: the innermost node in which its exception was first seen."""

from dataclasses import dataclass

from modelviz_callbacks.graph.model import TensorSpec
from modelviz_callbacks.watch.draft import Draft

# An exception by identity and class: kept itself, it would keep the tensors of all its frames.
_Raised = tuple[int, type[BaseException]]
_MOST_CAUSES = 20


@dataclass(frozen=True)
class Stop:
    """A place where an exception was seen.

    Attributes:
        draft: The node that was running.
        operation: The operation that raised, or None where other code did.
        inputs: The tensors that met there.
    """

    draft: Draft
    operation: str | None
    inputs: tuple[TensorSpec, ...]


class Stops:
    """Remembers where the latest exception was first seen; whether it ends the step shows later."""

    def __init__(self) -> None:
        """Has seen no exception."""
        self._first: tuple[_Raised, Stop] | None = None

    def note(self, error: BaseException, stop: Stop) -> None:
        """Notes an exception, unless it was seen further inside already."""
        # What surrounds the innermost node sees the same exception, or one made of it, later.
        if self._first is not None:
            raised, first = self._first
            if _led_to(raised, error) and first.draft.is_within(stop.draft):
                return
        self._first = (_identity(error), stop)

    def forget_within(self, call: Draft) -> None:
        """Forgets an exception that was seen in a call which has gone on to its end."""
        if self._first is not None and self._first[1].draft.is_within(call):
            self._first = None

    def of(self, error: BaseException) -> Stop | None:
        """Gives where an exception, or one that led to it, was first seen."""
        if self._first is None or not _led_to(self._first[0], error):
            return None
        return self._first[1]


def _identity(error: BaseException) -> _Raised:
    return id(error), type(error)


def _led_to(first: _Raised, error: BaseException) -> bool:
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return False
        if _identity(cause) == first:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
