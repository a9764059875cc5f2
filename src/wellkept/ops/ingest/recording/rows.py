"""Recorded telemetry as columns: one value object for each signal, its rows in the order in which they arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.ops.ingest.recording.wire import Column, sized

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


class Rows(Protocol):
    """Rows of one signal. ``at``: int64[N], nanoseconds since the epoch at which each had arrived, ascending."""

    @property
    def at(self) -> Ints: ...

    def part(self, first: int, last: int) -> Self:
        """The rows from ``first`` up to ``last``."""
        ...

    def body(self) -> bytes:
        """The rows as one OTLP request."""
        ...


class Interned:
    """Attribute sets, each kept once: their place is what rows refer to."""

    def __init__(self) -> None:
        self._places: dict[tuple[tuple[str, str], ...], int] = {}
        self._encoded: list[bytes] = []
        self._sets: list[dict[str, str]] = []

    def place(self, attributes: Mapping[str, str]) -> int:
        """The place of a set of attributes; empty values are as good as absent."""
        key = tuple(sorted((name, value) for name, value in attributes.items() if value))
        if key not in self._places:
            self._places[key] = len(self._encoded)
            self._encoded.append(key_values(1, dict(key)))
            self._sets.append(dict(key))
        return self._places[key]

    @property
    def encoded(self) -> list[bytes]:
        """Each set as the content of an OTLP resource, by place. It grows while tables are read."""
        return self._encoded

    def attributes(self, place: int) -> dict[str, str]:
        return self._sets[place]


def key_values(number: int, attributes: Mapping[str, str]) -> bytes:
    """Attributes as repeated field ``number`` of OTLP key-values with text values."""
    return b"".join(
        sized(number, sized(1, name.encode()) + sized(2, sized(1, value.encode())))
        for name, value in attributes.items()
    )


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What a series is: its resource's place, its name and unit, its kind, and its own attributes."""

    resource: int
    name: str
    unit: str
    kind: str = "gauge"
    """``gauge``, ``counter`` (cumulative and monotonic), ``delta`` (what happened since the point before), or
    ``updown`` (cumulative, may fall)."""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Metric points: ``series`` are places in ``keys``."""

    at: Ints
    series: Ints
    value: NDArray[np.float64]
    keys: tuple[SeriesKey, ...]
    resources: Interned

    def part(self, first: int, last: int) -> Points:
        return Points(self.at[first:last], self.series[first:last], self.value[first:last], self.keys, self.resources)

    def body(self) -> bytes:
        from wellkept.ops.ingest.recording.encode import metrics_request

        return metrics_request(self)


@dataclass(frozen=True, slots=True, eq=False)
class SpanRows:
    """Spans, which arrive when they end. Ids are rows of bytes; a span without a parent has a parent id of zeros."""

    at: Ints
    start: Ints
    resource: Ints
    trace: Bytes
    span: Bytes
    parent: Bytes
    name: pa.Array
    kind: Ints
    status: Ints
    attributes: Column | None
    """Encoded attributes, and whatever else of a span is encoded already (its events)."""
    resources: Interned
    message: pa.Array | None = None

    def part(self, first: int, last: int) -> SpanRows:
        return self._each(slice(first, last), slice(first, last))

    def take(self, order: Ints) -> SpanRows:
        return self._each(order, order)

    def _each(self, rows: slice | Ints, arrow: slice | Ints) -> SpanRows:
        return SpanRows(
            self.at[rows],
            self.start[rows],
            self.resource[rows],
            self.trace[rows],
            self.span[rows],
            self.parent[rows],
            pick(self.name, arrow),
            self.kind[rows],
            self.status[rows],
            None if self.attributes is None else pick(self.attributes, arrow),
            self.resources,
            None if self.message is None else pick(self.message, arrow),
        )

    def body(self) -> bytes:
        from wellkept.ops.ingest.recording.encode import traces_request

        return traces_request(self)


@dataclass(frozen=True, slots=True, eq=False)
class LogRows:
    """Log records; trace and span ids of zeros mean that a record belongs to none."""

    at: Ints
    resource: Ints
    text: pa.Array
    severity: Ints
    trace: Bytes | None
    span: Bytes | None
    attributes: Column | None
    resources: Interned

    def part(self, first: int, last: int) -> LogRows:
        return self._each(slice(first, last))

    def take(self, order: Ints) -> LogRows:
        return self._each(order)

    def _each(self, rows: slice | Ints) -> LogRows:
        return LogRows(
            self.at[rows],
            self.resource[rows],
            pick(self.text, rows),
            self.severity[rows],
            None if self.trace is None else self.trace[rows],
            None if self.span is None else self.span[rows],
            None if self.attributes is None else pick(self.attributes, rows),
            self.resources,
        )

    def body(self) -> bytes:
        from wellkept.ops.ingest.recording.encode import logs_request

        return logs_request(self)


def pick(column: pa.Array, rows: slice | Ints) -> pa.Array:
    """Rows of an Arrow array, by slice or by number."""
    if isinstance(rows, slice):
        first = rows.start or 0
        return column.slice(first, (rows.stop if rows.stop is not None else len(column)) - first)
    return column.take(pa.array(rows))
