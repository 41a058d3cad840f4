"""Stand-ins for classes that weights-only loading refuses: they hold nothing and do nothing.

A custom object among the hyper-parameters of a checkpoint keeps nobody from reading the names and
shapes of its weights. Its class is neither imported nor built.
"""

import warnings
from typing import Any

import torch

from modelviz_callbacks.checkpoint.files import open_file

# Each makes every step of the loading longer; a configuration has a few.
_MOST = 64


class StandIn:
    """Takes the place of an object, whatever it is made of and whatever is put into it."""

    def __new__(cls, *_args: Any, **_named: Any) -> "StandIn":
        """Makes one of any arguments."""
        return object.__new__(cls)

    def __init__(self, *_args: Any, **_named: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass


def is_stand_in(value: Any) -> bool:
    """Whether a value is one, or the class of one."""
    return isinstance(value, StandIn) or (isinstance(value, type) and issubclass(value, StandIn))


def stand_ins_for(place: str) -> list[tuple[type[StandIn], str]]:
    """Makes a stand-in for each class or function that torch would refuse.

    What torch never allows, like anything of `os`, it refuses all the same.

    Args:
        place: What `torch.save` wrote, a path or an fsspec URL.

    Returns:
        What `torch.serialization.safe_globals` takes; nothing where this torch cannot tell, or
        there are too many.
    """
    refused: Any = getattr(torch.serialization, "get_unsafe_globals_in_checkpoint", None)
    if refused is None:  # torch < 2.6
        return []
    try:
        with warnings.catch_warnings(), open_file(place) as file:
            warnings.simplefilter("ignore")
            names = refused(file)
    except Exception:  # noqa: BLE001 - the loading itself has told already what is wrong
        return []
    if len(names) > _MOST:
        return []
    return [(type(name.rpartition(".")[2], (StandIn,), {}), name) for name in names]
