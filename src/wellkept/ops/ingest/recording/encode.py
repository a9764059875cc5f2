"""Rows into OTLP requests: each row becomes a message, neighbours of one resource share one envelope.

Field numbers are those of the OTLP specification.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from wellkept.ops.ingest.recording import wire
from wellkept.ops.ingest.recording.rows import Bytes, Ints, LogRows, Points, SeriesKey, SpanRows, key_values
from wellkept.ops.ingest.recording.wire import Column
from wellkept.store.telemetry.varint import varint

_GAUGE, _SUM = 5, 7
_TEMPORALITY = {"counter": 2, "updown": 2, "delta": 1}
SCOPE = wire.sized(1, wire.sized(1, b"recording"))
SEVERITIES = ("", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def metrics_request(rows: Points) -> bytes:
    """The points as one export request, a metric for each series."""
    resource_of = np.array([key.resource for key in rows.keys], dtype=np.int64)
    order = np.lexsort((rows.at, rows.series, resource_of[rows.series]))
    at, series, value = rows.at[order], rows.series[order], rows.value[order]
    used, codes = np.unique(series, return_inverse=True)
    attributes = [key_values(7, dict(rows.keys[place].attributes)) for place in used]
    point = wire.joined(wire.fixed64(3, at), wire.fixed64(4, value), wire.choice(codes, attributes))
    ends = wire.runs(series)
    owners = [rows.keys[int(place)] for place in series[ends - 1]]
    data = wire.grouped(wire.message(1, point), ends)
    head = pa.array([_head(key) for key in owners], type=pa.large_binary())
    metric = wire.joined(head, _family(owners, data))
    return envelope(metric, np.array([key.resource for key in owners], dtype=np.int64), rows.resources.encoded)


def traces_request(rows: SpanRows) -> bytes:
    """The spans as one export request."""
    rows = rows.take(np.argsort(rows.resource, kind="stable"))
    pieces = [
        wire.raw(1, rows.trace),
        wire.raw(2, rows.span),
        _id(4, rows.parent),
        _texts(5, rows.name),
        wire.small(6, rows.kind),
        wire.fixed64(7, rows.start),
        wire.fixed64(8, rows.at),
    ]
    if rows.attributes is not None:
        pieces.append(rows.attributes)
    status = [b"", *(wire.tag(3, wire.VARINT) + varint(code) for code in (1, 2))]
    pieces.append(_status(wire.choice(rows.status, status), rows.message))
    return envelope(wire.joined(*pieces), rows.resource, rows.resources.encoded)


def logs_request(rows: LogRows) -> bytes:
    """The log records as one export request."""
    rows = rows.take(np.argsort(rows.resource, kind="stable"))
    names = [wire.sized(3, name.encode()) if name else b"" for name in SEVERITIES]
    pieces = [
        wire.fixed64(1, rows.at),
        wire.small(2, rows.severity),
        wire.choice((rows.severity + 3) // 4, names),
        wire.message(5, _texts(1, rows.text)),
    ]
    if rows.attributes is not None:
        pieces.append(rows.attributes)
    pieces += [_id(number, cells) for number, cells in ((9, rows.trace), (10, rows.span)) if cells is not None]
    pieces.append(wire.fixed64(11, rows.at))
    return envelope(wire.joined(*pieces), rows.resource, rows.resources.encoded)


def maps(number: int, column: pa.Array) -> Column:
    """A column of maps from text to text as repeated key-values, field ``number``."""
    first, last = (column.offsets[end].as_py() for end in (0, -1))
    key = wire.message(1, column.keys.slice(first, last - first))
    value = wire.message(2, wire.message(1, column.items.slice(first, last - first)))
    return regrouped(wire.message(number, wire.joined(key, value)), column.offsets)


def regrouped(items: Column, offsets: pa.Array) -> Column:
    """Items of lists, one after another, as one piece a list; ``offsets`` are the lists'."""
    bounds = offsets.to_numpy().astype(np.int64)
    return wire.grouped(items, bounds[1:] - bounds[0])


def _status(code: Column, message: pa.Array | None) -> Column:
    """The status of each span; nothing where it says nothing."""
    said = code if message is None else wire.joined(wire.filled(2, message), code)
    return wire.filled(15, said)


def envelope(items: Column, resource: Ints, encoded: list[bytes], scope: bytes = SCOPE) -> bytes:
    """Items (repeated field 2 of a scope) into scopes (repeated field 2 of a resource) into the request.

    ``scope`` is the encoded scope; each run of one resource in ``resource`` (a place in ``encoded``) gets an envelope.
    """
    ends = wire.runs(resource)
    scopes = wire.grouped(wire.message(2, items), ends)
    head = wire.choice(resource[ends - 1], [wire.sized(1, content) for content in encoded])
    named = wire.choice(np.zeros(len(ends), dtype=np.int64), [scope])
    return wire.content(wire.message(1, wire.joined(head, wire.message(2, wire.joined(named, scopes)))))


def _head(key: SeriesKey) -> bytes:
    return wire.sized(1, key.name.encode()) + (wire.sized(3, key.unit.encode()) if key.unit else b"")


def _family(owners: list[SeriesKey], data: Column) -> Column:
    """The points of each series inside the family of its kind."""
    tail = [b"" if key.kind == "gauge" else _sum_tail(key.kind) for key in owners]
    content = wire.joined(data, pa.array(tail, type=pa.large_binary()))
    is_gauge = np.array([key.kind == "gauge" for key in owners])
    return pa.compute.if_else(pa.array(is_gauge), wire.message(_GAUGE, content), wire.message(_SUM, content))


def _sum_tail(kind: str) -> bytes:
    temporality = wire.tag(2, wire.VARINT) + varint(_TEMPORALITY[kind])
    return temporality + (b"" if kind == "updown" else wire.tag(3, wire.VARINT) + b"\x01")


def _texts(number: int, column: pa.Array) -> Column:
    """A text field; a dictionary's words are encoded once each."""
    if pa.types.is_dictionary(column.type):
        words = wire.message(number, column.dictionary)
        return words.take(column.indices)
    return wire.message(number, column)


def _id(number: int, cells: Bytes) -> Column:
    """An id, and nothing where it is zeros."""
    return wire.unless(np.asarray(~cells.any(axis=1)), wire.raw(number, cells))
