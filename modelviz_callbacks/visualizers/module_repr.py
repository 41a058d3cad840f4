"""`print(model)`: the floor of every record, since it never runs the model."""

from torch import nn

from modelviz_callbacks.visualizers.base import Text
from modelviz_callbacks.watch.local_only import LocalOnly

NAME = "repr"
ARTIFACT = "modules"


def show_modules(model: nn.Module) -> Text:
    """Gives what `print(model)` prints.

    Args:
        model: Any module.

    Returns:
        The module tree.

    Raises:
        NotApplicableError: If a module's text needs other ranks.
    """
    with LocalOnly():
        content = repr(model)
    if not isinstance(content, str):
        raise TypeError(f"repr(model) gave {type(content).__name__}, not text")
    return Text(content + "\n")
