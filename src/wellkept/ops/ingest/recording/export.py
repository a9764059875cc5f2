"""From the store back to OTLP: a stretch of stored telemetry as a recording that can be replayed, here or elsewhere.

Points are what they were stored as: histograms and summaries have become their parts (``<name>_count``, ``_sum``,
``_bucket``, ...), each a series of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.ops.ingest.recording import wire
from wellkept.ops.ingest.recording.encode import maps, regrouped
from wellkept.ops.ingest.recording.recording import PART, bodies_of
from wellkept.ops.ingest.recording.rows import Bytes, Interned, Ints, LogRows, Points, Rows, SeriesKey, SpanRows
from wellkept.store.telemetry.arrow import text_maps
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.raw import Raw

SLOT_NS = 5 * 10**9
"""A request covers at most this much time, since in a replay the whole of it arrives at its newest moment."""


def framed(raw: Raw, signal: Signal, start: datetime, end: datetime) -> bytes:
    """What the store holds of a signal in [start, end): requests, each behind its length (see ``otlp_files``)."""
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies(raw, signal, start, end))


def bodies(raw: Raw, signal: Signal, start: datetime, end: datetime) -> Iterator[bytes]:
    """The same, request by request."""
    read = {Signal.METRICS: _points, Signal.LOGS: _logs, Signal.TRACES: _spans}[signal]
    rows = read(raw, start, end)
    slots = rows.at // SLOT_NS
    for last in wire.runs(slots) if len(slots) else ():
        first = int(np.searchsorted(slots, slots[last - 1]))
        for part in range(first, int(last), PART):
            yield from bodies_of(rows.part(part, min(part + PART, int(last))))


def _points(raw: Raw, start: datetime, end: datetime) -> Rows:
    table = raw.points(start, end)
    resources = Interned()
    ids, series = np.unique(table["series"].to_numpy(), return_inverse=True)
    described = raw.series(ids.tolist()) if len(ids) else None
    keys = _keys(described, resources) if described is not None else {}
    return Points(
        at=table["at"].to_numpy().astype(np.int64),
        series=series.astype(np.int64),
        value=table["value"].to_numpy(),
        keys=tuple(keys[int(one)] for one in ids),
        resources=resources,
    )


def _keys(table: pa.Table, resources: Interned) -> dict[int, SeriesKey]:
    columns = ("series", "name", "unit", "kind", "is_monotonic", "temporality")
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
    own, theirs = text_maps(table["attributes"]), text_maps(table["resource_attributes"])
    return {
        row[0]: SeriesKey(resources.place(resource), row[1], row[2], _kind(*row[3:]), tuple(sorted(attributes.items())))
        for row, attributes, resource in zip(rows, own, theirs, strict=True)
    }


def _kind(stored: str, is_monotonic: bool, temporality: int) -> str:
    """A stored series' kind as a recording's."""
    if stored in ("gauge", "summary_quantile"):
        return "gauge"
    if temporality == 1:
        return "delta"
    return "counter" if is_monotonic else "updown"


def _logs(raw: Raw, start: datetime, end: datetime) -> Rows:
    table = raw.logs(start, end)
    resources, resource = _resources(table)
    return LogRows(
        at=table["at"].to_numpy().astype(np.int64),
        resource=resource,
        text=_one(table["body"]),
        severity=table["severity"].to_numpy().astype(np.int64),
        trace=_ids(table["trace"], 16),
        span=_ids(table["span"], 8),
        attributes=maps(6, _one(table["attributes"])),
        resources=resources,
    )


def _spans(raw: Raw, start: datetime, end: datetime) -> Rows:
    table = raw.spans(start, end)
    resources, resource = _resources(table)
    return SpanRows(
        at=table["at"].to_numpy().astype(np.int64),
        start=table["start"].to_numpy().astype(np.int64),
        resource=resource,
        trace=_ids(table["trace"], 16),
        span=_ids(table["span"], 8),
        parent=_ids(table["parent"], 8),
        name=_one(table["name"]),
        kind=table["kind"].to_numpy().astype(np.int64),
        status=table["status"].to_numpy().astype(np.int64),
        attributes=wire.joined(maps(9, _one(table["attributes"])), _events(table)),
        resources=resources,
        message=_one(table["message"]),
    )


def _events(table: pa.Table) -> wire.Column:
    """The events of each span, encoded."""
    times, names, attributes = (_one(table[f"event_{name}"]) for name in ("times", "names", "attributes"))
    at = wire.fixed64(1, times.flatten().to_numpy().astype(np.int64))
    event = wire.joined(at, wire.message(2, names.flatten()), maps(3, attributes.flatten()))
    return regrouped(wire.message(11, event), times.offsets)


def _resources(table: pa.Table) -> tuple[Interned, Ints]:
    """The resources of rows, and for each row the place of its own."""
    resources = Interned()
    _, first, which = np.unique(table["resource"].to_numpy(), return_index=True, return_inverse=True)
    distinct = text_maps(table["resource_attributes"].take(pa.array(first)))
    places = np.array([resources.place(attributes) for attributes in distinct], dtype=np.int64)
    return resources, places[which] if len(places) else np.zeros(0, dtype=np.int64)


def _ids(column: pa.ChunkedArray, size: int) -> Bytes:
    """Hexadecimal ids as bytes; what is empty, or no id, becomes zeros."""
    padded = pa.compute.utf8_lpad(pa.compute.utf8_slice_codeunits(column, 0, 2 * size), 2 * size, "0")
    text = wire.content(_one(padded).cast(pa.large_binary())).decode("ascii")
    return np.frombuffer(bytes.fromhex(text), dtype=np.uint8).reshape(-1, size)


def _one(column: pa.ChunkedArray) -> Any:
    return column.combine_chunks()
