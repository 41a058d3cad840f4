"""Values of options: what is allowed, said when it is not."""

import argparse
import math

PICTURES = ("svg", "pdf", "png")


def depth(text: str) -> int:
    """Reads a depth: how many levels of modules are shown below the root calls."""
    return count(text)


def count(text: str) -> int:
    """Reads how many of something there may be."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 0")
    return int(text)


def positive(text: str) -> int:
    """Reads how many of something there may be, at least one."""
    if (number := count(text)) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return number


def seconds(text: str) -> float:
    """Reads a time limit."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not math.isfinite(value) or value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def pictures(text: str) -> tuple[str, ...]:
    """Reads formats of pictures, like `svg,pdf`."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    for name in names:
        if name not in PICTURES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PICTURES)}")
    return names
