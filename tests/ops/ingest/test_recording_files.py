"""Files of whole OTLP requests, and what the store gives back as such files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wellkept.kernel.clock import from_nanos, to_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.recording.export import framed
from wellkept.ops.ingest.recording.recording import find, read
from wellkept.sdk.otlp import MetricsBatch
from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.otlp.json_request import to_protobuf
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
SECOND = 10**9


def resource(**attributes: str) -> dict[str, Any]:
    named = {key.replace("_", "."): value for key, value in attributes.items()}
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in named.items()]}


def span_line(at_s: float, *, failed: bool = False) -> dict[str, Any]:
    start = to_nanos(START) + round(at_s * SECOND)
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": f"{start:016x}", "parentSpanId": "b7ad6b7169203331",
        "name": "GET /", "kind": 2, "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + SECOND // 10),
        "attributes": [{"key": "http.route", "value": {"stringValue": "/"}}],
        "events": [{"timeUnixNano": str(start), "name": "exception",
                    "attributes": [{"key": "exception.type", "value": {"stringValue": "Timeout"}}]}],
        "status": {"code": 2, "message": "timed out"} if failed else {},
    }  # fmt: skip
    return {"resourceSpans": [{"resource": resource(service_name="front"), "scopeSpans": [{"spans": [span]}]}]}


def log_line(at_s: float, text: str) -> dict[str, Any]:
    at = str(to_nanos(START) + round(at_s * SECOND))
    record = {"timeUnixNano": at, "severityNumber": 17, "severityText": "ERROR", "body": {"stringValue": text}}
    return {"resourceLogs": [{"resource": resource(service_name="front"), "scopeLogs": [{"logRecords": [record]}]}]}


def metric_line(at_s: float, value: float) -> dict[str, Any]:
    at = str(to_nanos(START) + round(at_s * SECOND))
    metric = {"name": "process.cpu.utilization", "unit": "1",
              "gauge": {"dataPoints": [{"timeUnixNano": at, "startTimeUnixNano": "1", "asDouble": value}]}}  # fmt: skip
    return {"resourceMetrics": [{"resource": resource(service_name="front"), "scopeMetrics": [{"metrics": [metric]}]}]}


def write_lines(path: Path, *lines: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_lines_arrive_by_their_newest_time(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "b.jsonl", metric_line(20, 0.2), log_line(5, 'not "timeUnixNano": "9"'), metric_line(10, 0.1)
    )
    write_lines(tmp_path / "a.jsonl", span_line(1))

    recording = read(find(tmp_path))

    assert recording.counts == {"logs": 1, "metrics": 2, "traces": 1}
    assert from_nanos(recording.first_ns) == START + timedelta(seconds=1.1)
    assert from_nanos(recording.last_ns) == START + timedelta(seconds=20)
    assert recording.rhythm_s() == 10.0
    start = to_nanos(START)
    early = list(recording.arrivals(0, start + 6 * SECOND))
    assert {signal for signal, _ in early} == {Signal.TRACES, Signal.LOGS}
    assert list(recording.arrivals(start + 15 * SECOND, start + 20 * SECOND)) == [
        (Signal.METRICS, to_protobuf("metrics", json.dumps(metric_line(20, 0.2)).encode()))
    ]
    assert recording.next_ns(start + 10 * SECOND) == start + 20 * SECOND
    assert recording.next_ns(start + 20 * SECOND) is None


def test_a_file_may_be_one_request_over_several_lines(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(metric_line(3, 0.5), indent=2), encoding="utf-8")

    assert read(find(tmp_path)).counts == {"metrics": 1}


def test_protobuf_stands_behind_its_length(tmp_path: Path) -> None:
    body = to_protobuf("logs", json.dumps(log_line(2, "hello")).encode())
    (tmp_path / "my-logs.binpb").write_bytes((len(body).to_bytes(4, "big") + body) * 2)

    recording = read(find(tmp_path))

    assert recording.counts == {"logs": 2}
    assert list(recording.arrivals(0, 2**62)) == [(Signal.LOGS, body), (Signal.LOGS, body)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", b'{"resourceLogs": []}\n{"nothing": 1}\n', "line 1: must hold at least one time"),
        ("x.jsonl", b"hello\n", "line 1: must be an OTLP request in JSON"),
        ("logs.binpb", b"\x00\x00\x00\x09abc", "byte 0: is cut off"),
        ("logs.binpb", b"\x00\x00", "byte 0: is cut off"),
        ("logs.binpb", b"\x00\x00\x00\x02\xff\xff", "byte 0: must be an OTLP logs request"),
        ("dump.binpb", b"", "must say in its name which signal it holds"),
    ],
    ids=["no time", "no JSON", "cut off", "cut off in the length", "no protobuf", "no signal in its name"],
)  # fmt: skip
def test_a_broken_file_is_named_with_the_place(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InputError) as caught:
        read(find(tmp_path))

    assert said in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_broken_line_is_named_when_it_is_needed(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", metric_line(1, 0.1))
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('{"resourceMetrics": [{"timeUnixNano": "7"\n')

    with pytest.raises(InputError, match="must be JSON"):
        read(find(tmp_path)).rhythm_s()


def test_what_the_store_holds_comes_out_as_it_came_in(tmp_path: Path, telemetry: Telemetry) -> None:
    sent = {
        Signal.TRACES: [span_line(1), span_line(7, failed=True)],
        Signal.LOGS: [log_line(2, "hello"), log_line(9, "")],
        Signal.METRICS: [metric_line(3, 0.5), metric_line(12, 0.25)],
    }
    for signal, lines in sent.items():
        bodies = [to_protobuf(signal, json.dumps(line).encode()) for line in lines]
        telemetry.otlp.insert(signal, bodies, 0)
        (tmp_path / f"{signal}.binpb").write_bytes(framed(telemetry.raw, signal, START, START + timedelta(minutes=1)))
    before = contents(telemetry)

    recording = read(find(tmp_path))

    assert recording.counts == {"logs": 2, "metrics": 2, "traces": 2}
    with other(telemetry) as again:
        for signal, body in recording.arrivals(0, 2**62):
            again.otlp.insert(signal, [body], 0)
        assert contents(again) == before


@contextlib.contextmanager
def other(telemetry: Telemetry) -> Iterator[Telemetry]:
    """Another store, empty."""
    assert isinstance(telemetry.engine, EmbeddedEngine)
    opened = Telemetry.open(telemetry.engine.folder, database="other").emptied()
    try:
        yield opened
    finally:
        opened.close()


def contents(telemetry: Telemetry) -> list[Any]:
    """Everything that the store has, without the time of storing and the hashes of series."""
    end = START + timedelta(hours=1)
    window = telemetry.metrics.window(START, end, 1.0)
    seen = np.isfinite(window.values)
    return [
        telemetry.raw.logs(START, end).to_pylist(),
        telemetry.raw.spans(START, end).to_pylist(),
        sorted(
            (info.name, info.unit, info.kind, info.entity, str(info.attributes), str(info.resource_attributes),
             window.times[seen[:, column]].tolist(), window.values[seen[:, column], column].tolist())
            for column, info in enumerate(window.series)
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["counter", "gauge"])
def test_kinds_of_series_survive(kind: str, tmp_path: Path, telemetry: Telemetry) -> None:
    for number in range(3):
        batch = MetricsBatch("test", to_nanos(START + timedelta(seconds=10 * number)))
        add = batch.counter if kind == "counter" else batch.gauge
        add({"host.name": "h"}, "system.network.io", "By", 1000.0 * number, {"network.io.direction": "receive"})
        telemetry.otlp.insert(Signal.METRICS, [batch.request.SerializeToString()], 0)
    (tmp_path / "metrics.binpb").write_bytes(framed(telemetry.raw, Signal.METRICS, START, START + timedelta(minutes=1)))

    with other(telemetry) as again:
        for _, body in read(find(tmp_path)).arrivals(0, 2**62):
            again.otlp.insert(Signal.METRICS, [body], 0)
        assert contents(again) == contents(telemetry)
        (info,) = again.metrics.window(START, START + timedelta(minutes=1), 10.0).series
        assert info.unit == ("By/s" if kind == "counter" else "By")


def test_a_request_of_an_export_covers_little_time(telemetry: Telemetry) -> None:
    lines = [to_protobuf("logs", json.dumps(log_line(second, "x")).encode()) for second in range(60)]
    telemetry.otlp.insert(Signal.LOGS, lines, 0)

    content = framed(telemetry.raw, Signal.LOGS, START, START + timedelta(minutes=1))

    lengths = []
    while content:
        length = int.from_bytes(content[:4], "big")
        lengths.append(length)
        content = content[4 + length :]
    assert len(lengths) == 12
