"""`print(model)`: the floor of every record, since it never runs the model."""

from torch import nn

from modelviz_callbacks.visualizers.base import Text

NAME = "repr"
ARTIFACT = "modules"


def show_modules(model: nn.Module) -> Text:
    """Gives what `print(model)` prints.

    Args:
        model: Any module.

    Returns:
        The module tree.
    """
    content = repr(model)
    if not isinstance(content, str):
        raise TypeError(f"repr(model) gave {type(content).__name__}, not text")
    return Text(content + "\n")
