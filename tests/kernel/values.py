"""Kernel values for property tests, built from their own type annotations, so that a new field is covered at once."""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import pkgutil
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from wellkept import kernel
from wellkept.kernel.errors import Problem
from wellkept.kernel.grouping import GroupRule, Require
from wellkept.kernel.matching import OPERATORS, Matcher
from wellkept.kernel.noise import Maintenance, Silence
from wellkept.kernel.schedule import DAYS, Schedule

MODULES = [
    importlib.import_module(f"{kernel.__name__}.{found.name}") for found in pkgutil.iter_modules(kernel.__path__)
]

DATACLASSES: list[type[Any]] = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value is not Problem
    },
    key=lambda kind: kind.__name__,
)
"""Every dataclass of the kernel. A problem's value may be anything at all, so it travels one way only."""

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=8))])
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001
TEXTS = st.text(max_size=12)
NUMBERS = st.floats(allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**53), 2**53),
    float: NUMBERS,
    bool: st.booleans(),
    datetime: MOMENTS,
    Any: JSON,
}

NAMES = st.text("abc-_.7é", min_size=1, max_size=12)
SAID = TEXTS.filter(str.strip)
MATCHERS = st.builds(Matcher, name=NAMES, operator=st.sampled_from(OPERATORS), value=TEXTS)
SOME_MATCHERS = st.lists(MATCHERS, min_size=1, max_size=3).map(tuple)
CLOCKS = st.times().map(lambda at: f"{at:%H:%M}")
COUNTS = st.integers(0, 2**53)
SPANS = st.tuples(MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
RULED: dict[Any, dict[str, st.SearchStrategy[Any]]] = {
    Matcher: {"name": NAMES, "operator": st.sampled_from(OPERATORS)},
    Require: {"findings": COUNTS, "kinds": COUNTS, "entities": COUNTS, "share": st.floats(0, 1)},
    Schedule: {
        "begins": CLOCKS,
        "ends": CLOCKS,
        "zone": st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
        "weekdays": st.lists(st.sampled_from(DAYS), max_size=3).map(tuple),
        "monthdays": st.lists(st.integers(1, 31) | st.integers(-31, -1), max_size=3).map(tuple),
        "months": st.lists(st.integers(1, 12), max_size=3).map(tuple),
    },
    GroupRule: {
        "name": NAMES,
        "match": SOME_MATCHERS,
        "by": st.lists(NAMES, max_size=3, unique=True).map(tuple),
        "window_s": st.floats(1, 7 * 86_400),
        "against": st.just(()),
    },
    Silence: {"matchers": SOME_MATCHERS, "by": SAID, "comment": SAID},
    Maintenance: {
        "name": SAID,
        "by": SAID,
        "entities": st.lists(st.builds("{}:{}".format, NAMES, NAMES), min_size=1, max_size=3).map(tuple),
    },
}
"""Fields that a value refuses unless they keep a rule: what they may be."""
SPANNED = {Silence, Maintenance}
"""What ends after it starts."""


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that the kernel uses."""
    return _made(kind)


@functools.cache
def _made(kind: Any) -> st.SearchStrategy[Any]:
    """A strategy takes longer to make than to draw from, and is made once."""
    if kind in SCALARS:
        return SCALARS[kind]
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = {name: values(hints[name]) for name in (field.name for field in dataclasses.fields(kind))}
        fields |= RULED.get(kind, {})
        if kind in SPANNED:
            return SPANS.flatmap(lambda span: _built(kind, fields, *span))
        return st.builds(typing.cast("type[Any]", kind), **fields)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return _generic(typing.get_origin(kind), typing.get_args(kind))


def _built(
    kind: Any, fields: dict[str, st.SearchStrategy[Any]], start: datetime, lasts: timedelta
) -> st.SearchStrategy[Any]:
    return st.builds(kind, **(fields | {"starts_at": st.just(start), "ends_at": st.just(start + lasts)}))


def _generic(origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin is frozenset:
        return st.frozensets(values(arguments[0]), max_size=3)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    return st.one_of(*(st.none() if option is type(None) else values(option) for option in arguments))
