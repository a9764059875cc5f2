"""Values of bound parameters in the text form in which the engine parses them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from wellkept.kernel.errors import InputError

Parameters = Mapping[str, object]

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b"})


def bind(parameters: Parameters | None) -> dict[str, str]:
    """Every value as text: texts, numbers, None, moments, and lists of these.

    Raises:
        InputError: a text that is not valid Unicode (half of a surrogate pair), which no store can hold.
        TypeError: a value of another kind.
    """
    return {name: _text(name, value) for name, value in (parameters or {}).items()}


def _text(name: str, value: object) -> str:
    match value:
        case None:
            return "\\N"
        case str():
            return _valid(name, value).translate(_ESCAPES)
        case list() | tuple():
            return _list(name, value)
        case _:
            return _plain(name, value)


def _list(name: str, values: list[object] | tuple[object, ...]) -> str:
    return f"[{','.join(_item(name, value) for value in values)}]"


def _item(name: str, value: object) -> str:
    match value:
        case None:
            return "NULL"
        case str():
            return "'" + _valid(name, value).replace("\\", "\\\\").replace("'", "\\'") + "'"
        case list() | tuple():
            return _list(name, value)
        case datetime():
            return f"'{_moment(value)}'"
        case _:
            return _plain(name, value)


def _plain(name: str, value: object) -> str:
    match value:
        case bool():
            return "1" if value else "0"
        case int() | float():
            return str(value)
        case datetime():
            return _moment(value)
        case _:
            raise TypeError(f"parameter {name}: cannot bind a {type(value).__name__}")


def _moment(value: datetime) -> str:
    """The moment in UTC, which is the zone of every column and parameter of ours."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _valid(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"parameter {name}", "must be valid Unicode", text) from error
    return text
