"""Kernel values to plain JSON values and back, by their type annotations.

Dataclasses become objects, datetimes ISO 8601 strings, enums their values, tuples lists.
``decode(type(x), encode(x)) == x`` holds for every kernel value; a test proves it.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from wellkept.kernel.errors import InputError

T = TypeVar("T")


def encode(value: object) -> Any:
    """A plain JSON value for ``value``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [encode(item) for item in value]
        return sorted(items) if isinstance(value, set | frozenset) else items
    return value


def decode(kind: type[T], value: Any) -> T:
    """The value of type ``kind`` that ``encode`` turned into ``value``.

    Raises:
        InputError: a field is missing or has the wrong shape.
    """
    return typing.cast("T", _decode(kind, value, kind.__name__))


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is not None:
        return _decode_generic(kind, origin, value, where)
    if kind is Any or kind is object or kind is None:
        return value
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(typing.cast("type", kind), value, where)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is timedelta:
        return timedelta(seconds=value)
    if kind is float and isinstance(value, int):
        return float(value)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value)
    return value


def _decode_generic(kind: Any, origin: Any, value: Any, where: str) -> Any:
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        options = [option for option in arguments if option is not type(None)]
        return _decode(_pick(options, value), value, where)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_decode(arguments[0], item, where) for item in value)
        return tuple(_decode(option, item, where) for option, item in zip(arguments, value, strict=True))
    if origin in (frozenset, set):
        return origin(_decode(arguments[0], item, where) for item in value)
    if origin is list:
        return [_decode(arguments[0], item, where) for item in value]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    return value


def _pick(options: list[Any], value: Any) -> Any:
    """The option of a union that fits: dataclasses are told apart by their field names."""
    if isinstance(value, dict):
        for option in options:
            if dataclasses.is_dataclass(option) and value.keys() == {
                f.name for f in dataclasses.fields(option)
            }:
                return option
    for option in options:
        if isinstance(option, type) and type(value) is option:
            return option
    return options[0]


def _decode_dataclass(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise InputError(where, "must be an object", value)
    hints = _hints(kind)
    fields = dataclasses.fields(kind)
    missing = [
        f.name
        for f in fields
        if f.name not in value
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise InputError(f"{where}.{missing[0]}", "is required")
    known = {f.name for f in fields}
    return kind(
        **{
            name: _decode(hints[name], item, f"{where}.{name}")
            for name, item in value.items()
            if name in known
        }
    )


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
