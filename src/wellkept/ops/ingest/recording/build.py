"""Tables into rows of telemetry: points, spans and log records in the order in which they arrived."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.ops.ingest.recording import wire
from wellkept.ops.ingest.recording.columns import (
    absent,
    distinct,
    groups,
    ids,
    moments,
    sets,
    span_of,
    text,
)
from wellkept.ops.ingest.recording.layout import LogTable, MetricRule, MetricTable, SpanTable, Texts, Where
from wellkept.ops.ingest.recording.rows import (
    Bytes,
    Interned,
    Ints,
    LogRows,
    Points,
    SeriesKey,
    SpanRows,
    key_values,
)
from wellkept.ops.ingest.recording.tables import Loaded

KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
LEVELS = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21, "CRITICAL": 21}
_SERVER, _CLIENT, _INTERNAL = KINDS["server"], KINDS["client"], KINDS["internal"]


def points(loaded: Loaded, table: MetricTable, resources: Interned, where: str) -> Points:
    """The points of a table of metrics; what is empty or no number was not measured."""
    at = moments(loaded.rows, table.time, where) + loaded.moved
    common = sets(loaded.rows, table.resource, resources.place)
    keys: dict[SeriesKey, int] = {}
    parts = []
    for rule in table.metrics:
        whole = {**table.resource, **rule.resource}
        resource = sets(loaded.rows, whole, resources.place) if rule.resource else common
        values = _values(loaded.rows, rule)
        seen = np.flatnonzero(np.isfinite(values) & _picked(loaded.rows, rule.when))
        series = _series(loaded.rows.take(pa.array(seen)), resource[seen], rule, keys)
        parts.append((at[seen], series, values[seen]))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Points(joined[0][order], joined[1][order], joined[2][order], tuple(keys), resources)


def spans(loaded: Loaded, table: SpanTable, resources: Interned, where: str) -> SpanRows:
    """The spans of a table, by when they ended."""
    rows = loaded.rows
    start = moments(rows, table.start, where) + loaded.moved
    if table.end is not None:
        end = moments(rows, table.end, where) + loaded.moved
    else:
        assert table.duration is not None
        end = start + span_of(rows, table.duration)
    resource = sets(rows, table.resource, resources.place)
    trace, span = ids(rows, table.trace, 16), ids(rows, table.span, 8)
    parent = np.where(absent(rows, table.parent, table.root)[:, None], 0, ids(rows, table.parent, 8))
    parent = np.ascontiguousarray(parent.astype(np.uint8))
    service = _services(resources)[resource]
    kind = _named_kinds(rows, table) if table.kind else inferred_kinds(trace, span, parent, service)
    found = SpanRows(
        at=end,
        start=start,
        resource=resource,
        trace=trace,
        span=span,
        parent=parent,
        name=text(rows, table.name).array(),
        kind=kind,
        status=_status(rows, table),
        attributes=_attributes(rows, table.attributes, 9),
        resources=resources,
    )
    return found.take(np.argsort(end, kind="stable"))


def log_rows(loaded: Loaded, table: LogTable, resources: Interned, where: str) -> LogRows:
    """The log records of a table."""
    rows = loaded.rows
    at = moments(rows, table.time, where) + loaded.moved
    body = rows[table.body].combine_chunks()
    body = body if pa.types.is_dictionary(body.type) else pc.fill_null(body.cast(pa.large_string()), "")
    found = LogRows(
        at=at,
        resource=sets(rows, table.resource, resources.place),
        text=body,
        severity=_severity(rows, body, table),
        trace=ids(rows, table.trace, 16) if table.trace else None,
        span=ids(rows, table.span, 8) if table.span else None,
        attributes=_attributes(rows, table.attributes, 6),
        resources=resources,
    )
    return found.take(np.argsort(at, kind="stable"))


def inferred_kinds(trace: Bytes, span: Bytes, parent: Bytes, service: Ints) -> Ints:
    """Server: a span whose parent is of another service, or that has none. Client: not that, and a child of it is."""
    mine, above = _keys(trace, span), _keys(trace, parent)
    order = np.argsort(mine, kind="stable")
    at = np.clip(np.searchsorted(mine[order], above), 0, max(len(mine) - 1, 0))
    place = order[at] if len(mine) else at
    known = (mine[place] == above) & parent.any(axis=1) if len(mine) else np.zeros(0, dtype=bool)
    remote = known & (service[place] != service)
    kind = np.full(len(mine), _INTERNAL, dtype=np.int64)
    kind[place[remote]] = _CLIENT
    kind[~parent.any(axis=1) | remote] = _SERVER
    return kind


def _keys(trace: Bytes, span: Bytes) -> Ints:
    """One number for each pair of ids. Two pairs share one with a chance of one in 10^19."""
    high = np.ascontiguousarray(trace[:, 8:]).view(np.uint64)[:, 0]
    low = np.ascontiguousarray(span).view(np.uint64)[:, 0]
    return ((high * np.uint64(0x9E3779B97F4A7C15)) ^ low).view(np.int64)


def _services(resources: Interned) -> Ints:
    """A number for the service of each resource, by place."""
    known: dict[tuple[str, str], int] = {}
    owns = [resources.attributes(place) for place in range(len(resources.encoded))]
    names = [(own.get("service.namespace", ""), own.get("service.name", "")) for own in owns]
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _values(rows: pa.Table, rule: MetricRule) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    column = pc.fill_null(rows[rule.column].cast(pa.float64()), float("nan"))
    return np.asarray(column.to_numpy() * rule.scale + rule.offset, dtype=np.float64)


def _picked(rows: pa.Table, when: Where) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    picked = np.ones(rows.num_rows, dtype=bool)
    for column, values in when.items():
        words, codes = distinct(rows[column])
        wanted = {str(value) for value in values}
        picked &= np.array([str(word) in wanted for word in words], dtype=bool)[codes]
    return picked


def _series(rows: pa.Table, resource: Ints, rule: MetricRule, keys: dict[SeriesKey, int]) -> Ints:
    """For each row the place of its series among ``keys``, which grows by what is new."""
    if rows.num_rows == 0:
        return np.zeros(0, dtype=np.int64)
    name = text(rows, rule.name)
    coded = {label: text(rows, one) for label, one in sorted(rule.attributes.items())}
    which, first = groups(resource, name.codes, *(one.codes for one in coded.values()))
    places = []
    for row in first:
        own = tuple((label, one.words[one.codes[row]]) for label, one in coded.items() if one.words[one.codes[row]])
        key = SeriesKey(int(resource[row]), name.words[name.codes[row]], rule.unit, rule.kind, own)
        places.append(keys.setdefault(key, len(keys)))
    return np.array(places, dtype=np.int64)[which]


def _named_kinds(rows: pa.Table, table: SpanTable) -> Ints:
    assert table.kind is not None
    words, codes = distinct(rows[table.kind.column])
    named = [table.kind.map.get(str(word), str(word)).lower().removeprefix("span_kind_") for word in words]
    return np.array([KINDS.get(name, 0) for name in named], dtype=np.int64)[codes]


def _status(rows: pa.Table, table: SpanTable) -> Ints:
    if table.status is None:
        return np.zeros(rows.num_rows, dtype=np.int64)
    words, codes = distinct(rows[table.status.column])
    failed = {str(value) for value in table.status.failed}
    return np.array([2 if str(word) in failed else 0 for word in words], dtype=np.int64)[codes]


def _severity(rows: pa.Table, body: pa.Array, table: LogTable) -> Ints:
    rule = table.severity
    if rule is None:
        return np.zeros(rows.num_rows, dtype=np.int64)
    column = rows[rule.column] if rule.column else pa.chunked_array([body])
    if rule.pattern:
        column = column.cast(pa.large_string())
        column = pc.struct_field(pc.extract_regex(column, f"(?P<level>{rule.pattern})"), "level")
        column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    words, codes = distinct(column)
    named = [rule.map.get(str(word), str(word)).upper() for word in words]
    return np.array([LEVELS.get(name, 0) for name in named], dtype=np.int64)[codes]


def _attributes(rows: pa.Table, rules: Texts, number: int) -> wire.Column | None:
    """Each row's own attributes, encoded; None where the table has none."""
    if not rules:
        return None
    known = Interned()
    places = sets(rows, rules, known.place)
    encoded = [key_values(number, known.attributes(place)) for place in range(len(known.encoded))]
    return wire.choice(places, encoded)
