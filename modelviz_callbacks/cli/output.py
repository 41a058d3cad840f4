"""Writing to the terminal: text for people, JSON for scripts, colours on a terminal only."""

import contextlib
import io
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.table.columns import visible
from modelviz_callbacks.table.entries import WIDTH

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> "Console":
    """Gives the terminal; what is printed there is text, whatever brackets are in it.

    It has colours where it is a terminal and `NO_COLOR` is not set, and breaks no lines.
    """
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            """Leaves it to `main`: whoever has seen enough is no reason to fail."""
            raise  # noqa: PLE0704 - what rich has just caught

    return Terminal(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)


def accept_all_characters() -> None:
    """Lets whatever a name holds be printed: escaped, where the terminal's encoding lacks it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def shown(text: object) -> str:
    """Gives a text from a record in one line, with nothing in it that would steer a terminal."""
    return visible(" ".join(str(text).split()))


def table_width() -> int:
    """Gives the places that a line of a table may take: the terminal's, up to the usual width."""
    if not sys.stdout.isatty():
        return WIDTH
    return min(WIDTH, console().width)


def print_lines(text: str) -> None:
    """Prints lines that are made for `table_width`; what a terminal has no room for is cut off."""
    if sys.stdout.isatty():
        console().print(text.rstrip("\n"), no_wrap=True, overflow="ellipsis", soft_wrap=False)
    else:
        sys.stdout.write(text.rstrip("\n") + "\n")


def print_json(content: Any) -> None:
    """Prints plain data for a script."""
    # Escaped to ASCII: a name may hold characters that no encoding has.
    json.dump(content, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_json_array(items: Iterable[Any]) -> None:
    """Prints plain data for a script, an item a line, each as soon as it is there."""
    start = "[\n"
    for item in items:
        sys.stdout.write(start + json.dumps(item, allow_nan=False))
        start = ",\n"
    sys.stdout.write("[]\n" if start == "[\n" else "\n]\n")


def note(text: str) -> None:
    """Tells on stderr what somebody should know who looks at a result."""
    print(f"note: {shown(text)}", file=sys.stderr)


@contextlib.contextmanager
def busy(doing: str) -> Iterator[None]:
    """Shows on a terminal what is being done; nothing where stderr is none."""
    if not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(doing):
        yield
