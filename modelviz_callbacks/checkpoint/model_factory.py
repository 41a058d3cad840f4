"""Making the model that a user names: `package.module:factory`."""

import contextlib
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from modelviz_callbacks.errors import CheckpointError, one_line

_ALLOWED = (
    'Give "package.module:name", where the name is of a function or class that is called without '
    "arguments and gives a torch.nn.Module, or of such a module."
)


def made_model(model: object) -> nn.Module:
    """Gives the model that is meant.

    Args:
        model: A `torch.nn.Module`, a function or class that gives one, or where one of these is
            to be imported from, like `"package.module:factory"`; from the working directory, too.

    Raises:
        CheckpointError: If there is none, or the user's code fails; the message says why.
    """
    if not isinstance(model, str):
        return _called("model", model)
    # What is printed there is not our result.
    with contextlib.redirect_stdout(sys.stderr), _working_directory_importable():
        return _called(f"model={model!r}", _imported(model))


def _imported(place: str) -> Any:
    module_name, _, name = place.partition(":")
    if not module_name or not name or "/" in module_name:
        raise CheckpointError(f"model={place!r} names no factory. {_ALLOWED}")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as e:  # the module is the user's code
        raise CheckpointError(
            f"model={place!r}: {module_name} cannot be imported ({one_line(e)})."
        ) from e
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=3)
            nearest = f" Nearest names: {', '.join(near)}." if near else ""
            raise CheckpointError(f"model={place!r}: there is no {part!r} there.{nearest}")
        found = getattr(found, part)
    return found


def _called(given: str, found: Any) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise CheckpointError(f"{given} is a {type(found).__name__}. {_ALLOWED}")
    model = _without_values(given, found)
    if not isinstance(model, nn.Module):
        raise CheckpointError(f"{given} gave a {type(model).__name__}. {_ALLOWED}")
    return model


def _without_values(given: str, factory: Callable[[], Any]) -> Any:
    """Calls a factory on the meta device, or as usual where it needs values."""
    # It may draw random numbers, which are not ours to use up.
    with torch.random.fork_rng(devices=[]):
        with contextlib.suppress(Exception), torch.device("meta"):
            return factory()
        try:
            return factory()
        except (Exception, SystemExit) as e:
            raise CheckpointError(f"{given} failed ({one_line(e)}). {_ALLOWED}") from e


@contextlib.contextmanager
def _working_directory_importable() -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as text
    try:
        yield
    finally:
        sys.path[:] = before
