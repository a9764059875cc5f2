"""Files of whole OTLP requests, as the OpenTelemetry Collector's file exporter writes them.

``*.jsonl`` and ``*.json`` hold one ``Export…ServiceRequest`` in JSON on each line (or the whole file is one).
``*.binpb`` hold protobuf requests, each behind its length in four bytes, most significant first; the file's name says
which signal it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.recording.rows import Ints
from wellkept.store.telemetry.otlp.json_request import to_protobuf
from wellkept.store.telemetry.otlp.writer import Signal

ENDINGS = (".jsonl", ".json", ".binpb")
_HEAD = 4
_LOOKED_AT = 300
"""The rhythm of this many requests is the rhythm of all."""
_SIGNAL = {b"resourceMetrics": Signal.METRICS, b"resourceLogs": Signal.LOGS, b"resourceSpans": Signal.TRACES}
_FIRST_KEY = re.compile(rb'\s*\{\s*"(resource(?:Metrics|Logs|Spans))"')
_STAMPS = {
    Signal.METRICS: re.compile(rb'"timeUnixNano"\s*:\s*"?(\d+)'),
    Signal.LOGS: re.compile(rb'"(?:observedT|t)imeUnixNano"\s*:\s*"?(\d+)'),
    Signal.TRACES: re.compile(rb'"endTimeUnixNano"\s*:\s*"?(\d+)'),
}
"""When something was measured, observed or over: the newest of these is when a request can have arrived."""
_MESSAGES: dict[Signal, Any] = {
    Signal.METRICS: ExportMetricsServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.TRACES: ExportTraceServiceRequest,
}


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Requests that stay in their files until they are needed: which file, where in it, and when each arrived."""

    signal: Signal
    at: Ints
    files: tuple[Path, ...]
    file: Ints
    offset: Ints
    length: Ints

    def part(self, first: int, last: int) -> Requests:
        rows = slice(first, last)
        return Requests(self.signal, self.at[rows], self.files, self.file[rows], self.offset[rows], self.length[rows])

    def body(self) -> bytes:
        """The messages hold nothing but repeated fields, so one after another they are one request."""
        return b"".join(self.bodies())

    def bodies(self) -> Iterator[bytes]:
        for file, offset, length in zip(self.file, self.offset, self.length, strict=True):
            path = self.files[file]
            with path.open("rb") as source:
                source.seek(int(offset))
                content = source.read(int(length))
            yield content if path.suffix == ".binpb" else to_protobuf(self.signal, content)


def find(folder: Path) -> list[Path]:
    """The files of requests in a folder."""
    return sorted(path for path in folder.iterdir() if path.suffix in ENDINGS and path.is_file())


def index(files: list[Path]) -> dict[Signal, Requests]:
    """What the files hold, by signal, in the order of arrival.

    Raises:
        InputError: a file is cut off, or a request is not OTLP; names the file and the place in it.
    """
    found: dict[Signal, list[tuple[int, int, int, int]]] = {signal: [] for signal in Signal}
    for number, path in enumerate(files):
        entries = _of_protobuf(path) if path.suffix == ".binpb" else _of_json(path)
        for signal, at, offset, length in entries:
            found[signal].append((at, number, offset, length))
    return {signal: _requests(signal, rows, tuple(files)) for signal, rows in found.items() if rows}


def rhythm(requests: Requests) -> Iterator[float]:
    """For each metric of each resource in the first requests, the median distance between its points in seconds."""
    times: dict[tuple[bytes, str], set[int]] = {}
    for body in requests.part(0, _LOOKED_AT).bodies():
        for block in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            resource = block.resource.SerializeToString(deterministic=True)
            for scope in block.scope_metrics:
                for metric in scope.metrics:
                    points = getattr(metric, metric.WhichOneof("data") or "gauge").data_points
                    stamps = (point.time_unix_nano for point in points)
                    times.setdefault((resource, metric.name), set()).update(stamps)
    for seen in times.values():
        if len(seen) > 1:
            yield float(np.median(np.diff(sorted(seen)))) / 10**9


def _requests(signal: Signal, rows: list[tuple[int, int, int, int]], files: tuple[Path, ...]) -> Requests:
    at, file, offset, length = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    order = np.argsort(at, kind="stable")
    return Requests(signal, at[order], files, file[order], offset[order], length[order])


def _of_json(path: Path) -> Iterator[tuple[Signal, int, int, int]]:
    with path.open("rb") as source:
        if not _FIRST_KEY.match(first := source.readline()):
            whole = first + source.read()
            if whole.strip():
                yield _entry(path, 1, whole, 0)
            return
        offset = 0
        for number, line in enumerate((first, *source), start=1):
            if line.strip():
                yield _entry(path, number, line, offset)
            offset += len(line)


def _entry(path: Path, number: int, text: bytes, offset: int) -> tuple[Signal, int, int, int]:
    key = _FIRST_KEY.match(text)
    where = f"{path}, line {number}"
    if key is None:
        raise InputError(where, f"must be an OTLP request in JSON, beginning with one of {_keys()}", text[:60])
    signal = _SIGNAL[key.group(1)]
    stamps = [int(stamp) for stamp in _STAMPS[signal].findall(text)]
    if not any(stamps):
        raise InputError(where, "must hold at least one time, for a replay needs to know when it was")
    return signal, max(stamps), offset, len(text)


def _of_protobuf(path: Path) -> Iterator[tuple[Signal, int, int, int]]:
    named = [signal for signal in Signal if str(signal).removesuffix("s") in path.name]
    if len(named) != 1:
        raise InputError(f"{path}", "must say in its name which signal it holds: metrics, logs or traces", path.name)
    size = path.stat().st_size
    offset = 0
    with path.open("rb") as source:
        while head := source.read(_HEAD):
            length = int.from_bytes(head, "big")
            where = f"{path}, byte {offset}"
            if len(head) < _HEAD or offset + _HEAD + length > size:
                raise InputError(where, "is cut off: a request should end later than the file", f"{size} bytes")
            try:
                request = _MESSAGES[named[0]].FromString(source.read(length))
            except DecodeError:
                raise InputError(where, f"must be an OTLP {named[0]} request behind its length") from None
            newest = max(_times(named[0], request), default=0)
            if newest:
                yield named[0], newest, offset + _HEAD, length
            offset += _HEAD + length


def _times(signal: Signal, request: Any) -> Iterator[int]:
    if signal is Signal.TRACES:
        for block in request.resource_spans:
            for scope in block.scope_spans:
                yield from (span.end_time_unix_nano for span in scope.spans)
    elif signal is Signal.LOGS:
        for block in request.resource_logs:
            for scope in block.scope_logs:
                yield from (max(record.time_unix_nano, record.observed_time_unix_nano) for record in scope.log_records)
    else:
        for block in request.resource_metrics:
            for scope in block.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, metric.WhichOneof("data") or "gauge")
                    yield from (point.time_unix_nano for point in data.data_points)


def _keys() -> str:
    return ", ".join(f'"{key.decode()}"' for key in _SIGNAL)
