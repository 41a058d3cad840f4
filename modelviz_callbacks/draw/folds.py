"""Which sequences of equal blocks are drawn once in the libraries' pictures."""

from modelviz_callbacks.graph.runs import Run

_PAIR = 2


def is_telling(run: Run) -> bool:
    """Whether a sequence is drawn once.

    The libraries tell little of each box, and so two neighbours often look like the next two.
    """
    return run.period == 1 or run.count > _PAIR


def never(_: Run) -> bool:
    """Draws every box."""
    return False
