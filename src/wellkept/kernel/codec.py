"""Kernel values to plain JSON values and back, by their type annotations.

Dataclasses become objects, datetimes ISO 8601 strings, enums their values, tuples lists. JSON has no number for what
is not finite, so these travel as the strings ``NaN``, ``Infinity`` and ``-Infinity``, as in protobuf's JSON.
``decode(type(x), encode(x)) == x`` holds for every kernel value; a test proves it.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from wellkept.kernel.errors import InputError

T = TypeVar("T")

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_PLAIN = frozenset({str, int, bool, type(None)})
_SCALARS: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "must be a string"),
    bool: ((bool,), "must be true or false"),
    int: ((int,), "must be a whole number"),
    float: ((float, int), "must be a number"),
    timedelta: ((float, int), "must be a number of seconds"),
    datetime: ((str,), "must be a moment in ISO 8601"),
}
"""What JSON value each plain type is read from, and the rule in words."""

_READ: dict[Any, Callable[[Any], Any]] = {
    float: float,
    datetime: datetime.fromisoformat,
    timedelta: lambda seconds: timedelta(seconds=seconds),
}


def encode(value: object) -> Any:
    """A plain JSON value for ``value``."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    names = _names(kind)
    if names is not None:
        return {name: encode(getattr(value, name)) for name in names}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [encode(item) for item in value]
        return sorted(items) if isinstance(value, set | frozenset) else items
    return value


@functools.cache
def _names(kind: type) -> tuple[str, ...] | None:
    """The names of a dataclass's fields; None for any other type."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def decode(kind: type[T], value: Any) -> T:
    """The value of type ``kind`` that ``encode`` turned into ``value``. Fields that nobody knows are passed over.

    Raises:
        InputError: a field is missing or has the wrong shape; names its path, the rule and the value.
    """
    return typing.cast("T", _decode(kind, value, kind.__name__))


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is not None:
        return _decode_generic(kind, origin, value, where)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(typing.cast("type", kind), value, where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _decode_enum(kind, value, where)
    return _decode_scalar(kind, value, where) if kind in _SCALARS else value


def _decode_scalar(kind: Any, value: Any, where: str) -> Any:
    accepted, rule = _SCALARS[kind]
    if kind is float and isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    is_wanted = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    if not is_wanted:
        raise InputError(where, rule, value)
    try:
        return _READ.get(kind, lambda it: it)(value)
    except (ValueError, OverflowError) as error:
        raise InputError(where, rule, value) from error


def _decode_enum(kind: type[enum.Enum], value: Any, where: str) -> enum.Enum:
    try:
        return kind(value)
    except ValueError as error:
        allowed = ", ".join(str(member.value) for member in kind)
        raise InputError(where, f"must be one of {allowed}", value) from error


def _decode_generic(kind: Any, origin: Any, value: Any, where: str) -> Any:
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        options = [option for option in arguments if option is not type(None)]
        return _decode(_pick(options, value), value, where)
    if origin in (tuple, frozenset, set, list):
        return origin(_decode_items(origin, arguments, value, where))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise InputError(where, "must be an object", value)
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    return value


def _decode_items(origin: Any, arguments: tuple[Any, ...], value: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise InputError(where, "must be a list", value)
    if origin is not tuple or arguments[1:] == (Ellipsis,):
        arguments = arguments[:1] * len(value)
    if len(arguments) != len(value):
        raise InputError(where, f"must have {len(arguments)} items", value)
    pairs = enumerate(zip(arguments, value, strict=True))
    return [_decode(kind, item, f"{where}.{index}") for index, (kind, item) in pairs]


def _pick(options: list[Any], value: Any) -> Any:
    """The option of a union that fits: dataclasses are told apart by their field names."""
    if isinstance(value, dict):
        for option in options:
            if dataclasses.is_dataclass(option) and value.keys() == {f.name for f in dataclasses.fields(option)}:
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
        if f.name not in value and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise InputError(f"{where}.{missing[0]}", "is required")
    known = {f.name for f in fields}
    return kind(
        **{name: _decode(hints[name], item, f"{where}.{name}") for name, item in value.items() if name in known}
    )


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
