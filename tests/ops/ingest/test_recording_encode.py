"""Rows become OTLP that any decoder reads back as the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from wellkept.ops.ingest.recording import wire
from wellkept.ops.ingest.recording.encode import maps
from wellkept.ops.ingest.recording.rows import Interned, LogRows, Points, SeriesKey, SpanRows
from wellkept.store.telemetry.varint import varint

words = st.text(max_size=8).filter(lambda text: text.isprintable() and text.encode("utf-8", "replace").decode() == text)
moments = st.integers(0, 2**60)
sets = st.dictionaries(words.filter(bool), words.filter(bool), max_size=3)


def plain(attributes: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in attributes}


def cells(ids: list[bytes], size: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(ids), dtype=np.uint8).reshape(-1, size)


@settings(deadline=None)
@given(st.lists(st.tuples(moments, st.integers(0, 3), st.floats(allow_nan=False)), min_size=1, max_size=30), sets, sets)
def test_points_come_back(rows: list[tuple[int, int, float]], first: dict[str, str], second: dict[str, str]) -> None:
    resources = Interned()
    places = [resources.place(first), resources.place({**second, "other": "yes"})]
    keys = (
        SeriesKey(places[0], "a", "s"),
        SeriesKey(places[1], "a", ""),
        SeriesKey(places[0], "b", "By", "counter", (("k", "v"),)),
        SeriesKey(places[0], "c", "1", "delta"),
    )
    at, series, value = zip(*rows, strict=True)
    points = Points(np.array(at), np.array(series), np.array(value, dtype=float), keys, resources)

    request = ExportMetricsServiceRequest.FromString(points.body())

    found = []
    for block in request.resource_metrics:
        for metric in block.scope_metrics[0].metrics:
            family = metric.WhichOneof("data")
            data = getattr(metric, str(family))
            kind = "gauge" if family == "gauge" else {1: "delta", 2: "counter"}[data.aggregation_temporality]
            for point in data.data_points:
                own = tuple(plain(point.attributes).items())
                resource = tuple(sorted(plain(block.resource.attributes).items()))
                found.append(((resource, metric.name, metric.unit, kind, own), point.time_unix_nano, point.as_double))
    wanted = [
        (
            (
                tuple(resources.attributes(keys[s].resource).items()),
                keys[s].name, keys[s].unit, keys[s].kind, keys[s].attributes,
            ),
            t,
            v,
        )
        for t, s, v in rows
    ]  # fmt: skip
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))
    assert len(request.resource_metrics) == len({key.resource for key in (keys[s] for _, s, _ in rows)})


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), words, moments,
                  st.integers(0, 2), st.integers(0, 5), words),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_spans_come_back(rows: list[tuple[bytes, bytes, str, int, int, int, str]]) -> None:
    resources = Interned()
    place = [resources.place({"service.name": name}) for name in ("a", "b")]
    trace, span, name, at, status, kind, value = (list(column) for column in zip(*rows, strict=True))
    parents = [bytes(8) if number % 2 else other for number, other in enumerate(reversed(span))]
    attributes = maps(9, pa.array([[("key", one)] for one in value], pa.map_(pa.string(), pa.string())))
    spans = SpanRows(
        at=np.array(at), start=np.array(at) // 2, resource=np.array([place[n % 2] for n in range(len(rows))]),
        trace=cells(trace, 16), span=cells(span, 8), parent=cells(parents, 8),
        name=pa.array(name).dictionary_encode(), kind=np.array(kind), status=np.array(status),
        attributes=attributes, resources=resources, message=pa.array(value),
    )  # fmt: skip

    request = ExportTraceServiceRequest.FromString(spans.body())

    found = [
        (one.trace_id, one.span_id, one.parent_span_id, one.name, one.end_time_unix_nano, one.start_time_unix_nano,
         one.status.code, one.status.message, one.kind, plain(one.attributes), plain(block.resource.attributes))
        for block in request.resource_spans for one in block.scope_spans[0].spans
    ]  # fmt: skip
    wanted = [
        (t, s, p if any(p) else b"", n, a, a // 2, c, v, k, {"key": v}, {"service.name": "ab"[number % 2]})
        for number, (t, s, p, n, a, c, v, k) in enumerate(
            zip(trace, span, parents, name, at, status, value, kind, strict=True)
        )
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


@settings(deadline=None)
@given(
    st.lists(st.tuples(moments, words, st.sampled_from([0, 1, 9, 13, 17, 21]), st.booleans()), min_size=1, max_size=20)
)
def test_log_records_come_back(rows: list[tuple[int, str, int, bool]]) -> None:
    resources = Interned()
    place = resources.place({"service.name": "a"})
    at, text, severity, linked = (list(column) for column in zip(*rows, strict=True))
    ids = [bytes([1]) * 16 if is_linked else bytes(16) for is_linked in linked]
    logs = LogRows(
        at=np.array(at), resource=np.full(len(rows), place), text=pa.array(text), severity=np.array(severity),
        trace=cells(ids, 16), span=None, attributes=None, resources=resources,
    )  # fmt: skip

    request = ExportLogsServiceRequest.FromString(logs.body())

    found = [
        (one.time_unix_nano, one.body.string_value, one.severity_number, one.trace_id)
        for one in request.resource_logs[0].scope_logs[0].log_records
    ]
    assert found == [(a, t, s, i if any(i) else b"") for a, t, s, i in zip(at, text, severity, ids, strict=True)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_numbers_are_varints(values: list[int]) -> None:
    column = wire.small(1, np.array(values, dtype=np.int64))

    assert [one.as_py() for one in column] == [b"\x08" + varint(value) if value else b"" for value in values]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=20), st.data())
def test_grouping_puts_neighbours_together(pieces: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(pieces)))
    column = pa.array(pieces, pa.large_binary()).slice(first)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(column)))) | {len(column)})

    grouped = wire.grouped(column, np.array(cuts, dtype=np.int64))

    starts = [0, *cuts[:-1]]
    assert grouped.to_pylist() == [
        b"".join(pieces[first + start : first + end]) for start, end in zip(starts, cuts, strict=True)
    ]
