"""Our .proto files read as plain field tables: the one source for what the engine decodes and what JSON may hold.

Only the part of the protobuf language that our own files use is understood.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable

_MESSAGE = re.compile(r"message (\w+) \{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"(optional |repeated |)(\w+) (\w+) = (\d+);(?: // (\w+))?")
_COLUMN_TYPES = {
    "string": "String",
    "bytes": "String",
    "bool": "Bool",
    "int32": "Int32",
    "sint32": "Int32",
    "int64": "Int64",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "fixed32": "UInt32",
    "fixed64": "UInt64",
    "sfixed64": "Int64",
    "double": "Float64",
}
SCALARS = frozenset(_COLUMN_TYPES)
_WHOLE = frozenset({"KeyValue", "AnyValue"})
"""Messages that functions take whole, in every signal alike."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message; ``kind`` is a scalar's name or the name of another message.

    ``holds`` names the message that a field of bytes really is. A column cannot be recursive, so the engine sees a
    value inside a value as bytes.
    """

    name: str
    kind: str
    number: int
    is_repeated: bool
    is_optional: bool
    holds: str = ""


Messages = dict[str, tuple[Field, ...]]


@functools.cache
def messages(signal: str) -> Messages:
    """The messages of ``<signal>.proto``, by their names."""
    text = _file(signal).read_text(encoding="utf-8")
    return {
        name: tuple(
            Field(field, kind, int(number), label == "repeated ", label == "optional ", holds)
            for label, kind, field, number, holds in _FIELD.findall(body)
        )
        for name, body in _MESSAGE.findall(text)
    }


def root(signal: str) -> str:
    """The name of the request message of a signal: ``MetricsRequest``."""
    return f"{signal.rpartition('/')[2].capitalize()}Request"


def _file(signal: str) -> Traversable:
    """The .proto file: of OTLP's, or of the folder that the name begins with (``remote/write1``)."""
    return files("wellkept.store.telemetry") / (f"{signal}.proto" if "/" in signal else f"otlp/{signal}.proto")


@functools.cache
def schema_path(signal: str) -> str:
    """What the engine's ``format_schema`` takes: the path of the .proto file (without its ending) and the message."""
    with as_file(_file(signal)) as path:
        return f"{path.with_suffix('').absolute()}:{root(signal)}"


@functools.cache
def structure(signal: str, *families: str) -> str:
    """The columns that the engine decodes a request into, as its type names.

    ``families`` leave of the kinds of metrics only those (``gauge``, ``sum``, ...): what is not among the columns is
    skipped by the decoder and costs next to nothing.
    """
    known = messages(signal)
    if families:
        metric = tuple(f for f in known["Metric"] if f.kind in SCALARS or f.name in families)
        known = {**known, "Metric": metric}
    return ", ".join(f"{field.name} {_column(field, known)}" for field in known[root(signal)])


@functools.cache
def columns(signal: str) -> str:
    """The same with a column for each field, however deep: ``resource_logs.scope_logs.log_records.flags``.

    Only attributes and values stay tuples. A statement over many small types is analysed several times as fast as one
    over few that hold everything.
    """
    return ", ".join(_paths(signal, root(signal), "", 0))


def _paths(signal: str, message: str, above: str, depth: int) -> Iterator[str]:
    known = messages(signal)
    for field in known[message]:
        below = depth + field.is_repeated
        if field.kind in SCALARS or field.kind in _WHOLE:
            inner = _column(replace(field, is_repeated=False), known)
            yield f"`{above}{field.name}` {'Array(' * below}{inner}{')' * below}"
        else:
            yield from _paths(signal, field.kind, f"{above}{field.name}.", below)


def _column(field: Field, known: Messages) -> str:
    if field.kind in SCALARS:
        inner = _COLUMN_TYPES[field.kind]
        inner = f"Nullable({inner})" if field.is_optional else inner
    else:
        inner = f"Tuple({', '.join(f'{f.name} {_column(f, known)}' for f in known[field.kind])})"
    return f"Array({inner})" if field.is_repeated else inner
