"""Values that objects of a team's own classes hold, and skops has no form for, as values that it has one for.

These are dicts by tuples, dicts with a default, deques, members of enumerations, complex numbers and frames of pandas.
They are looked for where an own object, or a container in it, holds them; a library's object is left as it is.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pyarrow as pa

KEYS = (str, int)
"""What a key of a dict may be in skops' format."""
PLAIN: tuple[type, ...] = (list, tuple, set, frozenset)


@dataclass
class Stand:
    """Stands for a value: its ``kind``, the class or number that it needs, and what it holds."""

    kind: str
    of: Any
    content: Any


def stood_in(value: Any, own: Collection[str]) -> Any:
    """A copy of a value in which stands are in place of what has no form; ``own`` names the modules of the team.

    Raises:
        RecursionError: it holds itself.
    """
    return _walked(value, own, _stand)


def restored(value: Any, own: Collection[str]) -> Any:
    """The inverse."""
    return _walked(value, own, _value)


def _walked(value: Any, own: Collection[str], turned: Callable[[Any, Callable[[Any], Any]], Any]) -> Any:
    """A value with all that it holds turned, from the outside in."""

    def walk(one: Any) -> Any:
        found = turned(one, walk)
        if found is not None:
            return found
        kind = type(one)
        if kind is dict:
            return {key: walk(held) for key, held in one.items()}
        if kind in PLAIN:
            return kind(walk(held) for held in one)
        if kind.__module__ in own and isinstance(getattr(one, "__dict__", None), dict) and not isinstance(one, type):
            return _of_own_class(one, own, walk)
        return one

    return walk(value)


def _of_own_class(value: Any, own: Collection[str], walk: Callable[[Any], Any]) -> Any:
    """A copy whose attributes are turned; an own class that says itself what is kept is left as it is."""
    mine = [vars(kind) for kind in type(value).__mro__ if kind.__module__ in own]
    if any("__getstate__" in names or "__reduce__" in names for names in mine):
        return value
    found = copy.copy(value)
    found.__dict__.update({name: walk(held) for name, held in vars(value).items()})
    return found


def _stand(value: Any, walk: Callable[[Any], Any]) -> Stand | None:
    kind = type(value)
    if kind in (defaultdict, Counter) or (kind is dict and not all(type(key) in KEYS for key in value)):
        pairs = [[walk(key), walk(held)] for key, held in value.items()]
        return Stand(kind.__name__, getattr(value, "default_factory", None), pairs)
    if kind is deque:
        return Stand("deque", value.maxlen, [walk(held) for held in value])
    if kind is complex:
        return Stand("complex", None, [value.real, value.imag])
    if isinstance(value, Enum):
        return Stand("member", kind, value.name)
    if kind.__module__.partition(".")[0] == "pandas" and kind.__name__ in ("DataFrame", "Series"):
        table = pa.Table.from_pandas(value if kind.__name__ == "DataFrame" else value.to_frame("of the series"))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return Stand(kind.__name__, getattr(value, "name", None), sink.getvalue().to_pybytes())
    return None


def _value(value: Any, walk: Callable[[Any], Any]) -> Any:
    return VALUES[value.kind](value, walk) if isinstance(value, Stand) else None


def _pairs(stand: Stand, walk: Callable[[Any], Any]) -> dict[Any, Any]:
    return {walk(key): walk(held) for key, held in stand.content}


def _frame(stand: Stand) -> Any:
    return pa.ipc.open_stream(stand.content).read_all().to_pandas()


VALUES: Mapping[str, Callable[[Stand, Callable[[Any], Any]], Any]] = {
    "dict": _pairs,
    "Counter": lambda stand, walk: Counter(_pairs(stand, walk)),
    "defaultdict": lambda stand, walk: defaultdict(stand.of, _pairs(stand, walk)),
    "deque": lambda stand, walk: deque(walk(stand.content), stand.of),
    "complex": lambda stand, _: complex(*stand.content),
    "member": lambda stand, _: stand.of[stand.content],
    "DataFrame": lambda stand, _: _frame(stand),
    "Series": lambda stand, _: _frame(stand)["of the series"].rename(stand.of),
}
"""How each kind becomes itself again."""
