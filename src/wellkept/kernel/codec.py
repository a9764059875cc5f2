"""Kernel values to plain JSON values and back, by their type annotations.

Dataclasses become objects, datetimes ISO 8601 strings, enums their values, tuples lists. JSON has no number for what
is not finite, so these travel as the strings ``NaN``, ``Infinity`` and ``-Infinity``, as in protobuf's JSON.
``decode(type(x), encode(x)) == x`` holds for every kernel value; a test proves it.

How a type is written and read is worked out once for each: a storm of alerts passes here several times.
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
Convert = Callable[[Any], Any]

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_PLAIN = frozenset({str, int, bool, type(None)})
_SCALARS: dict[Any, tuple[tuple[type, ...], str, Convert]] = {
    str: ((str,), "must be a string", lambda text: text),
    bool: ((bool,), "must be true or false", lambda answer: answer),
    int: ((int,), "must be a whole number", lambda number: number),
    float: ((float, int), "must be a number", float),
    timedelta: ((float, int), "must be a number of seconds", lambda seconds: timedelta(seconds=seconds)),
    datetime: ((str,), "must be a moment in ISO 8601", datetime.fromisoformat),
}
"""What JSON value each plain type is read from, the rule in words, and how it is read."""


class _Misfit(Exception):  # noqa: N818 - it never leaves this file
    """A value that breaks a rule, and its path from where reading began."""

    def __init__(self, rule: str, value: object = None) -> None:
        super().__init__()
        self.rule, self.value, self.path = rule, value, ""

    def at(self, step: object) -> _Misfit:
        """The same, seen from one step further out."""
        self.path = f".{step}{self.path}"
        return self


def encode(value: object) -> Any:
    """A plain JSON value for ``value``."""
    kind: Any = type(value)
    return value if kind in _PLAIN else _writer(kind)(value)


@functools.cache
def _writer(kind: type) -> Convert:
    """How values of exactly this type are written."""
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return lambda value: {name: encode(getattr(value, name)) for name in names}
    for parent, write in _WRITERS:
        if issubclass(kind, parent):
            return write
    return lambda value: value


def _write_number(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


_WRITERS: tuple[tuple[Any, Convert], ...] = (
    (enum.Enum, lambda member: member.value),
    (datetime, datetime.isoformat),
    (timedelta, timedelta.total_seconds),
    (float, _write_number),
    (Mapping, lambda items: {str(key): encode(item) for key, item in items.items()}),
    ((list, tuple), lambda items: [encode(item) for item in items]),
    ((set, frozenset), lambda items: sorted(encode(item) for item in items)),
)
"""How what is no dataclass is written, by the first of these that it is one of."""


def decode(kind: type[T], value: Any) -> T:
    """The value of type ``kind`` that ``encode`` turned into ``value``. Fields that nobody knows are passed over.

    Raises:
        InputError: a field is missing or has the wrong shape; names its path, the rule and the value.
    """
    try:
        return typing.cast("T", _known_reader(typing.cast("Any", kind))(value))
    except _Misfit as misfit:
        raise InputError(f"{kind.__name__}{misfit.path}", misfit.rule, misfit.value) from misfit.__cause__


@functools.cache
def _known_reader(kind: type) -> Convert:
    return _reader(kind)


def _reader(kind: Any) -> Convert:
    """How values of a type are read. What a reader raises is a misfit."""
    origin = typing.get_origin(kind)
    if origin is not None:
        return _reader_of_generic(kind, origin)
    if dataclasses.is_dataclass(kind):
        return functools.partial(_read_dataclass, typing.cast("type", kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return functools.partial(_read_enum, kind)
    if kind in _SCALARS:
        return functools.partial(_read_scalar, kind, *_SCALARS[kind])
    return lambda value: value


def _read_scalar(kind: type, accepted: tuple[type, ...], rule: str, read: Convert, value: Any) -> Any:
    if kind is float and isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
        raise _Misfit(rule, value)
    try:
        return read(value)
    except (ValueError, OverflowError) as error:
        raise _Misfit(rule, value) from error


def _read_enum(kind: type[enum.Enum], value: Any) -> enum.Enum:
    try:
        return kind(value)
    except ValueError as error:
        allowed = ", ".join(str(member.value) for member in kind)
        raise _Misfit(f"must be one of {allowed}", value) from error


def _reader_of_generic(kind: Any, origin: Any) -> Convert:
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        options = [(option, _reader(option)) for option in arguments if option is not type(None)]
        if len(options) == 1:
            only = options[0][1]
            return lambda value: None if value is None else only(value)
        return lambda value: None if value is None else _pick(options, value)(value)
    if origin in (tuple, frozenset, set, list):
        if origin is tuple and arguments[1:] != (Ellipsis,):
            return functools.partial(_read_items, [_reader(argument) for argument in arguments])
        return functools.partial(_read_many, origin, _reader(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return functools.partial(_read_mapping, _reader(arguments[1]))
    return lambda value: value


def _read_items(readers: list[Convert], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _Misfit("must be a list", value)
    if len(readers) != len(value):
        raise _Misfit(f"must have {len(readers)} items", value)
    return tuple(_read_at(index, read, item) for index, (read, item) in enumerate(zip(readers, value, strict=True)))


def _read_many(kind: Convert, read: Convert, value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise _Misfit("must be a list", value)
    return kind(_read_at(index, read, item) for index, item in enumerate(value))


def _read_mapping(read: Convert, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _Misfit("must be an object", value)
    return {key: _read_at(key, read, item) for key, item in value.items()}


def _read_at(step: object, read: Convert, value: Any) -> Any:
    try:
        return read(value)
    except _Misfit as misfit:
        raise misfit.at(step) from misfit.__cause__


def _pick(options: list[tuple[Any, Convert]], value: Any) -> Convert:
    """The reader of the option of a union that fits: dataclasses are told apart by their field names."""
    if isinstance(value, dict):
        for option, read in options:
            if dataclasses.is_dataclass(option) and value.keys() == {f.name for f in dataclasses.fields(option)}:
                return read
    for option, read in options:
        if isinstance(option, type) and type(value) is option:
            return read
    return options[0][1]


def _read_dataclass(kind: type, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _Misfit("must be an object", value)
    readers, required = _fields(kind)
    for name in required:
        if name not in value:
            raise _Misfit("is required").at(name)
    given: dict[str, Any] = {}
    for name, read in readers.items():
        if name in value:
            try:
                given[name] = read(value[name])
            except _Misfit as misfit:
                raise misfit.at(name) from misfit.__cause__
    return kind(**given)


@functools.cache
def _fields(kind: type) -> tuple[Mapping[str, Convert], tuple[str, ...]]:
    """How the fields of a dataclass are read, and which of them have no default."""
    hints, fields = typing.get_type_hints(kind), dataclasses.fields(kind)
    required = tuple(
        f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    )
    return {field.name: _reader(hints[field.name]) for field in fields}, required
