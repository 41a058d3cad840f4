"""Text from anybody's file, made fit for a line on any screen."""

# A configuration may be a page.
_MOST_CHARACTERS = 80


def plain(text: str) -> str:
    """Makes a text one short line without anything in it that cannot be seen."""
    shown = in_one_line(text)
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[: _MOST_CHARACTERS - 1]}…"


def in_one_line(text: str) -> str:
    """Makes a text one line, however long, without anything in it that cannot be seen."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())


def first_of(things: list[str], most: int, separator: str = ", ") -> str:
    """Names the first things and counts the rest."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return separator.join(things[:most]) + more


def many(count: int, thing: str) -> str:
    """Counts things: `"1 module"`, `"2 modules"`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def named(path: str) -> str:
    """Names a module by its path."""
    return plain(path) if path else "the model itself"


def last_part(name: str) -> str:
    """Gives a class's name without its module."""
    return name.rpartition(".")[2]
