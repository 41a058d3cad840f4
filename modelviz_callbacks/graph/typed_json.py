"""JSON values as dataclasses: each must be what the field's annotation says."""

import dataclasses
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, is_typeddict

Read = Callable[[Any], Any]

# No count of anything is larger, and sums and products of these still become floats.
_MOST_INTEGER = 2**200
# A record's own data is not half as deep; what is deeper would end Python's stack.
_MOST_LEVELS = 32
_MOST_SHOWN = 80


class MisfitError(ValueError):
    """A value is none that its place may hold; the message says where, what, and what should be."""

    def __init__(self, said: str, place: str = "") -> None:
        """Knows of the value; who called the reader adds where it stands."""
        super().__init__(said)
        self.said = said
        self.place = place

    def within(self, place: str) -> "MisfitError":
        """Gives the error as seen from the value around."""
        separator = "." if self.place and not self.place.startswith("[") else ""
        return MisfitError(self.said, f"{place}{separator}{self.place}")

    def __str__(self) -> str:
        return f"{self.place or 'it'} {self.said}"


def misfit(value: object, expected: str) -> MisfitError:
    """Makes the error of a value that is not what is expected, like `"a text"`."""
    return MisfitError(f"is {repr(value)[:_MOST_SHOWN]}, and should be {expected}")


def reader_of(kind: Any, keys: Mapping[str, str] | None = None) -> Read:
    """Makes a reader of JSON values.

    Args:
        kind: What they become: a dataclass, or the annotation of one of its fields. Lists become
            tuples where the annotation says so. What a later version added to an object is passed
            over; what has a default may be missing. Of a `TypedDict` anything may be missing, and
            it stays an object with all that is in it.
        keys: The keys of dataclasses' fields in JSON where they differ, by the field's name.

    Returns:
        A function that reads a value; it raises `MisfitError`.
    """
    if dataclasses.is_dataclass(kind):
        return _entry_reader(kind, keys or {})
    if is_typeddict(kind):
        inner = {key: reader_of(value) for key, value in kind.__annotations__.items()}
        return _object_reader(lambda key: inner.get(key, read_plain))
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin is Literal:
        return _one_of(args)
    inside = [reader_of(arg, keys) for arg in args if arg not in {NoneType, ...}]
    return _MADE_OF[origin](*inside) if inside else _PLAIN[origin]


def read_plain(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """Reads what may be anything, but not deeper than records' data is."""
    if isinstance(value, dict | list):
        if not levels:
            raise MisfitError(f"is nested more than {_MOST_LEVELS} levels deep")
        inner = value.values() if isinstance(value, dict) else value
        for item in inner:
            read_plain(item, levels - 1)
    elif value.__class__ is int:
        _integer(value)
    return value


def _text(value: Any) -> Any:
    if value.__class__ is not str:
        raise misfit(value, "a text")
    return value


def _boolean(value: Any) -> Any:
    if value.__class__ is not bool:
        raise misfit(value, "true or false")
    return value


def _integer(value: Any) -> Any:
    # A bool is an int to isinstance().
    if value.__class__ is not int or not -_MOST_INTEGER < value < _MOST_INTEGER:
        raise misfit(value, "an integer")
    return value


def _number(value: Any) -> Any:
    return value if value.__class__ is float else _integer(value)


_PLAIN: Mapping[Any, Read] = {
    Any: read_plain,
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _number,
}


def _optional(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _one_of(allowed: tuple[str, ...]) -> Read:
    def read(value: Any) -> Any:
        if value not in allowed:
            raise misfit(value, f"one of {', '.join(map(repr, allowed))}")
        return value

    return read


def _list_reader(read: Read) -> Read:
    def read_list(value: Any) -> Any:
        if value.__class__ is not list:
            raise misfit(value, "a list")
        made: list[Any] = []
        try:
            for item in value:
                made.append(read(item))  # noqa: PERF401 - its length tells where an error is
        except MisfitError as e:
            raise e.within(f"[{len(made)}]") from None
        return tuple(made)

    return read_list


def _mutable_list_reader(read: Read) -> Read:
    read_list = _list_reader(read)
    return lambda value: list(read_list(value))


def _object_reader(reader: Callable[[str], Read]) -> Read:
    def read_object(value: Any) -> Any:
        if value.__class__ is not dict:
            raise misfit(value, "an object")
        for key, item in value.items():
            try:
                reader(key)(item)
            except MisfitError as e:
                raise e.within(f"[{repr(key)[:_MOST_SHOWN]}]") from None
        return value

    return read_object


def _entry_reader(kind: Any, keys: Mapping[str, str]) -> Read:
    known = [
        (field.name, keys.get(field.name, field.name), reader_of(field.type, keys))
        for field in dataclasses.fields(kind)
    ]

    def read_entry(value: Any) -> Any:
        if value.__class__ is not dict:
            raise misfit(value, "an object")
        values = {}
        key = ""
        try:
            for name, key, read in known:
                if key in value:
                    values[name] = read(value[key])
            return kind(**values)
        except MisfitError as e:
            raise e.within(key) from None
        except TypeError:
            raise MisfitError(f"has no {_missing(kind, values, keys)!r}") from None

    return read_entry


def _missing(kind: Any, values: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    return next(
        keys.get(field.name, field.name)
        for field in dataclasses.fields(kind)
        if field.name not in values
        and field.default is field.default_factory is dataclasses.MISSING
    )


_MADE_OF: Mapping[Any, Callable[..., Read]] = {
    UnionType: _optional,
    tuple: _list_reader,
    list: _mutable_list_reader,
    dict: lambda _, read: _object_reader(lambda _: read),
}
